"""The calls that an exchange knows: those going on, and a bounded number of those that ended."""

from __future__ import annotations

from collections import deque

from voiceagent.sandbox.exchange.call import ExchangeCall

MAX_ENDED_CALLS = 1000
"""Ended calls that can still be looked up."""

MAX_ENDED_HEARD_BYTES = 256 << 20
"""What the parties of ended calls heard is kept up to this; the oldest goes first."""


class Registry:
    """Calls by their id."""

    def __init__(self) -> None:
        """No calls."""
        self._calls: dict[str, ExchangeCall] = {}
        self._ended: deque[ExchangeCall] = deque()

    def add(self, call: ExchangeCall) -> None:
        """Know a call that begins."""
        self._calls[call.call_id] = call

    def find(self, call_id: str) -> ExchangeCall | None:
        """The call with this id."""
        return self._calls.get(call_id)

    def all(self) -> list[ExchangeCall]:
        """All calls, oldest first."""
        return list(self._calls.values())

    def ended(self, call: ExchangeCall) -> None:
        """A call is over: keep it, within the bounds."""
        self._ended.append(call)
        while len(self._ended) > MAX_ENDED_CALLS:
            self._calls.pop(self._ended.popleft().call_id, None)
        heard = 0
        for one in reversed(self._ended):
            heard += one.caller.heard_bytes + one.callee.heard_bytes
            if heard > MAX_ENDED_HEARD_BYTES and one is not call:
                one.caller.clear_heard()
                one.callee.clear_heard()

    def clear(self) -> None:
        """Forget all calls."""
        self._calls.clear()
        self._ended.clear()
