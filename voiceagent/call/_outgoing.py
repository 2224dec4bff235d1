"""The outgoing audio of one call: a bounded queue that the server empties by asking.

Nothing here waits or writes: the owner calls :meth:`OutgoingAudio.take` whenever audio was queued or credit
was granted, and sends what it gets. All bounds are in bytes; a chunk that does not fit is refused whole.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable

from voiceagent.call._playout import Playout
from voiceagent.call.base import Playback
from voiceagent.call.exceptions import BufferClosedError, BufferFullError
from voiceagent.wire import frames

FRAME_MS = 40
"""Longest audio frame sent. Short, so that little is on its way when the caller barges in."""

MAX_OPEN_REQUESTS = 1024
"""Requests kept apart; further ones are added to the last, so that a server cannot fill the memory."""

DRAIN_GRACE = 2.0
"""Seconds beyond the audio's own length after which :meth:`OutgoingAudio.drained` stops waiting."""

LINE_DELAY = 0.04
"""Seconds by which the listeners may lag behind what left: the network, and the tick that is being played."""

_CHANNEL = bytes((frames.MIXED,))


class OutgoingAudio:
    """Queue, open requests and playout position of one call. ``clock`` is that of the event loop."""

    def __init__(self, capacity: int, sample_rate: int, clock: Callable[[], float]) -> None:
        self._capacity = capacity
        self._sample_rate = sample_rate
        self._frame_limit = frames.ms_to_bytes(FRAME_MS, sample_rate)
        self._chunks: deque[bytes | memoryview] = deque()
        self._offset = 0
        self._size = 0
        self._requests: deque[int] = deque()
        self._odd_byte = 0
        self._clock = clock
        self._playout = Playout(frames.ms_to_bytes(1000, sample_rate))
        self._generation = 0
        self._closed = False
        self.overflows = 0
        self._waiting: deque[_Producer] = deque()
        self._drains: list[tuple[float, asyncio.Future[None]]] = []

    @property
    def size(self) -> int:
        """Bytes queued here, not sent yet."""
        return self._size

    @property
    def playback(self) -> Playback:
        """What has been queued and played, in milliseconds."""
        return Playback(
            frames.bytes_to_ms(self._playout.queued, self._sample_rate),
            frames.bytes_to_ms(self._playout.played(self._clock()), self._sample_rate),
        )

    @property
    def held_by_server(self) -> bool:
        """Whether the server may hold audio of ours."""
        return self._playout.held_by_server

    def check(self, pcm: bytes) -> None:
        """Refuse what can never be queued.

        Raises:
            ValueError: the chunk ends in half a sample.
            BufferClosedError: the call has ended.
        """
        if len(pcm) % frames.BYTES_PER_SAMPLE:
            raise ValueError(f"{len(pcm)} bytes of 16-bit PCM end in half a sample")
        if self._closed:
            raise BufferClosedError("the call has ended")

    def put(self, pcm: bytes) -> None:
        """Queue a chunk, whole or not at all.

        Raises:
            ValueError: the chunk ends in half a sample.
            BufferFullError: it does not fit.
            BufferClosedError: the call has ended.
        """
        self.check(pcm)
        if self._size + len(pcm) > self._capacity or self._waiting:
            self.overflows += 1
            raise BufferFullError(
                f"{len(pcm)} bytes do not fit: {self._size} of {self._capacity} bytes are queued"
            )
        self._append(pcm)

    async def put_when_room(self, pcm: bytes, queued: Callable[[], None]) -> bool:
        """Queue a chunk as soon as it fits, whole; one larger than the whole queue piece by piece.

        Producers are served in turn. What waits is as old as what is queued before it, so it is dropped
        with it.

        Args:
            pcm: The chunk.
            queued: Called after each piece.

        Returns:
            False if the queue was cleared meanwhile: the rest was dropped.

        Raises:
            ValueError: the chunk ends in half a sample.
            BufferClosedError: the call has ended, also while this waited.
        """
        self.check(pcm)
        if not self._waiting and self._size + len(pcm) <= self._capacity:
            self._append(pcm)
            queued()
            return True
        generation, rest = self._generation, memoryview(pcm)
        producer = _Producer(len(pcm) if len(pcm) <= self._capacity else frames.BYTES_PER_SAMPLE)
        self._waiting.append(producer)
        try:
            while rest:
                room = self._room()
                if self._waiting[0] is producer and room >= producer.needs:
                    self._append(rest[:room])
                    rest = rest[room:]
                    queued()
                    continue
                await producer.wait()
                if self._closed:
                    raise BufferClosedError("the call has ended")
                if generation != self._generation:
                    return False
        finally:
            if generation == self._generation:
                self._waiting.remove(producer)
                self._admit()
        return True

    def open(self) -> None:
        """Somebody listens from now on."""
        self._playout.opened(self._clock())

    def grant(self, size: int) -> None:
        """The server asks for ``size`` bytes."""
        if size <= 0:
            return
        self._playout.requested(size)
        # A sample is never split between two requests: an odd byte of credit waits for the next one.
        size += self._odd_byte
        self._odd_byte = size % frames.BYTES_PER_SAMPLE
        size -= self._odd_byte
        if len(self._requests) < MAX_OPEN_REQUESTS:
            if size:
                self._requests.append(size)
        else:
            self._requests[-1] += size
        if self._drains:
            for position, waiter in self._drains:
                if self._playout.told(position):
                    _wake(waiter)

    def take(self) -> bytes | None:
        """The next frame to send: what is queued, up to the oldest request and the frame limit."""
        if not self._size or not self._requests:
            return None
        size = min(self._requests[0], self._size, self._frame_limit)
        frame = self._cut(size)
        self._size -= size
        if self._requests[0] == size:
            self._requests.popleft()
        else:
            self._requests[0] -= size
        self._playout.sent(size, self._clock())
        if self._waiting:
            self._admit()
        return frame

    def clear(self) -> None:
        """Forget everything that is queued, and the chunks that wait for room. Open requests stay open."""
        self._chunks.clear()
        self._offset = self._size = 0
        self._generation += 1
        self._playout.cleared(self._clock())
        for producer in self._waiting:
            producer.wake()
        self._waiting.clear()
        for _, waiter in self._drains:
            _wake(waiter)

    def close(self) -> None:
        """The call has ended: nothing more is accepted, nobody waits any longer."""
        self._closed = True
        self.clear()

    async def drained(self) -> None:
        """Wait until all that is queued now has been played, or was cleared, or the call has ended.

        A server whose requests do not tell cannot make it wait for ever: it gives up ``DRAIN_GRACE`` seconds
        after the audio would have ended, had it left at once.
        """
        playout, generation = self._playout, self._generation
        position = playout.queued
        deadline, reached = -math.inf, -1
        while not self._closed and generation == self._generation:
            now = self._clock()
            end = playout.end_of(position, now)
            if playout.told(position):
                # What comes after it may be told, too, while this waits: that is no reason to go on earlier.
                await self._wait_for_playout(math.inf, end + LINE_DELAY - now)
                return
            stuck = playout.possible(now) == reached
            if stuck or end + DRAIN_GRACE <= max(deadline, now):
                return
            # The first time round, or audio left later than was assumed then.
            deadline, reached = end + DRAIN_GRACE, playout.possible(now)
            await self._wait_for_playout(position, deadline - now)

    async def _wait_for_playout(self, position: float, timeout: float) -> None:
        """Wait until the server tells that it has come so far, or the queue is cleared or closed."""
        if timeout <= 0:
            return
        entry = (position, asyncio.get_running_loop().create_future())
        self._drains.append(entry)
        try:
            await asyncio.wait((entry[1],), timeout=timeout)
        finally:
            self._drains.remove(entry)

    def _append(self, pcm: bytes | memoryview) -> None:
        if pcm:
            self._chunks.append(pcm)
            self._size += len(pcm)
            self._playout.accepted(len(pcm))

    def _cut(self, size: int) -> bytes:
        """Take ``size`` bytes off the queue as a frame, copying them once."""
        chunk, start = self._chunks[0], self._offset
        end = start + size
        if end < len(chunk):
            self._offset = end
            return _CHANNEL + memoryview(chunk)[start:end]
        parts: list[bytes | memoryview] = [_CHANNEL]
        while size:
            chunk, start = self._chunks[0], self._offset
            end = min(start + size, len(chunk))
            parts.append(memoryview(chunk)[start:end])
            size -= end - start
            if end == len(chunk):
                self._chunks.popleft()
                self._offset = 0
            else:
                self._offset = end
        return b"".join(parts)

    def _room(self) -> int:
        """Bytes that fit, in whole samples."""
        room = self._capacity - self._size
        return room - room % frames.BYTES_PER_SAMPLE

    def _admit(self) -> None:
        """Wake the first that waits for room, if there is enough."""
        if self._waiting and self._room() >= self._waiting[0].needs:
            self._waiting[0].wake()


class _Producer:
    """Somebody who waits for room for ``needs`` bytes."""

    def __init__(self, needs: int) -> None:
        self.needs = needs
        self._woken: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Wait for :meth:`wake`."""
        self._woken = asyncio.get_running_loop().create_future()
        await self._woken

    def wake(self) -> None:
        """There may be room, or the queue was cleared or closed."""
        if self._woken is not None:
            _wake(self._woken)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
