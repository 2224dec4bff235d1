"""The agent's audio on its way to the parties: a jitter buffer that is filled on request.

Rule: the buffer asks for ``target - buffered - outstanding`` bytes and for nothing else. Once it is primed,
each request therefore equals what was played or dropped since the last one, which is how a client knows
what has been heard. Credit that was granted stays granted, also when the buffer is emptied.
"""

from __future__ import annotations

from voiceagent.sandbox.leg import TICK_SECONDS
from voiceagent.wire.frames import ms_to_bytes

PREFETCH_MS = 800
"""How much audio the buffer holds ahead of the listeners."""

FRAME_MS = 5
"""Least length of an audio frame that requests ask for.

The public client keeps back a tail that is shorter than this until more audio is queued, so it is short; it
is not shorter still, because a client may take it for the size of the frames to send.
"""

MAX_EXCESS_BYTES = 1 << 20
"""Audio beyond the credit that is still accepted; more is dropped."""

_TICKS_PER_REQUEST = 2


class Playout:
    """The jitter buffer of one call.

    Attributes:
        frame_bytes: least size in bytes of an audio frame, for the requests.
        outstanding: bytes asked for and not yet received.
    """

    def __init__(self, sample_rate: int) -> None:
        """An empty buffer at ``sample_rate`` Hz, which asks for nothing until :meth:`open`."""
        self._target = 0
        self._prefetch = ms_to_bytes(PREFETCH_MS, sample_rate)
        self._worth_asking = _TICKS_PER_REQUEST * ms_to_bytes(TICK_SECONDS * 1000, sample_rate)
        self._audio = bytearray()
        self.frame_bytes = ms_to_bytes(FRAME_MS, sample_rate)
        self.outstanding = 0

    def open(self) -> None:
        """From now on somebody listens: prefetch."""
        self._target = self._prefetch

    def feed(self, pcm: bytes | memoryview) -> int:
        """Take audio from the agent.

        Returns:
            How many bytes of it were beyond the credit.
        """
        size = len(pcm)
        excess = max(0, size - self.outstanding)
        self.outstanding -= size - excess
        if len(self._audio) + size <= self._prefetch + MAX_EXCESS_BYTES:
            self._audio += pcm
        return excess

    def pull(self, size: int) -> bytes | None:
        """Take the next ``size`` bytes; None is silence. A short last piece is filled with zeros."""
        audio = self._audio
        if not audio or not self._target:
            return None
        pcm = bytes(audio[:size])
        del audio[:size]
        return pcm if len(pcm) == size else pcm + bytes(size - len(pcm))

    def clear(self) -> int:
        """Drop what is buffered; the credit stays. Returns the bytes dropped."""
        dropped = len(self._audio)
        self._audio.clear()
        return dropped

    def request(self) -> int:
        """How many bytes to ask for now; 0 for none. They count as outstanding from here on.

        Small amounts are gathered over two ticks while there is still audio to play.
        """
        wanted = self._target - len(self._audio) - self.outstanding
        if wanted <= 0 or (wanted < self._worth_asking and self._audio):
            return 0
        self.outstanding += wanted
        return wanted
