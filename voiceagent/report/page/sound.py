"""A recording, small enough to travel inside a page: G.711 at 16 kHz at most, deflated, in base64.

The page turns it back into a WAV file for the browser's own player.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from voiceagent.report.page.waveform import blocks, open_recording

_HIGHEST_RATE = 16_000
"""Hz. Telephone speech has nothing above half of it, and a model's voice little."""

_BLOCK_SECONDS = 2


def _mu_law() -> npt.NDArray[np.uint8]:
    """The code of every 16-bit sample, by its bits (ITU-T G.711)."""
    samples = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int64)
    magnitude = np.minimum(np.abs(samples), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int64) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    codes: npt.NDArray[np.int64] = ~(np.where(samples < 0, 0x80, 0) | exponent << 4 | mantissa) & 0xFF
    return codes.astype(np.uint8)


_CODES = _mu_law()


def sound_rate(path: Path) -> int:
    """The rate of :func:`packed_sound`, in Hz.

    Raises:
        RecordingError: the file is no recording of a call.
        OSError: the file cannot be read.
    """
    with open_recording(path) as file:
        return min(file.getframerate(), _HIGHEST_RATE)


def packed_sound(path: Path, stopped: Callable[[], bool] = lambda: False) -> Iterator[bytes]:
    """The recording in pieces of base64: deflated mu-law, all of the left channel, then all of the right.

    Raises:
        RecordingError: the file is no recording of a call, or ``stopped`` said that nobody waits for it.
        OSError: the file cannot be read.
    """
    # Nothing in a call repeats itself but silence: to look for more takes twice the time and saves nothing.
    deflate = zlib.compressobj(1, strategy=zlib.Z_RLE)
    packed = b""
    for side in (0, 1):
        for codes in _codes(path, side, stopped):
            packed += deflate.compress(codes.tobytes())
            # Base64 of pieces is base64 of the whole as long as each piece has a multiple of three bytes.
            whole = len(packed) // 3 * 3
            yield base64.b64encode(packed[:whole])
            packed = packed[whole:]
    yield base64.b64encode(packed + deflate.flush())


def _codes(path: Path, side: int, stopped: Callable[[], bool]) -> Iterator[npt.NDArray[np.uint8]]:
    with open_recording(path) as file:
        rate = file.getframerate()
        stream = None
        if rate > _HIGHEST_RATE:
            stream = soxr.ResampleStream(rate, _HIGHEST_RATE, 1, dtype="int16", quality="MQ")
        for block in blocks(file, rate * _BLOCK_SECONDS, stopped):
            samples = np.ascontiguousarray(block[:, side])
            yield _coded(samples if stream is None else stream.resample_chunk(samples))
        if stream is not None:
            yield _coded(stream.resample_chunk(np.zeros(0, np.int16), last=True))


def _coded(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.uint8]:
    return np.take(_CODES, samples.view(np.uint16))
