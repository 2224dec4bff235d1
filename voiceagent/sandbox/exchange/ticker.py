"""The clock of the exchange: one timer that moves the audio of all calls every 20 ms.

Rule: time is real. A late tick is made up for by as many ticks as time owes, and by no more; there is no
timer and no task per call.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from voiceagent.sandbox.leg import TICK_SECONDS

MAX_LATE = 1.0
"""Seconds that are made up for. After a longer pause (a suspended machine) time goes on from now."""

_EARLY = 0.001
"""A timer may fire this early, within the resolution of the clock."""


class Ticking(Protocol):
    """Something that moves audio."""

    def tick(self) -> None:
        """Move one tick of audio; never raises."""


class Ticker:
    """Ticks everything that was added. Stands still while there is nothing."""

    def __init__(self) -> None:
        """A ticker with nothing to tick."""
        self._ticked: dict[Ticking, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0

    def add(self, ticking: Ticking) -> None:
        """Tick this, too; adding it again changes nothing."""
        self._ticked[ticking] = None
        if self._timer is None:
            self._next = asyncio.get_running_loop().time()
            self._schedule()

    def remove(self, ticking: Ticking) -> None:
        """Tick this no longer."""
        self._ticked.pop(ticking, None)

    def stop(self) -> None:
        """Tick nothing any more."""
        self._ticked.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self) -> None:
        self._next += TICK_SECONDS
        self._timer = asyncio.get_running_loop().call_at(self._next, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        self._next = max(self._next, now - MAX_LATE)
        while True:
            for ticking in tuple(self._ticked):
                ticking.tick()
            if self._next + TICK_SECONDS > now + _EARLY:
                break
            self._next += TICK_SECONDS
        if self._ticked and self._timer is None:
            self._schedule()
