"""What a recording looks like: how loud each side is, in short pieces, and where somebody speaks.

A file of hours is read in blocks, so it costs the memory of a few seconds.
"""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

_PIECE_SECONDS = 0.02
"""So much of the recording is one point of the drawing, as long as there are not too many."""

_MOST_POINTS = 60_000
"""Twenty minutes at 20 ms. Longer calls are drawn coarser: the page stays small, and no screen shows more."""

_BLOCK_POINTS = 250
"""Points whose audio is read at once."""

_SPEECH = 0.012
"""Below this share of full scale nobody speaks, however quiet the line."""

_OVER_NOISE = 4.0
"""Speech is so much louder than the noise of the line."""

_LOUDEST_NOISE = 0.1

_PAUSE_SECONDS = 0.8
"""Somebody who is quiet for so long has stopped speaking."""

_LATE_SECONDS = 4.0
"""The model understands somebody at most so long after they have stopped."""


class RecordingError(Exception):
    """The file is no recording of a call; the text says why."""


@dataclass(frozen=True)
class Waveform:
    """How loud a recording is.

    Attributes:
        seconds: Its length.
        piece_seconds: Of how much audio each point is the peak.
        peaks: Shape (2, points), 0 to 255 of full scale: caller (later both parties), then agent.
    """

    seconds: float
    piece_seconds: float
    peaks: npt.NDArray[np.uint8]

    def speech_began(self, at: float, not_before: float) -> float:
        """When the caller began to say what was understood ``at`` a moment; seconds into the recording.

        Args:
            at: When the text came, which is while they speak or shortly after.
            not_before: What was said before this belongs to something else.
        """
        loud = self.peaks[0] >= self._threshold
        first = max(0, int(not_before / self.piece_seconds))
        last = min(int(at / self.piece_seconds), len(loud) - 1)
        spoken = first + np.flatnonzero(loud[first : last + 1])
        if not len(spoken) or (last - spoken[-1]) * self.piece_seconds > _LATE_SECONDS:
            return at
        gaps = np.flatnonzero(np.diff(spoken) * self.piece_seconds > _PAUSE_SECONDS)
        onset = spoken[gaps[-1] + 1] if len(gaps) else spoken[0]
        return float(onset * self.piece_seconds)

    @property
    def _threshold(self) -> int:
        noise = float(np.percentile(self.peaks[0], 25)) / 255 if self.peaks.size else 0.0
        return max(1, round(255 * max(_SPEECH, min(_OVER_NOISE * noise, _LOUDEST_NOISE))))


def read_waveform(path: Path, stopped: Callable[[], bool] = lambda: False) -> Waveform:
    """Measure a recording: 16 bits, two channels.

    Args:
        path: The WAV file.
        stopped: Asked between blocks; when it is true, nobody waits for the result any more.

    Raises:
        RecordingError: the file is something else, or ``stopped`` said so.
        OSError: the file cannot be read.
    """
    with open_recording(path) as file:
        frames, rate = file.getnframes(), file.getframerate()
        piece = max(round(rate * _PIECE_SECONDS), -(-frames // _MOST_POINTS))
        points = [np.zeros((2, 0), np.uint8)]
        for block in blocks(file, piece * _BLOCK_POINTS, stopped):
            short = -len(block) % piece
            if short:
                block = np.concatenate([block, np.zeros((short, 2), np.int16)])
            # Each channel in a row of memory: numpy is thirty times as fast with those.
            pieces = np.ascontiguousarray(block.T).reshape(2, -1, piece)
            # The one without its counterpart is -32768, whose absolute value has no 16 bits.
            peak = np.maximum(pieces.max(axis=2), -np.maximum(pieces.min(axis=2), -32767))
            points.append((peak.astype(np.int32) * 255 // 32767).astype(np.uint8))
        return Waveform(frames / rate, piece / rate, np.concatenate(points, axis=1))


def open_recording(path: Path) -> wave.Wave_read:
    """Open a recording of a call.

    Raises:
        RecordingError: the file is something else.
        OSError: the file cannot be read.
    """
    try:
        file = wave.open(str(path), "rb")
    except (wave.Error, EOFError) as error:
        raise RecordingError(f"{path.name} is no WAV file: {error}") from None
    if (file.getnchannels(), file.getsampwidth()) != (2, 2) or not file.getframerate():
        file.close()
        raise RecordingError(f"{path.name} has not two channels of 16 bits")
    return file


def blocks(file: wave.Wave_read, frames: int, stopped: Callable[[], bool]) -> Iterator[npt.NDArray[np.int16]]:
    """The rest of a recording in arrays of shape (at most ``frames``, 2)."""
    while data := file.readframes(frames):
        if stopped():
            raise RecordingError("nobody waits for it any more")
        # A program that died may have left half a frame.
        whole = len(data) // 4 * 4
        yield np.frombuffer(data[:whole], dtype="<i2").reshape(-1, 2)
