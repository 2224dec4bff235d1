"""What the caller hears while the callee's phone rings, as PCM that is played again and again.

A ringing tone is made here; anything else is read from a WAV file. Its rule: whatever cannot be played is
refused when the service starts, with what to do about it.
"""

from __future__ import annotations

import os
import wave
from functools import lru_cache
from typing import Any

import numpy as np
import soxr

RINGBACK = "ringback"
"""The ringing tone, as a value of ``hold_audio``."""

_TONE_HERTZ = 425.0
_TONE_SECONDS, _PAUSE_SECONDS = 1.0, 4.0
"""The ringing tone that ITU-T E.180 prefers: 425 Hz, a second in five, as in most countries."""

_TONE_PEAK = 0.08
"""Of full scale: -22 dBFS. Networks send their tones at about -13 dBFS, which is loud after a voice."""

_TONE_BEGINS = 0.5
"""Seconds of the pause that come first: a word is not run into, nor a callee who picks up at once."""

_FADE_SECONDS = 0.02
"""Sound begins and ends so softly that it does not click."""

_LONGEST_SECONDS = 300
"""A file is kept in memory, once for each sample rate that calls have."""

_RATES = (4000, 192_000)
"""Hz. Outside of these a header is broken."""


class HoldAudioError(ValueError):
    """A file cannot be played; the text says why, and what to do."""


def hold_pcm(source: str | os.PathLike[str] | None, sample_rate: int) -> bytes:
    """One round of hold audio. It is made or read once, and kept.

    Args:
        source: ``ringback``, the path of a WAV file, or None for silence. The file may have any sample rate,
            one or two channels, and samples of 8, 16, 24 or 32 bits.
        sample_rate: Of the call, in Hz.

    Returns:
        Mono s16le PCM; empty for silence.

    Raises:
        HoldAudioError: the file cannot be played.
        TypeError: ``source`` is none of these.
    """
    if source is None:
        return b""
    if not isinstance(source, str | os.PathLike):
        raise TypeError(f"hold_audio is {source!r}, but must be {RINGBACK!r}, a WAV file, or None")
    return _ringback(sample_rate) if source == RINGBACK else _recording(os.fspath(source), sample_rate)


@lru_cache(maxsize=8)
def _ringback(sample_rate: int) -> bytes:
    t = np.arange(round(_TONE_SECONDS * sample_rate)) / sample_rate
    tone = _faded(_TONE_PEAK * np.sin(2 * np.pi * _TONE_HERTZ * t), sample_rate)
    before = np.zeros(round(_TONE_BEGINS * sample_rate))
    after = np.zeros(round((_PAUSE_SECONDS - _TONE_BEGINS) * sample_rate))
    return _pcm(np.concatenate((before, tone, after)))


@lru_cache(maxsize=16)
def _recording(path: str, sample_rate: int) -> bytes:
    samples, rate = _read(path)
    if rate != sample_rate:
        samples = soxr.resample(samples, rate, sample_rate)
    return _pcm(_faded(samples, sample_rate))


def _read(path: str) -> tuple[Any, int]:
    """The samples of a file as one channel of numbers from -1 to 1, and their rate."""
    try:
        with wave.open(path, "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            seconds = file.getnframes() / max(1, rate)
            if seconds > _LONGEST_SECONDS:
                raise HoldAudioError(
                    f"{path} lasts {seconds:.0f} s: cut it to at most {_LONGEST_SECONDS} s, it is repeated"
                )
            data = file.readframes(file.getnframes())
    except OSError as error:
        raise HoldAudioError(
            f"cannot read {path}: {error.strerror}. Give {RINGBACK!r}, a WAV file, or None"
        ) from error
    except (wave.Error, EOFError) as error:
        why = str(error) or "it ends too early"
        raise HoldAudioError(
            f"{path} is no PCM WAV file ({why}). Convert it, for example: sox {path} -b 16 -e signed hold.wav"
        ) from error
    least, most = _RATES
    if channels > 2 or not least <= rate <= most:
        raise HoldAudioError(
            f"{path} has {channels} channels at {rate} Hz: convert it to one, at 8 to 48 kHz"
        )
    samples = _numbers(data[: len(data) // (channels * width) * channels * width], width)
    if not len(samples):
        raise HoldAudioError(f"{path} holds no sound")
    return samples.reshape(-1, channels).mean(axis=1), rate


def _numbers(data: bytes, width: int) -> Any:
    """The samples of a WAV file's PCM: 8 bits are unsigned, more are signed, the lowest byte first."""
    if width == 1:
        return (np.frombuffer(data, np.uint8).astype(np.float64) - 128) / 128
    # The bytes of a sample become the highest of a 32-bit integer, whatever their number.
    wide = np.zeros((len(data) // width, 4), np.uint8)
    wide[:, 4 - width :] = np.frombuffer(data, np.uint8).reshape(-1, width)
    return wide.view("<i4")[:, 0] / float(1 << 31)


def _faded(samples: Any, sample_rate: int) -> Any:
    """Sound that begins and ends in silence, so that it may be played again and again."""
    length = min(round(_FADE_SECONDS * sample_rate), len(samples) // 2)
    faded = samples.copy()
    if length:
        ramp = fade_in(length)
        faded[:length] *= ramp
        faded[-length:] *= ramp[::-1]
    return faded


def fade_in(length: int) -> Any:
    """Factors from 0 to 1 without a corner, for so many samples."""
    return 0.5 - 0.5 * np.cos(np.pi * np.arange(length) / length)


def _pcm(samples: Any) -> bytes:
    pcm: bytes = np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes()
    return pcm
