"""Text to speech with SVOX Pico (py-nanotts): 10 ms of computing per sentence.

A sentence is spoken once per process and remembered, so it has the same bytes wherever it is said again: the
engine itself varies them a little, with what was in its memory before.
"""

from __future__ import annotations

import functools
import re

import numpy as np
import soxr

from voiceagent.sandbox.speech.extra import need

PICO_RATE = 16_000
"""Sample rate in Hz that the engine speaks at."""

_CACHED_SENTENCES = 128
"""Sentences kept per process: about 30 MB of audio at the most usual lengths."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
"""Where a text may be cut without changing how it sounds."""


def speak(
    text: str, *, sample_rate: int, voice: str = "en-US", pitch: float = 1.0, speed: float = 1.0
) -> bytes:
    """Say ``text``.

    It computes for about 10 ms, or longer for more than a sentence: call it in a thread from async code.

    Args:
        text: What to say. Text without a word in it is silence of no length.
        sample_rate: Of the result, in Hz.
        voice: ``en-US``, ``en-GB``, ``de-DE``, ``es-ES``, ``fr-FR`` or ``it-IT``.
        pitch: A factor from 0.5 to 2.
        speed: A factor from 0.2 to 5.

    Returns:
        Mono s16le PCM.

    Raises:
        ImportError: the extra ``sandbox`` is not installed.
    """
    # The engine takes angle brackets for its markup.
    plain = " ".join(text.replace("<", " ").replace(">", " ").split())
    if not any(character.isalnum() for character in plain):
        return b""
    return b"".join(_speak(sentence, sample_rate, voice, pitch, speed) for sentence in _SENTENCE.split(plain))


@functools.lru_cache(maxsize=_CACHED_SENTENCES)
def _speak(text: str, sample_rate: int, voice: str, pitch: float, speed: float) -> bytes:
    # A used engine carries over what it said before, hence a new one each time.
    engine = need("py_nanotts").NanoTTS()
    pcm: bytes = engine.speak(text, voice=voice, pitch=pitch, speed=speed)
    if sample_rate == PICO_RATE:
        return pcm
    samples = soxr.resample(np.frombuffer(pcm, dtype=np.int16), PICO_RATE, sample_rate)
    converted: bytes = samples.astype(np.int16).tobytes()
    return converted
