"""The queue of incoming audio, on its own."""

from __future__ import annotations

import asyncio

import pytest

from tests.virtual_time import virtual_time
from voiceagent.call._incoming import IncomingAudio


@virtual_time
async def test_a_slow_reader_loses_the_oldest_audio_and_it_is_counted() -> None:
    audio = IncomingAudio(8000)
    for number in range(600):  # 12 s in chunks of 20 ms, for a queue of 10 s
        audio.put(number.to_bytes(2, "little") * 160)
    audio.close()
    heard = [int.from_bytes(chunk[:2], "little") async for chunk in audio]
    assert heard == list(range(100, 600))
    assert audio.dropped_bytes == 100 * 320


@virtual_time
async def test_it_ends_after_what_is_queued() -> None:
    audio = IncomingAudio(8000)
    audio.put(b"ab")
    audio.close()
    audio.put(b"cd")
    assert [chunk async for chunk in audio] == [b"ab"]
    assert [chunk async for chunk in audio] == []


@virtual_time
async def test_an_iteration_that_was_left_can_be_taken_up_again() -> None:
    audio = IncomingAudio(8000)
    audio.put(b"ab")
    audio.put(b"cd")
    async for chunk in audio:
        assert chunk == b"ab"
        break
    audio.close()
    assert [chunk async for chunk in audio] == [b"cd"]


@virtual_time
async def test_two_readers_at_once_are_a_mistake_that_shows() -> None:
    audio = IncomingAudio(8000)
    first = asyncio.create_task(anext(audio))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="another task waits"):
        await anext(audio)
    audio.put(b"ab")
    assert await first == b"ab"


@virtual_time
async def test_a_reader_that_was_cancelled_takes_no_chunk_with_it() -> None:
    audio = IncomingAudio(8000)
    reader = asyncio.create_task(anext(audio))
    await asyncio.sleep(0)
    reader.cancel()
    await asyncio.wait((reader,))
    audio.put(b"ab")
    assert await anext(audio) == b"ab"
