"""How far the line has come with the audio it was given, reckoned from its requests for more.

The server keeps ``target`` bytes buffered or asked for: it requests ``target - buffered - outstanding``.
So what it has consumed (played, or dropped on an interruption) is all it ever requested, less the target;
and the target shows as the largest credit that was ever open. Requests come after the playing, hence the
reckoning may lag by one request and never runs ahead.
"""

from __future__ import annotations


class Playout:
    """Counts the bytes of one call's outgoing audio, on a timeline that holds only what is not cleared."""

    __slots__ = ("_accepted", "_base", "_played", "_requested", "_sent", "_settled", "_target")

    def __init__(self) -> None:
        self._requested = 0
        self._sent = 0
        self._target = 0
        # The last clear: how much had been sent by then, and where on the timeline it fell.
        self._settled = 0
        self._base = 0
        self._accepted = 0
        self._played = 0

    def accepted(self, size: int) -> None:
        """The program queued ``size`` bytes."""
        self._accepted += size

    def sent(self, size: int) -> None:
        """``size`` bytes left for the server."""
        self._sent += size

    def requested(self, size: int) -> None:
        """The server granted ``size`` bytes of credit."""
        self._requested += size
        self._target = max(self._target, self._requested - self._sent)
        consumed = self._requested - self._target - self._settled
        self._played = max(self._played, self._base + min(consumed, self._sent - self._settled))

    def cleared(self) -> None:
        """What is queued or was sent, and is not played yet, will never be heard.

        The timeline is cut at what has been played. The server asks again for what it dropped; that only
        makes up for what was settled here, and does not count as played.
        """
        self._settled = self._sent
        self._base = self._played
        self._accepted = self._played

    @property
    def queued(self) -> int:
        """Bytes accepted and not cleared since: the end of what will be heard."""
        return self._accepted

    @property
    def played(self) -> int:
        """Bytes that have left the line's buffers towards the listeners. Never falls or passes ``queued``."""
        return self._played

    @property
    def held_by_server(self) -> bool:
        """Whether audio was sent since the last clear, so that the server may hold some of it."""
        return self._sent > self._settled
