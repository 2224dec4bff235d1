"""The tones of a telephone's keys, as a caller sends them.

The frequencies stand here once more, apart from the detector's: a caller must not share its mistakes.
"""

from __future__ import annotations

import numpy as np

_KEYS = {
    "1": (697, 1209),
    "2": (697, 1336),
    "3": (697, 1477),
    "A": (697, 1633),
    "4": (770, 1209),
    "5": (770, 1336),
    "6": (770, 1477),
    "B": (770, 1633),
    "7": (852, 1209),
    "8": (852, 1336),
    "9": (852, 1477),
    "C": (852, 1633),
    "*": (941, 1209),
    "0": (941, 1336),
    "#": (941, 1477),
    "D": (941, 1633),
}
"""Frequencies in Hz (ITU-T Q.23)."""

KEYS = "".join(_KEYS)

PRESS_MS = 100
PAUSE_MS = 100
"""How long a key sounds, and the pause after it."""

LEVEL = 4000
"""Peak of each of the two tones (-18 dBFS)."""


def key_tones(
    keys: str,
    sample_rate: int,
    *,
    press_ms: float = PRESS_MS,
    pause_ms: float = PAUSE_MS,
    level: float = LEVEL,
) -> bytes:
    """The keys one after the other, each with a pause after it, as s16le mono PCM.

    Args:
        keys: ``0`` to ``9``, ``*``, ``#``, ``A`` to ``D``.
        sample_rate: In Hz.
        press_ms: How long each sounds.
        pause_ms: The pause after each.
        level: Peak of each of its two tones.

    Raises:
        ValueError: there is no such key.
    """
    t = np.arange(round(sample_rate * press_ms / 1000)) / sample_rate
    pause = bytes(2 * round(sample_rate * pause_ms / 1000))
    pcm = bytearray()
    for key in keys:
        if key not in _KEYS:
            raise ValueError(f"a telephone has no key {key!r}; it has {KEYS}")
        low, high = _KEYS[key]
        tone = level * (np.sin(2 * np.pi * low * t) + np.sin(2 * np.pi * high * t))
        pcm += np.clip(np.rint(tone), -32768, 32767).astype("<i2").tobytes() + pause
    return bytes(pcm)
