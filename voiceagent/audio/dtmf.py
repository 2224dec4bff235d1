"""Which keys of a telephone are pressed, heard in its audio."""

from __future__ import annotations


class DtmfDetector:
    """Detects the tones of keys in a stream.

    Args:
        sample_rate: Of the s16le mono PCM that :meth:`hear` is given, in Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate

    def hear(self, pcm: bytes) -> str:
        """Take the next chunk (about 20 ms); the keys whose tones have been recognised with it."""
        return ""
