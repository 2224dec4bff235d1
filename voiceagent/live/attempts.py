"""How often and how long another connection is tried before a session is given up."""

from __future__ import annotations

import random

_SECONDS = 10.0
"""After so long without a connection that works, the session is given up."""

_PAUSES = (0.0, 0.25, 0.5, 1.0)
"""Seconds before each attempt; the last one again and again."""

_JITTER = 0.25
"""Calls that lost their connections together do not all come back at the same moment."""


class Attempts:
    """Counts the attempts since a connection worked last.

    A connection that ends again before the model has reacted to anything counts as a failed attempt, so that
    a service which accepts and drops connections is given up, too.

    Attributes:
        failures: Connections in a row that were opened and did not work.
        made: Attempts since the last connection that worked was lost.
    """

    def __init__(self) -> None:
        self.failures = 0
        self.made = 0
        self._since = 0.0
        self._opened: tuple[float, int] | None = None

    def lost(self, now: float, reactions: int) -> None:
        """A connection is lost.

        Args:
            now: When, in seconds of a steady clock.
            reactions: How often the model has reacted in all.
        """
        if self._opened is None or reactions != self._opened[1] or now - self._opened[0] > _SECONDS:
            self.failures = self.made = 0
            self._since = now
            return
        self.failures += 1
        if not self.made:
            # It was opened in good time, before the last one was lost: only now is there none.
            self._since = now

    def next_pause(self, now: float) -> float | None:
        """Seconds to wait before the next attempt; None where there is to be none."""
        if now - self._since >= _SECONDS:
            return None
        pause = _PAUSES[min(self.made, len(_PAUSES) - 1)]
        self.made += 1
        return pause * random.uniform(1 - _JITTER, 1 + _JITTER)

    def opened(self, now: float, reactions: int) -> None:
        """A connection has been opened; the arguments are those of :meth:`lost`."""
        self._opened = now, reactions
