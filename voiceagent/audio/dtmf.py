"""Which keys of a telephone are pressed, heard in its audio.

A key is the sum of two tones, one of its row and one of its column. A block of 25.5 ms that is nearly
nothing but such a pair is a key; speech that comes close has harmonics, or a third tone. Only where half a
block is made of key tones at all is the block looked at, so that speech and silence cost next to nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[np.float32]

ROWS = (697.0, 770.0, 852.0, 941.0)
COLUMNS = (1209.0, 1336.0, 1477.0, 1633.0)
KEYS = ("123A", "456B", "789C", "*0#D")
"""Frequencies in Hz, and the key of each row and column (ITU-T Q.23)."""

_HALF_SECONDS = 102 / 8000
"""Half a block, 12.75 ms. A key of 40 ms has two whole halves in it, wherever it begins."""

_GATHERED_HALVES = 3
"""So many are looked at together while nothing sounds like a key: one chunk at a time costs twice as much."""

_LEAST_RMS = 130.0
"""Quieter halves hold no key (-48 dBFS). A receiver must hear tones of -35 dBFS each (Q.24: -29 dBm)."""

_TONAL = 0.6
"""Least share of the energy of half a block near the eight frequencies, for its block to be looked at."""

_PURE = 0.8
"""Least share of the energy of a block in its two tones."""

_COLUMN_LOUDER, _ROW_LOUDER = 10**0.5, 10**0.85
"""How many times one tone may have the power of the other: 5 and 8.5 dB. Lines weaken the higher one."""

_OTHERS = 10**0.8
"""A tone has at least so many times the power of the others of its group (8 dB)."""

_HARMONICS = 10.0
"""And of its own second harmonic (10 dB): a voice has harmonics, a key has none."""

_RELEASED_HALVES = 4
"""After so many halves without it a key is pressed anew: two presses 40 ms apart are two, and a gap of
20 ms, which is a lost packet, is none."""


class DtmfDetector:
    """Detects the tones of keys in a stream.

    Args:
        sample_rate: Of the s16le mono PCM that :meth:`hear` is given, in Hz; 8000 or more.

    Attributes:
        key: The key that is held right now; empty if none is.
    """

    def __init__(self, sample_rate: int) -> None:
        self.key = ""
        self._half = round(_HALF_SECONDS * sample_rate)
        self._half_bytes = 2 * self._half
        self._least_energy = self._half * _LEAST_RMS**2
        self._waves = _waves((*ROWS, *COLUMNS), self._half, sample_rate)
        # For whole blocks, one by one: the tones and their second harmonics.
        tones = (*ROWS, *COLUMNS)
        self._block_waves = _waves((*tones, *(2 * tone for tone in tones)), 2 * self._half, sample_rate)
        self._parts: list[bytes] = []
        self._size = 0
        self._previous: _Array = np.zeros(self._half, np.float32)
        self._previous_tonal = False
        self._missed = _RELEASED_HALVES

    def hear(self, pcm: bytes) -> str:
        """Take the next chunk (about 20 ms); the keys whose tones have been recognised with it.

        A key is recognised 20 to 60 ms after it was pressed: sooner than a speech meter takes it for speech.
        """
        self._parts.append(pcm)
        self._size += len(pcm)
        halves = self._size // self._half_bytes
        if not halves or (halves < _GATHERED_HALVES and not (self.key or self._previous_tonal)):
            return ""
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        used = halves * self._half_bytes
        self._parts = [data[used:]]
        self._size -= used
        audio = np.frombuffer(data, np.int16, halves * self._half).astype(np.float32)
        signal = audio.reshape(halves, self._half)
        energy = np.einsum("ij,ij->i", signal, signal)
        tonal = energy >= self._least_energy
        if tonal.any():
            tones = signal @ self._waves
            tonal &= np.einsum("ij,ij->i", tones, tones) >= _TONAL / 2 * self._half * energy
        if not (self._previous_tonal or tonal.any()):
            self._miss(halves)
            keys = ""
        else:
            keys = "".join(
                self._block(half, bool(is_tonal)) for half, is_tonal in zip(signal, tonal, strict=True)
            )
        self._previous = signal[-1]
        return keys

    def _block(self, half: _Array, tonal: bool) -> str:
        """The key that begins with the block of this half and the one before it."""
        looked_at = tonal and self._previous_tonal
        block = np.concatenate((self._previous, half)) if looked_at else half
        self._previous, self._previous_tonal = half, tonal
        key = self._key_of(block) if looked_at else ""
        if not key:
            self._miss(1)
            return ""
        held, self.key = self.key, key
        again, self._missed = self._missed >= _RELEASED_HALVES, 0
        return key if again or key != held else ""

    def _miss(self, halves: int) -> None:
        self._missed += halves
        if self._missed >= _RELEASED_HALVES:
            self.key = ""

    def _key_of(self, block: _Array) -> str:
        found = block @ self._block_waves
        power = found[0::2] ** 2 + found[1::2] ** 2
        row, column = int(power[:4].argmax()), int(power[4:8].argmax())
        low, high = float(power[row]), float(power[4 + column])
        energy = float(block @ block)
        if (low + high) < _PURE / 2 * len(block) * energy:
            return ""
        if high > low * _COLUMN_LOUDER or low > high * _ROW_LOUDER:
            return ""
        for index, other in enumerate(power[:8]):
            if index not in (row, 4 + column) and other * _OTHERS > (low if index < 4 else high):
                return ""
        if power[8 + row] * _HARMONICS > low or power[12 + column] * _HARMONICS > high:
            return ""
        return KEYS[row][column]


def _waves(frequencies: tuple[float, ...], length: int, rate: int) -> _Array:
    """One column of cosine and one of sine for each frequency, (length, 2 * frequencies)."""
    phase = 2 * np.pi * np.outer(np.arange(length), frequencies) / rate
    waves = np.empty((length, 2 * len(frequencies)), np.float32)
    waves[:, 0::2], waves[:, 1::2] = np.cos(phase), np.sin(phase)
    return waves
