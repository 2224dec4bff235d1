"""What was said in a call, for a model that must be told of it: cut to what the caller heard.

It is kept apart from the report, whose texts are redacted: the model has heard everything already.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from voiceagent.bridge import prompts
from voiceagent.live import Said
from voiceagent.report import AgentText, CallerText, Moment, TurnEnded
from voiceagent.turn import Turn, TurnState

_MOST_CHARACTERS = 20_000
"""So much text is kept, which is about half an hour of conversation; the oldest goes first."""


@dataclass(slots=True)
class _Entry:
    at: float
    said: Said
    turn: int | None


class ConversationMemory:
    """Keeps what was said, and knows whether anybody is in the middle of something.

    Args:
        now: The event loop's clock, in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._entries: deque[_Entry] = deque()
        self._characters = 0
        # Of the bridge; there is none before the call is answered.
        self._last_turn: Callable[[], Turn | None] = lambda: None
        self._busy: Callable[[], bool] = lambda: False
        self._speaks: Callable[[], bool] = lambda: False

    def attach(
        self, last_turn: Callable[[], Turn | None], busy: Callable[[], bool], speaks: Callable[[], bool]
    ) -> None:
        """The conversation begins.

        Args:
            last_turn: The newest answer.
            busy: Whether a tool runs, or something is being done to the line.
            speaks: Whether the caller speaks.
        """
        self._last_turn = last_turn
        self._busy = busy
        self._speaks = speaks

    def note(self, moment: Moment) -> None:
        """Take in what was said; other moments are of no interest."""
        match moment:
            case CallerText():
                self._add("user", moment.text, None)
            case AgentText():
                self._add("model", moment.text, moment.turn)
            case TurnEnded():
                self._cut(moment)

    @property
    def turn(self) -> int | None:
        """Number of the newest answer; None before the first."""
        turn = self._last_turn()
        return None if turn is None else turn.number

    def quiet(self) -> bool:
        """Whether nobody is in the middle of anything."""
        turn = self._last_turn()
        return not (self._speaks() or self._busy()) and (turn is None or turn.state is TurnState.OVER)

    def caller_speaks(self) -> bool:
        """Whether the caller speaks at the moment."""
        return self._speaks()

    def said_since(self, moment: float | None) -> Sequence[Said]:
        """What was said since a time of the event loop's clock; None: all that is kept."""
        return [entry.said for entry in self._entries if moment is None or entry.at >= moment]

    def unfinished(self) -> str | None:
        """What to tell the model so that it goes on with the answer that is being made."""
        turn = self._last_turn()
        # A second connection may be lost before the model has gone on over it.
        if turn is None or not turn.unfinished or not turn.generated_ms:
            return None
        # What has been generated lies on the line, and is heard though the connection is gone.
        return prompts.go_on_after_break(turn.text)

    def _add(self, role: str, text: str, turn: int | None) -> None:
        entries = self._entries
        last = entries[-1] if entries else None
        if last is not None and last.said.role == role and last.turn == turn:
            entries.pop()
            self._characters -= len(last.said.text)
            text = last.said.text + text
        self._append(_Entry(self._now(), Said("user" if role == "user" else "model", text), turn))

    def _append(self, entry: _Entry) -> None:
        self._entries.append(entry)
        self._characters += len(entry.said.text)
        while self._characters > _MOST_CHARACTERS and len(self._entries) > 1:
            self._characters -= len(self._entries.popleft().said.text)

    def _cut(self, ended: TurnEnded) -> None:
        """The model is not to believe that it said what nobody heard."""
        for entry in [entry for entry in self._entries if entry.turn == ended.turn]:
            self._characters += len(ended.text) - len(entry.said.text)
            if ended.text:
                entry.said = Said("model", ended.text)
            else:
                self._entries.remove(entry)
