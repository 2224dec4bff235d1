"""The queue of outgoing audio, on its own."""

from __future__ import annotations

import asyncio

import pytest

from tests.virtual_time import virtual_time
from voiceagent.call._outgoing import DRAIN_GRACE, MAX_OPEN_REQUESTS, OutgoingAudio
from voiceagent.call.exceptions import BufferClosedError, BufferFullError

FRAME = 1920
"""40 ms at 24 kHz."""


def outgoing(capacity: int) -> OutgoingAudio:
    """A queue of a call at 24 kHz that has been answered. Without an event loop its clock stands still."""
    try:
        clock = asyncio.get_running_loop().time
    except RuntimeError:
        queue = OutgoingAudio(capacity, 24000, lambda: 0.0)
    else:
        queue = OutgoingAudio(capacity, 24000, clock)
    queue.open()
    return queue


def pcm(size: int, seed: int = 0) -> bytes:
    return bytes((seed + i) % 251 for i in range(size))


def nothing() -> None:
    """Nobody needs to hear that a piece was queued."""


def frames(queue: OutgoingAudio) -> list[bytes]:
    taken = []
    while (frame := queue.take()) is not None:
        assert frame[0] == 0
        taken.append(frame[1:])
    return taken


def test_nothing_leaves_before_it_is_asked_for() -> None:
    queue = outgoing(10_000)
    queue.put(pcm(100))
    assert frames(queue) == []
    queue.grant(60)
    assert frames(queue) == [pcm(100)[:60]]
    assert queue.size == 40


def test_chunks_of_all_sizes_leave_in_order_without_a_byte_lost() -> None:
    queue = outgoing(1 << 20)
    sizes = [2, 960, 10_000, 4, 0, 1918, 1920, 1922, 6]
    sent = b"".join(pcm(size, seed) for seed, size in enumerate(sizes))
    for seed, size in enumerate(sizes):
        queue.put(pcm(size, seed))
    for request in (1, 3, 1000, 7, 5000, 50_000):
        queue.grant(request)
    taken = frames(queue)
    assert b"".join(taken) == sent
    assert all(len(frame) % 2 == 0 and len(frame) <= FRAME for frame in taken)


def test_a_frame_never_reaches_into_the_next_request() -> None:
    queue = outgoing(10_000)
    queue.put(pcm(3000))
    for request in (100, 1000, 1900):
        queue.grant(request)
    assert [len(frame) for frame in frames(queue)] == [100, 1000, 1900]


def test_a_tail_shorter_than_a_frame_leaves_at_once() -> None:
    queue = outgoing(10_000)
    queue.grant(38_400)
    queue.put(pcm(2))
    assert frames(queue) == [pcm(2)]


def test_requests_without_end_do_not_fill_the_memory() -> None:
    queue = outgoing(1 << 20)
    for _ in range(MAX_OPEN_REQUESTS + 5000):
        queue.grant(2)
    queue.put(pcm(2 * (MAX_OPEN_REQUESTS + 5000)))
    assert sum(map(len, frames(queue))) == 2 * (MAX_OPEN_REQUESTS + 5000)
    queue.grant(-5)
    queue.grant(0)
    queue.put(pcm(2))
    assert frames(queue) == []


def test_a_chunk_that_does_not_fit_is_refused_whole() -> None:
    queue = outgoing(1000)
    queue.put(pcm(600))
    with pytest.raises(BufferFullError, match="402 bytes do not fit: 600 of 1000"):
        queue.put(pcm(402))
    assert queue.size == 600
    queue.put(pcm(400))
    assert queue.size == 1000


def test_half_a_sample_is_refused() -> None:
    queue = outgoing(1000)
    with pytest.raises(ValueError, match="half a sample"):
        queue.put(pcm(3))


def test_after_a_clear_nothing_old_leaves_though_the_request_is_open() -> None:
    queue = outgoing(10_000)
    queue.grant(3000)
    queue.put(pcm(2000, 1))
    queue.take()  # the rest of the chunk is half sent
    queue.clear()
    assert (queue.size, frames(queue)) == (0, [])
    queue.put(pcm(500, 9))
    assert b"".join(frames(queue)) == pcm(500, 9)


def test_a_closed_queue_takes_nothing() -> None:
    queue = outgoing(1000)
    queue.put(pcm(10))
    queue.close()
    assert queue.size == 0
    with pytest.raises(BufferClosedError):
        queue.put(pcm(10))


@virtual_time
async def test_producers_that_wait_get_room_in_turn() -> None:
    queue = outgoing(1000)
    queue.put(pcm(1000, 0))
    async with asyncio.TaskGroup() as tasks:
        for seed, size in ((1, 600), (2, 300), (3, 500)):
            tasks.create_task(queue.put_when_room(pcm(size, seed), nothing))
        await asyncio.sleep(0)
        with pytest.raises(BufferFullError):
            queue.put(pcm(2))
        leaving = b""
        for _ in range(20):
            queue.grant(200)
            leaving += b"".join(frames(queue))
            await asyncio.sleep(0.1)
    assert leaving == pcm(1000, 0) + pcm(600, 1) + pcm(300, 2) + pcm(500, 3)


@virtual_time
async def test_a_chunk_larger_than_the_queue_is_not_mixed_with_others() -> None:
    queue = outgoing(1000)
    leaving = b""
    async with asyncio.TaskGroup() as tasks:
        for seed, size in ((1, 3500), (2, 300), (3, 2500)):
            tasks.create_task(queue.put_when_room(pcm(size, seed), nothing))
        for _ in range(100):
            await asyncio.sleep(0.1)
            assert queue.size <= 1000
            queue.grant(100)
            leaving += b"".join(frames(queue))
    assert leaving == pcm(3500, 1) + pcm(300, 2) + pcm(2500, 3)


@virtual_time
async def test_the_queue_does_not_run_dry_while_a_large_chunk_waits() -> None:
    queue = outgoing(1000)
    waiting = asyncio.create_task(queue.put_when_room(pcm(3000), nothing))
    for _ in range(20):
        await asyncio.sleep(0.1)
        assert queue.size == 1000
        queue.grant(100)
        assert len(b"".join(frames(queue))) == 100
    await asyncio.wait_for(waiting, 1)


@virtual_time
async def test_a_producer_that_gives_up_lets_the_next_one_in() -> None:
    queue = outgoing(1000)
    queue.put(pcm(500))
    first = asyncio.create_task(queue.put_when_room(pcm(900, 1), nothing))
    second = asyncio.create_task(queue.put_when_room(pcm(400, 2), nothing))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is True
    assert queue.size == 900


@virtual_time
async def test_what_waits_for_room_is_cleared_too() -> None:
    queue = outgoing(1000)
    queue.put(pcm(1000))
    waiting = asyncio.create_task(queue.put_when_room(pcm(200, 1), nothing))
    await asyncio.sleep(0)
    queue.clear()
    queue.put(pcm(100, 9))
    assert await waiting is False
    queue.grant(5000)
    assert frames(queue) == [pcm(100, 9)]


@virtual_time
async def test_who_waits_for_room_learns_that_the_call_ended() -> None:
    queue = outgoing(1000)
    queue.put(pcm(1000))
    waiting = asyncio.create_task(queue.put_when_room(pcm(200, 1), nothing))
    await asyncio.sleep(0)
    queue.close()
    with pytest.raises(BufferClosedError):
        await waiting


@virtual_time
async def test_drained_waits_for_what_was_queued_then_and_not_for_what_comes_later() -> None:
    loop = asyncio.get_running_loop()
    queue = outgoing(1 << 20)
    queue.grant(4800)
    queue.put(pcm(4800))
    frames(queue)
    drained = asyncio.create_task(queue.drained())
    await asyncio.sleep(0)
    queue.put(pcm(48_000))
    frames(queue)
    queue.grant(4798)
    frames(queue)
    await asyncio.sleep(0.15)
    assert not drained.done()
    began = loop.time()
    queue.grant(2)
    await drained
    assert loop.time() == began
    assert queue.playback == (1100.0, 100.0)


@virtual_time
async def test_drained_gives_up_on_a_server_that_asks_for_nothing() -> None:
    loop = asyncio.get_running_loop()
    queue = outgoing(1 << 20)
    queue.put(pcm(48_000))
    began = loop.time()
    await queue.drained()
    assert loop.time() - began == pytest.approx(1 + DRAIN_GRACE)


@virtual_time
async def test_drained_returns_when_the_queue_is_cleared_or_closed() -> None:
    loop = asyncio.get_running_loop()
    for end in (OutgoingAudio.clear, OutgoingAudio.close):
        queue = outgoing(1 << 20)
        queue.put(pcm(48_000))
        drained = asyncio.create_task(queue.drained())
        await asyncio.sleep(0.1)
        began = loop.time()
        end(queue)
        await drained
        await queue.drained()
        assert loop.time() == began
