"""How far the line has come with the audio it was given: what its requests tell, held against the clock.

The server keeps ``target`` bytes buffered or asked for: it requests ``target - buffered - outstanding``.
So what it has consumed (played, or dropped on an interruption) is all it ever requested, less the target;
and the target shows as the largest credit that was ever open. Requests come after the playing, hence this
reckoning lags by one request.

But a server that asks for its target piece by piece gets each piece before it asks for the next, so that its
target looks too small, and the reckoning runs ahead of the listeners. Hence the second rule: no audio is
played faster than it lasts, counted from when it left. Both rules must agree that a byte has been played.
"""

from __future__ import annotations

import math

TELLING_SECONDS = 10
"""A server with more credit open than this has asked for all there is; its requests tell nothing."""


class Playout:
    """Counts the bytes of one call's outgoing audio, on a timeline that holds only what is not cleared.

    Args:
        byte_rate: Bytes that the line plays in a second. Times (``now``) are seconds of any one clock.
    """

    __slots__ = (
        "_accepted",
        "_base",
        "_byte_rate",
        "_ends_at",
        "_played",
        "_requested",
        "_sent",
        "_settled",
        "_target",
        "_told",
    )

    def __init__(self, byte_rate: int) -> None:
        self._byte_rate = byte_rate
        self._requested = 0
        self._sent = 0
        self._target = 0
        # The last clear: how much had been sent by then, and where on the timeline it fell.
        self._settled = 0
        self._base = 0
        self._accepted = 0
        self._told = 0
        # When all that was sent has been played, if without a pause; None while nobody listens yet.
        self._ends_at: float | None = None
        self._played = 0

    def accepted(self, size: int) -> None:
        """The program queued ``size`` bytes."""
        self._accepted += size

    def sent(self, size: int, now: float) -> None:
        """``size`` bytes left for the server."""
        self._sent += size
        if self._ends_at is not None:
            self._ends_at = max(self._ends_at, now) + size / self._byte_rate

    def requested(self, size: int) -> None:
        """The server granted ``size`` bytes of credit."""
        self._requested += size
        self._target = max(self._target, self._requested - self._sent)
        consumed = self._requested - self._target - self._settled
        self._told = max(self._told, self._base + min(consumed, self._sent - self._settled))

    def opened(self, now: float) -> None:
        """Somebody listens from now on: what was sent before begins to play."""
        self._ends_at = now + (self._sent - self._settled) / self._byte_rate

    def cleared(self, now: float) -> None:
        """What is queued or was sent, and is not played yet, will never be heard.

        The timeline is cut at what has been played. The server asks again for what it dropped; that only
        makes up for what was settled here, and does not count as played.
        """
        self._base = self._told = self._accepted = self.played(now)
        self._settled = self._sent
        if self._ends_at is not None:
            self._ends_at = now

    @property
    def queued(self) -> int:
        """Bytes accepted and not cleared since: the end of what will be heard."""
        return self._accepted

    def played(self, now: float) -> int:
        """Bytes that have left the line's buffers towards the listeners. Never falls or passes ``queued``."""
        possible = self.possible(now)
        telling = self._target <= TELLING_SECONDS * self._byte_rate
        self._played = max(self._played, min(self._told, possible) if telling else possible)
        return self._played

    def told(self, position: float) -> bool:
        """Whether the server's requests say that it has played up to ``position``."""
        return self._told >= position

    def possible(self, now: float) -> int:
        """The position if the line has played all that it was sent without a pause."""
        if self._ends_at is None:
            return self._base
        remaining = round(max(0.0, self._ends_at - now) * self._byte_rate)
        return self._base + self._sent - self._settled - remaining

    def end_of(self, position: int, now: float) -> float:
        """The earliest time at which ``position`` can have been played, if what is not sent leaves now."""
        if position <= self._base:
            return -math.inf
        if self._ends_at is None:
            return now + (position - self._base) / self._byte_rate
        unsent = position - (self._base + self._sent - self._settled)
        return (max(self._ends_at, now) if unsent > 0 else self._ends_at) + unsent / self._byte_rate

    @property
    def held_by_server(self) -> bool:
        """Whether audio was sent since the last clear, so that the server may hold some of it."""
        return self._sent > self._settled
