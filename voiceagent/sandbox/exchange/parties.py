"""One attempt to reach a party by ringing its telephone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum

from voiceagent.sandbox.party import Behaviour, Party


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
