"""What the model makes of its turn, as the caller gets it: sound, or something that nobody hears."""

from __future__ import annotations

from enum import Enum

import numpy as np

from voiceagent.live import OUTPUT_RATE
from voiceagent.wire.frames import bytes_to_ms

_LEAST_PEAK = 60
"""Samples of s16 below it are silence (-55 dBFS). Services were seen to send whole answers of 18."""


class Made(Enum):
    """What has come of a turn so far."""

    NOTHING = "nothing"
    STILLNESS = "stillness"
    """Audio in which nothing is to be heard."""
    TEXT = "text"
    """Text where speech was asked for."""
    SOUND = "sound"
    CALLS = "calls"
    """Tools were called last."""
    JUDGED = "judged"
    """Nothing more is expected of it: it was interrupted, or has been asked for again."""


class Output:
    """Follows one turn.

    Attributes:
        made: See :class:`Made`.
        still_ms: How long its silent audio is.
        text: What it wrote.
    """

    def __init__(self) -> None:
        self.made = Made.NOTHING
        self.still_ms = 0.0
        self.text = ""

    def audio(self, pcm: bytes) -> None:
        """Audio has come: s16le mono PCM at 24 kHz."""
        # One sound settles it: most audio is never looked at.
        if self.made is Made.SOUND:
            return
        samples = np.frombuffer(pcm, dtype="<i2", count=len(pcm) // 2)
        if len(samples) and max(int(samples.max()), -int(samples.min())) >= _LEAST_PEAK:
            self.made = Made.SOUND
            return
        self.still_ms += bytes_to_ms(len(pcm), OUTPUT_RATE)
        if self.made not in (Made.TEXT, Made.JUDGED):
            self.made = Made.STILLNESS

    def wrote(self, text: str) -> None:
        """Text has come where speech was asked for."""
        self.text += text
        if self.made not in (Made.SOUND, Made.JUDGED):
            self.made = Made.TEXT
