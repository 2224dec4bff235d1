"""What a test asks about audio: where it is loud, and whether a sentence of the sandbox's voice is in it.

PCM is mono, signed 16-bit little-endian. Times are milliseconds since the beginning of the PCM.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

LOUD = 200
"""Samples from here on are sound (-44 dBFS); the exchange's own silence is digital zero."""

PAUSE_MS = 900
"""Between two sentences of one answer the sandbox's voice pauses for less than this."""

LEAST_WHOLE = 0.85
LEAST_PIECE = 0.6
"""How much of a sentence must be in the audio: of the whole, and of each piece of it, where 1 is all of it as
loud as it was spoken. Over 12 sentences at four rates: alone each piece has 0.97 and more; while somebody
else speaks as loudly the whole has 0.97 and each piece 0.7. Another sentence has 0.7 of the whole, or, if it
differs in one word, 0.9 of the whole and 0.1 of a piece."""

AGENT_VOICE = "en-US"
"""The voice of the sandbox's model."""

CALLER_VOICE = "en-GB"
"""The voice of the sandbox's scripted people, unless the scenario names another one."""

_STEP_MS = 20
_PIECE_MS = 200
_COMPARED_AT = 8000
"""Speech is compared at this rate, in Hz: what tells sentences apart lies below 4 kHz."""


def samples(pcm: bytes) -> Any:
    """The samples as an array of int32."""
    return np.frombuffer(pcm, dtype="<i2").astype(np.int32)


def loud_spans(
    pcm: bytes, sample_rate: int = 24000, *, threshold: int = LOUD, pause_ms: int = PAUSE_MS
) -> list[tuple[int, int]]:
    """Where there is sound: (start, end) in milliseconds, in steps of 20; shorter pauses belong to it."""
    size = sample_rate * _STEP_MS // 1000
    audio = np.abs(samples(pcm))
    frames = audio[: len(audio) // size * size].reshape(-1, size).max(axis=1) > threshold
    spans: list[tuple[int, int]] = []
    for index in np.flatnonzero(frames):
        start = int(index) * _STEP_MS
        if spans and start - spans[-1][1] < pause_ms:
            spans[-1] = (spans[-1][0], start + _STEP_MS)
        else:
            spans.append((start, start + _STEP_MS))
    return spans


def audible_ms(text: str, *, voice: str = AGENT_VOICE) -> int:
    """How long the sandbox's voice is heard when it says ``text``, without the silence around it."""
    from voiceagent.sandbox.speech import speak

    spans = loud_spans(speak(text, sample_rate=24000, voice=voice), 24000, pause_ms=60_000)
    return sum(end - start for start, end in spans)


def speech_at(pcm: bytes, text: str, sample_rate: int = 24000, *, voice: str = AGENT_VOICE) -> int | None:
    """When a sentence of the sandbox's voice begins in ``pcm``; None if it is not in it, whole.

    It is looked for by its sound, so others may speak meanwhile, but not louder, and it must be as loud as it
    was spoken: the exchange changes nothing.

    Args:
        pcm: Where to look.
        text: One whole ``say:`` of the scenario.
        sample_rate: Of ``pcm``, in Hz.
        voice: ``en-US`` is the model's; scripted people have ``en-GB`` unless the scenario names another.

    Returns:
        Milliseconds since the beginning of ``pcm``, where it is there more than once the first.

    Raises:
        ValueError: there is nothing to hear in ``text``.
    """
    import soxr

    from voiceagent.sandbox.speech import speak

    said = np.frombuffer(speak(text, sample_rate=_COMPARED_AT, voice=voice), dtype="<i2")
    loud = np.flatnonzero(np.abs(said) > LOUD)
    if not len(loud):
        raise ValueError(f"there is nothing to hear in {text!r}")
    said = said[loud[0] : loud[-1] + 1].astype(np.float64)
    heard = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    if sample_rate != _COMPARED_AT:
        heard = soxr.resample(heard, sample_rate, _COMPARED_AT)
    places = len(heard) - len(said) + 1
    if places < 1:
        return None
    size = 1 << (len(heard) + len(said) - 1).bit_length()
    whole = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(said, size)), size)[:places]
    whole /= np.dot(said, said)
    for place in _peaks(whole):
        if _least_piece(said, heard[place : place + len(said)]) >= LEAST_PIECE:
            return round(place * 1000 / _COMPARED_AT)
    return None


def _peaks(whole: Any) -> Iterator[int]:
    """Places where enough of the sentence is found, the best of each neighbourhood."""
    likely = np.flatnonzero(whole >= LEAST_WHOLE)
    for near in np.split(likely, np.flatnonzero(np.diff(likely) > _COMPARED_AT * _PIECE_MS // 1000) + 1):
        if len(near):
            yield int(near[np.argmax(whole[near])])


def _least_piece(said: Any, heard: Any) -> float:
    """How much of the piece that is there least; pieces that are hardly audible do not count."""
    count = max(1, len(said) * 1000 // (_COMPARED_AT * _PIECE_MS))
    energies = [np.dot(piece, piece) for piece in np.array_split(said, count)]
    found = [
        np.dot(*pair) for pair in zip(np.array_split(said, count), np.array_split(heard, count), strict=True)
    ]
    floor = 0.02 * sum(energies) / count
    return float(min(there / energy for there, energy in zip(found, energies, strict=True) if energy > floor))


def contains_speech(pcm: bytes, text: str, sample_rate: int = 24000, *, voice: str = AGENT_VOICE) -> bool:
    """Whether a sentence of the sandbox's voice is heard in ``pcm``; see :func:`speech_at`."""
    return speech_at(pcm, text, sample_rate, voice=voice) is not None
