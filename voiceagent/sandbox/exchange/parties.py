"""How telephone numbers react to ringing, and one attempt to reach one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Behaviour(StrEnum):
    """What a party does when its telephone rings."""

    ANSWER = "answer"
    NOANSWER = "noanswer"
    REJECT = "reject"


DEFAULT_AFTER_MS = 300
"""How long a party lets it ring before it answers or rejects, when nothing else was said."""


@dataclass(frozen=True)
class Party:
    """A party's behaviour. ``after_ms`` is how long it lets it ring; None for ever, with ``NOANSWER``."""

    behaviour: Behaviour = Behaviour.ANSWER
    after_ms: int | None = DEFAULT_AFTER_MS


class RingResult(StrEnum):
    """How an attempt to reach a party ended."""

    ANSWERED = "answered"
    UNANSWERED = "unanswered"
    REJECTED = "rejected"


_RESULTS = {
    Behaviour.ANSWER: RingResult.ANSWERED,
    Behaviour.NOANSWER: RingResult.UNANSWERED,
    Behaviour.REJECT: RingResult.REJECTED,
}


class Ring:
    """One telephone ringing. Reports its result once, unless it is cancelled first."""

    def __init__(self, party: Party, seconds: float, on_result: Callable[[RingResult], None]) -> None:
        """Ring ``party`` for at most ``seconds``."""
        self._on_result = on_result
        result, after = RingResult.UNANSWERED, seconds
        if party.after_ms is not None and party.after_ms / 1000 < seconds:
            result, after = _RESULTS[party.behaviour], party.after_ms / 1000
        self._timer = asyncio.get_running_loop().call_later(after, on_result, result)

    def reject(self) -> None:
        """The party declines now."""
        self.cancel()
        self._on_result(RingResult.REJECTED)

    def cancel(self) -> None:
        """Stop ringing; no result."""
        self._timer.cancel()
