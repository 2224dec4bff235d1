"""Recordings of people, as a scripted caller plays them: WAV files in, PCM at the line's rate out."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import soxr


class RecordingError(ValueError):
    """A file is no WAV file that can be played."""


def check_recording(path: Path) -> None:
    """Look at the header only.

    Raises:
        RecordingError: the file is not there, is no WAV, or is not 16-bit PCM.
    """
    with _open(path):
        pass


def read_recording(path: Path, sample_rate: int) -> bytes:
    """Read a file as mono s16le PCM at ``sample_rate`` Hz; channels are averaged.

    Raises:
        RecordingError: as :func:`check_recording`.
    """
    with _open(path) as file:
        channels, rate = file.getnchannels(), file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)
    mono = samples.reshape(-1, channels).mean(axis=1).astype(np.int16) if channels > 1 else samples
    if rate != sample_rate:
        mono = soxr.resample(mono, rate, sample_rate).astype(np.int16)
    return mono.tobytes()


def _open(path: Path) -> wave.Wave_read:
    try:
        file = wave.open(str(path), "rb")
    except OSError as error:
        raise RecordingError(f"cannot read {path}: {error.strerror}") from error
    except (wave.Error, EOFError) as error:
        raise RecordingError(f"{path} is no PCM WAV file") from error
    if file.getsampwidth() != 2:
        width = 8 * file.getsampwidth()
        file.close()
        raise RecordingError(f"{path} has {width}-bit samples; convert it to 16-bit PCM")
    return file
