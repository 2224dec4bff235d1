"""Shows the calls of a service on its terminal, beside its log: one call at a time, from its first moment.

A call that begins while another one is shown is not: its words would stand in between. Its report has them.
"""

from __future__ import annotations

import logging

from rich.console import Console
from rich.text import Text

from voiceagent import CallContext
from voiceagent.cli.display import CallDisplay
from voiceagent.report import Ended, Moment


class CallFollower:
    """An observer of a service that prints one call at a time.

    Args:
        console: Where to print.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: str | None = None
        self._display: CallDisplay | None = None
        self._others: set[str] = set()

    def __call__(self, context: CallContext, moment: Moment) -> None:
        """Take a moment of any call."""
        call_id = context.call_id
        if self._display is None and call_id not in self._others:
            self._shown, self._display = call_id, CallDisplay(self._console)
            self._say(f"call {call_id}")
        if self._display is not None and call_id == self._shown:
            self._display.show(moment)
            if isinstance(moment, Ended):
                self._shown = self._display = None
        elif isinstance(moment, Ended):
            self._others.discard(call_id)
        elif call_id not in self._others:
            self._others.add(call_id)
            self._say(f"call {call_id} has begun as well; its report will have what is said in it")

    def finish_line(self) -> None:
        """Begin a new line, where somebody's words stand in one."""
        if self._display is not None:
            self._display.finish_line()

    def _say(self, text: str) -> None:
        self.finish_line()
        self._console.print(Text(text, "bold"))


class BetweenLines(logging.StreamHandler):  # type: ignore[type-arg]
    """A log handler for standard error that breaks no line of a conversation.

    Args:
        follower: Prints the conversation.
    """

    def __init__(self, follower: CallFollower) -> None:
        super().__init__()
        self._follower = follower

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, on a line of its own."""
        self._follower.finish_line()
        super().emit(record)
