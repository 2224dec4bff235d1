"""Streaming conversion between the line's sample rate and the model's.

soxr runs in its variable-rate mode, because its delay there is constant (10 to 30 ms); its default mode
gives audio back in bursts of up to 150 ms, which a caller hears as a late answer.
"""

from __future__ import annotations

import numpy as np
import soxr

_NOTHING = np.zeros(0, dtype=np.int16)


class Resampler:
    """Converts one stream of s16le mono PCM from ``in_rate`` to ``out_rate`` Hz.

    What goes in comes out, less the constant delay; :meth:`flush` gives that rest at the end of an
    utterance. Equal rates pass through untouched.
    """

    def __init__(self, in_rate: int, out_rate: int) -> None:
        self._stream = (
            None
            if in_rate == out_rate
            else soxr.ResampleStream(in_rate, out_rate, 1, dtype="int16", quality="HQ", vr=True)
        )

    def process(self, pcm: bytes) -> bytes:
        """The converted audio that is ready after ``pcm`` (whole samples; may be empty)."""
        if self._stream is None:
            return pcm
        return self._stream.resample_chunk(np.frombuffer(pcm, dtype=np.int16)).tobytes()  # type: ignore[no-any-return]

    def flush(self) -> bytes:
        """The audio still held inside; afterwards the stream begins anew."""
        if self._stream is None:
            return b""
        tail: bytes = self._stream.resample_chunk(_NOTHING, last=True).tobytes()
        self._stream.clear()
        return tail

    def reset(self) -> None:
        """Forget the audio held inside: it belongs to an answer that nobody is to hear."""
        if self._stream is not None:
            self._stream.clear()
