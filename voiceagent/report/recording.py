"""The stereo recording of a call: caller left, agent right, as heard on the line.

The caller's audio is the clock: with each chunk of it the line has played just as much of what the agent
had queued. So both channels stay in step for hours, an answer stands where the caller heard it, and what a
barge-in cleared is not in the file.
"""

from __future__ import annotations

import logging
from collections import deque
from contextlib import suppress
from pathlib import Path

from voiceagent.audio import StereoWavWriter
from voiceagent.wire.frames import ms_to_bytes

logger = logging.getLogger(__name__)

_BLOCK_MS = 1000
"""So much is gathered before it is written: a call costs one write a second."""

_IN_FLIGHT_MS = 60
"""At the end, so much that was played may not have met its caller audio yet."""


class CallRecording:
    """Writes one call into a WAV file while it runs.

    A file that cannot be written, on a full disk for example, is logged once. Then the rest of the call is
    not recorded; the call goes on.

    Args:
        path: The file; its folder must exist.
        sample_rate: Of the call, in Hz.
    """

    def __init__(self, path: Path, sample_rate: int) -> None:
        self.path = path
        self._wav: StereoWavWriter | None = None
        self._block_bytes = ms_to_bytes(_BLOCK_MS, sample_rate)
        self._in_flight_bytes = ms_to_bytes(_IN_FLIGHT_MS, sample_rate)
        self._queued: deque[bytes] = deque()
        self._left = bytearray()
        self._right = bytearray()
        try:
            self._wav = StereoWavWriter(path, sample_rate)
        except OSError as error:
            self._give_up(error)

    def caller(self, pcm: bytes) -> None:
        """Audio of the caller has come in; the line has played as much of the agent's."""
        self._left += pcm
        self._play(len(pcm))
        self._right += bytes(len(self._left) - len(self._right))
        if len(self._left) >= self._block_bytes:
            self._write()

    def agent(self, pcm: bytes) -> None:
        """Audio of the agent has been queued on the line."""
        if pcm:
            self._queued.append(pcm)

    def cleared(self) -> None:
        """The line has dropped what it had not played."""
        self._queued.clear()

    def close(self) -> None:
        """Finish the file."""
        self._play(self._in_flight_bytes)
        self._left += bytes(len(self._right) - len(self._left))
        self._write()
        if self._wav is not None:
            try:
                self._wav.close()
            except OSError as error:
                self._give_up(error)

    def _play(self, size: int) -> None:
        while size and self._queued:
            chunk = self._queued.popleft()
            if len(chunk) > size:
                self._queued.appendleft(chunk[size:])
                chunk = chunk[:size]
            self._right += chunk
            size -= len(chunk)

    def _write(self) -> None:
        if self._wav is not None:
            try:
                self._wav.write(bytes(self._left), bytes(self._right))
            except OSError as error:
                self._give_up(error)
        self._left.clear()
        self._right.clear()

    def _give_up(self, error: OSError) -> None:
        logger.error("%s: the call is not recorded any further: %s", self.path, error)
        wav, self._wav = self._wav, None
        if wav is not None:
            with suppress(OSError):
                wav.close()
