"""The incoming audio of one call: a bounded queue between the media link and the program.

The link never waits for the program: when the program is slow, the oldest audio is dropped and counted.
"""

from __future__ import annotations

import asyncio
from collections import deque

from voiceagent.wire import frames

CAPACITY_SECONDS = 10
"""How much audio waits for a slow program before the oldest is dropped."""

MAX_CHUNKS = CAPACITY_SECONDS * 1000
"""Chunks that wait at most: a chunk of one sample takes twenty times its length in memory."""


class IncomingAudio:
    """An async iterator over chunks of s16le PCM that ends with the call. One reader at a time."""

    def __init__(self, sample_rate: int) -> None:
        self._capacity = frames.ms_to_bytes(CAPACITY_SECONDS * 1000, sample_rate)
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._closed = False
        self._reader: asyncio.Future[None] | None = None
        self.dropped_bytes = 0

    def put(self, pcm: bytes) -> None:
        """A chunk came in. Once the call has ended, nothing more is taken."""
        if self._closed:
            return
        self._chunks.append(pcm)
        self._size += len(pcm)
        while self._size > self._capacity or len(self._chunks) > MAX_CHUNKS:
            oldest = len(self._chunks.popleft())
            self._size -= oldest
            self.dropped_bytes += oldest
        self._wake()

    def close(self) -> None:
        """The call has ended: the iterator ends after what is queued."""
        self._closed = True
        self._wake()

    def __aiter__(self) -> IncomingAudio:
        return self

    async def __anext__(self) -> bytes:
        while not self._chunks:
            if self._closed:
                raise StopAsyncIteration
            if self._reader is not None:
                raise RuntimeError(
                    "another task waits for the audio of this call: a chunk goes to one reader"
                )
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        chunk = self._chunks.popleft()
        self._size -= len(chunk)
        return chunk

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
