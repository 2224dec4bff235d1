"""What is known of the call that is going on: what was said, what was looked up, and whether it rings.

The rule: it lives as long as the call, in :attr:`voiceagent.CallContext.state`, and only what it is given.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from voiceagent import CallContext, Line

_KEY = "escalation"

MOST_LINES = 200
"""Lines of a call that are kept with a case: the latest."""


@dataclass
class Case:
    """One call, as far as escalations go.

    Attributes:
        transcript: What was said, oldest first.
        looked_up: Questions for which the knowledge base was searched, and whether it had an answer.
        ringing: Whether a person is being called at this moment.
        nobody_there: Whether a person was called in vain.
        urgent: Set as soon as the caller has said an urgent word.
    """

    transcript: list[dict[str, str]] = field(default_factory=list)
    looked_up: list[dict[str, str]] = field(default_factory=list)
    ringing: bool = False
    nobody_there: bool = False
    urgent: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, call: CallContext) -> Case:
        """The case of a call."""
        case = call.state.setdefault(_KEY, cls())
        assert isinstance(case, cls)
        return case

    def add(self, line: Line) -> None:
        """Keep what was said."""
        if line.text:
            self.transcript.append({"who": line.who, "text": line.text})
            del self.transcript[:-MOST_LINES]

    @property
    def last_words(self) -> str:
        """What the caller said last; empty if they said nothing."""
        return next((line["text"] for line in reversed(self.transcript) if line["who"] == "caller"), "")
