"""Sound that a test can tell from all other sound, byte by byte."""

from __future__ import annotations

import random
import struct

import numpy as np


def noise(samples: int, seed: int, loudness: int = 8000) -> bytes:
    """Reproducible PCM that no other seed produces, and that has no silent sample."""
    dice = random.Random(seed)
    return struct.pack(
        f"<{samples}h", *(dice.randint(1, loudness) * dice.choice((1, -1)) for _ in range(samples))
    )


def noise_ms(ms: float, seed: int, rate: int) -> bytes:
    """As :func:`noise`, by its length in milliseconds."""
    return noise(int(ms * rate / 1000), seed)


def spoken(pcm: bytes) -> bytes:
    """All samples but the silent ones: what remains the same if a busy machine lets a pause slip in."""
    samples = np.frombuffer(pcm, dtype="<i2")
    loud: bytes = samples[samples != 0].tobytes()
    return loud
