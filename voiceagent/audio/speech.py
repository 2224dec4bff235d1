"""When does somebody speak? A passive detector by loudness, good enough to measure latency with.

It drives nothing: turns are the model's business. It follows the line's noise floor, so that a hissing line
does not count as speech.
"""

from __future__ import annotations

import numpy as np

_LEAST_RMS = 250.0
"""Quietest speech, as RMS of s16 samples (about -42 dBFS): below it lies line noise and echo."""

_OVER_FLOOR = 3.0
"""Speech is this many times louder than the noise floor (about 10 dB)."""

_ONSET_MS = 60.0
"""So long must it be loud before it counts: clicks and pops are shorter."""

_HANGOVER_MS = 300.0
"""So long must it be quiet before speech counts as over: pauses between words are shorter."""


class SpeechMeter:
    """Says for each chunk of a stream whether somebody is speaking.

    Args:
        sample_rate: Of the s16le mono PCM that :meth:`hear` is given, in Hz.

    Attributes:
        speaking: Whether somebody speaks right now.
        quiet_ms: Milliseconds since the last loud chunk, while and after somebody speaks.
        spoke: How often somebody has begun to speak.
    """

    def __init__(self, sample_rate: int) -> None:
        self._ms_per_byte = 1000 / (2 * sample_rate)
        self._floor = _LEAST_RMS / _OVER_FLOOR
        self._loud_ms = 0.0
        self.quiet_ms = 0.0
        self.spoke = 0
        self.speaking = False

    def hear(self, pcm: bytes) -> bool:
        """Take the next chunk (about 20 ms); true when speech has begun or ended with it."""
        samples = np.frombuffer(pcm, dtype=np.int16).astype(np.float32)
        if not len(samples):
            return False
        rms = float(np.sqrt(np.dot(samples, samples) / len(samples)))
        lasted = len(pcm) * self._ms_per_byte
        if rms > max(_LEAST_RMS, self._floor * _OVER_FLOOR):
            self._loud_ms += lasted
            self.quiet_ms = 0.0
            # A steady sound, such as music on hold or a fan, becomes the floor within some seconds.
            self._floor += (rms - self._floor) * min(1.0, lasted / 20_000)
        else:
            self._loud_ms = 0.0
            self.quiet_ms += lasted
            self._floor += (rms - self._floor) * min(1.0, lasted / 500)
        was = self.speaking
        if was:
            self.speaking = self.quiet_ms < _HANGOVER_MS
        else:
            self.speaking = self._loud_ms >= _ONSET_MS
            self.spoke += self.speaking
        return was != self.speaking
