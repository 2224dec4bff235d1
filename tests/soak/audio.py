"""Speech that can be told from silence and from all other speech.

Rule: no byte of speech is zero, and every byte of silence is. What was said is therefore what is left of
what was heard when the zeros are taken out, however it was cut into ticks and padded.
"""

from __future__ import annotations

import random

RATE = 24_000
"""Sample rate of all calls in Hz."""

BYTES_PER_MS = RATE * 2 // 1000

_SECONDS = 40
_NO_ZERO = bytes([1, *range(1, 256)])
_NOISE = random.Random(1).randbytes(_SECONDS * 1000 * BYTES_PER_MS).translate(_NO_ZERO)


def speech(number: int, part: str, seconds: float) -> bytes:
    """What is said in one part of a call: s16le PCM that no other call and no other part has."""
    size = round(seconds * 1000) * BYTES_PER_MS
    start = random.Random(f"{number} {part}").randrange(0, len(_NOISE) - size, 2)
    return _NOISE[start : start + size]


def spoken(pcm: bytes) -> bytes:
    """PCM without its silence."""
    return pcm.translate(None, b"\0")
