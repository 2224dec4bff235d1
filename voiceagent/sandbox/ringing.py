"""The ringing tone, as a person knows it: who hears it waits for somebody to speak."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

RINGING_HERTZ = 425.0
"""The tone that ITU-T E.180 prefers for ringing."""

_SHARE = 0.98
"""So much of a sound's energy is in the tone where it is the tone, swelling or fading included. Of 20 ms of
speech hardly ever so much is."""

_TOLERANCE = 5.0
"""Hz."""


def is_ringing(pcm: bytes, sample_rate: int) -> bool:
    """Whether a piece of sound is the ringing tone and nothing else.

    Args:
        pcm: s16le mono PCM, 10 ms or more.
        sample_rate: In Hz.
    """
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    energy = float(np.dot(samples, samples))
    if not energy:
        return False
    in_tone = _tone(len(samples), sample_rate) @ samples
    if float(np.dot(in_tone, in_tone)) < _SHARE * energy:
        return False
    # So short a piece has much of its neighbours' energy, too. But of a sine, the samples beside each sample
    # add up to it times twice the cosine of its step.
    here, beside = samples[1:-1], samples[2:] + samples[:-2]
    step = np.arccos(np.clip(np.dot(beside, here) / (2 * np.dot(here, here)), -1.0, 1.0))
    return abs(float(step) * sample_rate / (2 * np.pi) - RINGING_HERTZ) <= _TOLERANCE


@lru_cache(maxsize=16)
def _tone(length: int, sample_rate: int) -> Any:
    """Orthonormal rows that span the tone in every phase, steady and growing."""
    n = np.arange(length)
    turn = 2 * np.pi * RINGING_HERTZ * n / sample_rate
    rows = np.array([np.cos(turn), np.sin(turn), n * np.cos(turn), n * np.sin(turn)])
    return np.linalg.qr(rows.T)[0].T
