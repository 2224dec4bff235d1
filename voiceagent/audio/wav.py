"""A stereo WAV file that is written while a call runs.

The file is valid after every write: a program that dies leaves a recording that plays.
"""

from __future__ import annotations

import wave
from pathlib import Path
from types import TracebackType

import numpy as np


class StereoWavWriter:
    """Writes two mono s16le streams of equal length side by side into a 16-bit WAV file.

    Args:
        path: Where to write; the folder must exist.
        sample_rate: Samples per second of each channel, in Hz.
    """

    def __init__(self, path: Path, sample_rate: int) -> None:
        self._file = wave.open(str(path), "wb")
        self._file.setnchannels(2)
        self._file.setsampwidth(2)
        self._file.setframerate(sample_rate)

    def write(self, left: bytes, right: bytes) -> None:
        """Append audio to both channels.

        Raises:
            ValueError: the channels differ in length, so that they would fall out of step.
        """
        if len(left) != len(right):
            raise ValueError(
                f"left has {len(left)} bytes and right {len(right)}: channels must be equally long"
            )
        frames = np.empty((len(left) // 2, 2), dtype=np.int16)
        frames[:, 0] = np.frombuffer(left, dtype=np.int16)
        frames[:, 1] = np.frombuffer(right, dtype=np.int16)
        self._file.writeframes(frames.tobytes())

    def close(self) -> None:
        """Finish the file. Closing twice does nothing."""
        self._file.close()

    def __enter__(self) -> StereoWavWriter:
        """The writer itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the file."""
        self.close()
