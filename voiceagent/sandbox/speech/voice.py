"""Text to speech with SVOX Pico (py-nanotts): 10 ms of computing per sentence.

The same text always gives the same bytes. The engine reads memory that it has never written, and pauses up to
a third of a second longer or shorter with what it finds there; so it is given memory that is zero.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import soxr

from voiceagent.sandbox.speech.extra import need

PICO_RATE = 16_000
"""Sample rate in Hz that the engine speaks at."""

_VOLUME = 0.5
"""At the engine's own volume its loudest vowels clip; at half of it they peak at about -3 dBFS."""

_M_PERTURB = -6
"""Of glibc's ``malloc.h``."""

_perturbing = threading.Lock()
"""Held while memory is cleared: the setting is the whole process's."""

_CACHED_TEXTS = 128
"""Texts kept per process: about 30 MB of audio at the most usual lengths."""

_CACHED_LENGTH = 300
"""Longer texts, in characters, are spoken afresh each time: half a minute of audio and more."""


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
    say = _speak if len(plain) > _CACHED_LENGTH else _remembered
    return say(plain, sample_rate, voice, pitch, speed)


def _speak(text: str, sample_rate: int, voice: str, pitch: float, speed: float) -> bytes:
    with _zeroed_memory():
        # A used engine carries over what it said before, hence a new one each time.
        engine = need("py_nanotts").NanoTTS()
        pcm: bytes = engine.speak(text, voice=voice, pitch=pitch, speed=speed, volume=_VOLUME)
    if sample_rate == PICO_RATE:
        return pcm
    samples = soxr.resample(np.frombuffer(pcm, dtype=np.int16), PICO_RATE, sample_rate)
    converted: bytes = samples.astype(np.int16).tobytes()
    return converted


_remembered = functools.lru_cache(maxsize=_CACHED_TEXTS)(_speak)


@contextmanager
def _zeroed_memory() -> Iterator[None]:
    """Let the C library clear the memory that it hands out, where it is glibc, which can."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        yield
        return
    # Memory is filled with the complement of the low byte; 0 turns it off again. See mallopt(3).
    with _perturbing:
        mallopt(_M_PERTURB, 0xFF)
        try:
            yield
        finally:
            mallopt(_M_PERTURB, 0)
