"""A mono WAV file that is written while a call runs, and appears under its own name only when it is whole.

Until then it has the ending ``.part``. It is valid after every write: what a program that dies has written
so far can be played.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from pathlib import Path

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM, _MONO, _BITS = 1, 1, 16
_MOVED_BYTES = 2**16


class UnfinishedWav:
    """A WAV file in the making, s16le mono.

    Args:
        path: The name of the finished file; its folder must exist.
        sample_rate: In Hz.

    Attributes:
        size: Bytes of audio written so far.

    Raises:
        OSError: it cannot be made; so does every method.
    """

    def __init__(self, path: Path, sample_rate: int) -> None:
        self.path = path
        self.size = 0
        self._rate = sample_rate
        self._part = path.with_name(f"{path.name}.part")
        # Exclusively: a name that exists belongs to another message. Without a buffer, in which a full disk
        # would leave what it refuses.
        self._file = self._part.open("x+b", buffering=0)
        try:
            self._write_header()
        except OSError:
            self.discard()
            raise

    def append(self, pcm: bytes) -> None:
        """Write audio behind what is there. Where that fails, what is there stays as it is."""
        self._write(_HEADER.size + self.size, pcm)
        self.size += len(pcm)
        self._write_header()

    def keep(self, start: int, end: int) -> None:
        """Drop all audio but the bytes from ``start`` to ``end``."""
        end = min(end - end % 2, self.size)
        start = min(start - start % 2, end)
        if start:
            # Forwards, so that no byte is written over before it has been read.
            for at in range(start, end, _MOVED_BYTES):
                self._file.seek(_HEADER.size + at)
                self._write(_HEADER.size + at - start, self._file.read(min(_MOVED_BYTES, end - at)))
        self.size = end - start
        self._file.truncate(_HEADER.size + self.size)
        self._write_header()

    def finish(self) -> None:
        """Give the file its name, once all of it is on the disk."""
        with self._file as file:
            os.fsync(file.fileno())
        self._part.rename(self.path)

    def discard(self) -> None:
        """Remove the file. Doing it twice, or after a failure, is fine."""
        # A disk that has failed may say so once more.
        with suppress(OSError):
            self._file.close()
        self._part.unlink(missing_ok=True)

    def _write_header(self) -> None:
        frame = _MONO * _BITS // 8
        header = _HEADER.pack(
            *(b"RIFF", _HEADER.size - 8 + self.size, b"WAVE", b"fmt ", 16),
            *(_PCM, _MONO, self._rate, self._rate * frame, frame, _BITS, b"data", self.size),
        )
        self._write(0, header)

    def _write(self, position: int, data: bytes) -> None:
        self._file.seek(position)
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
