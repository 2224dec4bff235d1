"""Rows of the compatibility table that are about audio, each shown on a real call."""

from __future__ import annotations

import asyncio

import pytest

from tests.call.line import line, noise, settle
from tests.virtual_time import virtual_time
from voiceagent.call.exceptions import BufferFullError


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_a_chunk_is_one_frame_of_the_line(rate: int) -> None:
    @virtual_time
    async def run() -> None:
        async with line(sample_rate=rate) as phone:
            there, call = await phone.talk()
            there.caller.say(noise(500, rate=rate))
            await there.caller.said()
            there.caller.hang_up()
            sizes = {len(chunk) async for chunk in call.audio_stream()}
            assert sizes == {rate * 2 * 20 // 1000}, "20 ms each"

    run()


@virtual_time
async def test_the_iteration_may_be_left_and_taken_up_again() -> None:
    async with line() as phone:
        there, call = await phone.talk()
        speech = noise(1000)
        there.caller.say(speech)
        received = b""
        async for chunk in call.audio_stream():
            received += chunk
            if len(received) > 9600:
                break
        await there.caller.said()
        there.caller.hang_up()
        await call.wait_terminated()
        received += b"".join([chunk async for chunk in call.audio_stream()])
        assert speech in received
        assert [chunk async for chunk in call.audio_stream()] == [], "it has ended, and stays so"


@virtual_time
async def test_nothing_is_heard_before_the_answer_and_the_iteration_waits() -> None:
    async with line() as phone:
        there, call = await phone.ring()
        first = asyncio.create_task(anext(call.audio_stream()))
        there.caller.say(noise(100))
        await asyncio.sleep(5)
        assert not first.done()
        await call.answer()
        assert len(await first) == 960


@virtual_time
async def test_a_chunk_larger_than_the_queue_is_refused_whole_unless_it_may_wait() -> None:
    async with line(buffer_size=9600) as phone:
        there, call = await phone.talk()
        speech = noise(300)
        with pytest.raises(BufferFullError, match="14400 bytes do not fit"):
            await call.send_audio(speech)
        assert call.get_send_audio_buffer_size() == 0
        await settle()
        assert there.caller.heard().strip(b"\0") == b""
        await call.send_audio(speech, wait=True)
        await call.drained()
        assert there.caller.heard().strip(b"\0") == speech


@virtual_time
async def test_what_is_left_of_the_queue_at_the_end_is_not_played() -> None:
    async with line() as phone:
        there, call = await phone.talk()
        await call.send_audio(noise(3000))
        await asyncio.sleep(1)
        await call.disconnect()
        assert len(there.caller.heard().strip(b"\0")) < 48 * 1100
        assert call.get_send_audio_buffer_size() == 0


@virtual_time
async def test_a_whisper_that_is_drained_before_the_mode_changes_reaches_its_audience_only() -> None:
    async with line() as phone:
        there, call = await phone.talk()
        await call.connect()
        await call.whisper()
        secret = noise(1500)
        await call.send_audio(secret)
        await call.drained()
        await call.barge()
        await asyncio.sleep(2)
        assert secret in there.callee.heard()
        assert there.caller.heard().strip(b"\0") == b""
        await call.disconnect()
