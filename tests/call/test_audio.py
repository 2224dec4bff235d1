"""What the program sends is what the caller hears, and the other way round, to the last sample."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import numpy as np
import pytest

from tests.call.line import Line, line, noise, settle
from tests.virtual_time import virtual_time
from voiceagent.call import ActiveCall
from voiceagent.call.exceptions import BufferClosedError, BufferFullError
from voiceagent.sandbox.exchange import ExchangeCall

TICK_MS = 20


def heard(there: ExchangeCall) -> bytes:
    return there.caller.heard()


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_an_echo_comes_back_bit_exact(rate: int) -> None:
    @virtual_time
    async def run() -> None:
        async with line(sample_rate=rate) as phone:
            there, call = await phone.talk()
            speech = noise(3000, seed=rate, rate=rate)

            async def echo() -> None:
                with suppress(BufferClosedError):
                    async for chunk in call.audio_stream():
                        await call.send_audio(chunk)

            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(echo())
                there.caller.say(speech)
                await there.caller.said()
                await asyncio.sleep(2)
                assert speech in heard(there)
                there.caller.hang_up()
            assert not any(call.counters)

    run()


@pytest.mark.parametrize("milliseconds", [0.1, 3, 20, 333, 800, 801, 2500])
def test_drained_returns_when_the_caller_has_heard_the_last_byte(milliseconds: float) -> None:
    @virtual_time
    async def run() -> None:
        async with line() as phone:
            there, call = await phone.talk()
            loop = asyncio.get_running_loop()
            for seed in range(3):
                speech = noise(milliseconds, seed)
                await call.send_audio(speech)
                began = loop.time()
                await call.drained()
                assert speech in heard(there)
                assert loop.time() - began <= milliseconds / 1000 + 0.1
                assert call.playback.played_ms == call.playback.queued_ms

    run()


@virtual_time
async def test_drained_then_disconnect_cuts_nothing_and_wastes_nothing() -> None:
    async with line() as phone:
        there, call = await phone.talk()
        goodbye = noise(1500)
        await call.send_audio(goodbye)
        began = asyncio.get_running_loop().time()
        await call.drained()
        await call.disconnect()
        assert goodbye in heard(there)
        assert asyncio.get_running_loop().time() - began < 1.6


@virtual_time
async def test_short_tails_are_heard_without_more_audio_behind_them() -> None:
    async with line() as phone:
        there, call = await phone.talk()
        for seed, size in enumerate((2, 300, 958, 962)):
            piece = noise(100, seed)[:size]
            await call.send_audio(piece)
            await asyncio.sleep(1)
            assert piece in heard(there)


@pytest.mark.parametrize("after", [0.0, 0.01, 0.3, 0.79, 1.5])
def test_after_a_clear_not_one_byte_of_the_old_audio_leaves(after: float) -> None:
    @virtual_time
    async def run() -> None:
        async with line() as phone:
            there, call = await phone.talk()
            old, new = noise(4000, 1), noise(700, 2)
            await call.send_audio(old)
            await asyncio.sleep(after)
            call.clear_audio()
            before = len(heard(there).rstrip(b"\0"))
            assert call.get_send_audio_buffer_size() == 0
            await call.send_audio(new)  # right behind the interruption
            await call.drained()
            line_in = heard(there)
            assert new in line_in
            old_part = line_in[: line_in.index(new)].strip(b"\0")
            assert old.startswith(old_part)
            assert len(old_part) - before <= 2 * TICK_MS * 48, "only what was played while the word travelled"
            assert line_in[line_in.index(new) + len(new) :].strip(b"\0") == b""

    run()


@virtual_time
async def test_clear_send_audio_buffer_returns_when_the_line_is_silent() -> None:
    async with line() as phone:
        there, call = await phone.talk()
        await call.send_audio(noise(4000))
        await asyncio.sleep(0.5)
        await call.clear_send_audio_buffer()
        there.caller.clear_heard()
        await asyncio.sleep(2)
        assert heard(there).strip(b"\0") == b""
        await call.interrupt()
        commands = [event["command"] for event in there.log.snapshot() if event["event"] == "command"]
        assert commands == ["call.answer", "agent.interrupt"], "no second one: the server holds nothing"


@virtual_time
async def test_clearing_before_anything_was_sent_asks_nothing_of_the_server() -> None:
    async with line() as phone:
        there, call = await phone.ring()
        await call.send_audio(noise(100))
        call.clear_audio()
        await call.clear_send_audio_buffer()
        assert call.playback == (0, 0)
        await call.answer()
        await settle()
        commands = [event["command"] for event in there.log.snapshot() if event["event"] == "command"]
        assert commands == ["call.answer"]
        assert heard(there).strip(b"\0") == b""


@virtual_time
async def test_a_greeting_may_be_queued_before_the_answer() -> None:
    async with line() as phone:
        there, call = await phone.ring()
        greeting = noise(1000)
        await call.send_audio(greeting)
        await call.answer()
        await call.drained()
        assert greeting in heard(there)


@virtual_time
async def test_the_playback_position_never_runs_ahead_and_lags_by_a_request_at_most() -> None:
    async with line() as phone:
        there, call = await phone.talk()
        cleared_ms = 0.0
        heard_ms = 0.0
        lags: list[float] = []

        def listen(pcm: bytes) -> None:
            nonlocal heard_ms
            heard_ms += (len(pcm) - pcm.count(b"\0\0")) / 48 if pcm.strip(b"\0") else 0.0
            lags.append(heard_ms - cleared_ms - call.playback.played_ms)

        there.caller.listen(listen)
        for seed in range(6):
            await call.send_audio(noise(2000, seed))
            await asyncio.sleep(0.37 * (seed + 1))
            if seed % 2:
                call.clear_audio()
                await asyncio.sleep(0.1)
                # What was heard while the interruption travelled is on no timeline.
                cleared_ms = heard_ms - call.playback.played_ms
            else:
                await call.drained()
        assert min(lags) > -1, "in step, or behind"
        assert max(lags) <= 3 * TICK_MS + 1


@virtual_time
async def test_a_full_queue_refuses_a_chunk_whole() -> None:
    async with line(buffer_size=48_000) as phone:
        there, call = await phone.ring()
        await call.send_audio(noise(1000, 1))
        with pytest.raises(BufferFullError):
            await call.send_audio(noise(20, 2))
        assert call.get_send_audio_buffer_size() == 48_000
        await call.answer()
        await call.drained()
        assert heard(there).strip(b"\0") == noise(1000, 1)


@virtual_time
async def test_with_wait_a_fast_producer_is_slowed_down_and_nothing_is_lost() -> None:
    async with line(buffer_size=9601) as phone:
        there, call = await phone.talk()
        speech = noise(6000)
        began = asyncio.get_running_loop().time()
        for start in range(0, 96_000, 3000):
            await call.send_audio(speech[start : start + 3000], wait=True)
            assert call.get_send_audio_buffer_size() <= 9601
        await call.send_audio(speech[96_000:], wait=True)  # twenty times what the queue holds
        assert asyncio.get_running_loop().time() - began > 4
        await call.drained()
        assert heard(there).strip(b"\0") == speech


@virtual_time
async def test_a_clear_also_drops_what_waits_for_room() -> None:
    async with line(buffer_size=9600) as phone:
        there, call = await phone.talk()
        producing = asyncio.create_task(call.send_audio(noise(60_000, 1), wait=True))
        await asyncio.sleep(2)
        call.clear_audio()
        await call.send_audio(noise(100, 2))
        await producing
        await call.drained()
        assert heard(there).rstrip(b"\0").endswith(noise(100, 2))


@virtual_time
async def test_who_waits_for_room_learns_that_the_caller_hung_up() -> None:
    async with line(buffer_size=9600) as phone:
        there, call = await phone.talk()
        producing = asyncio.create_task(call.send_audio(noise(60_000), wait=True))
        await asyncio.sleep(1)
        there.caller.hang_up()
        with pytest.raises(BufferClosedError):
            await producing


@virtual_time
async def test_samples_that_would_be_noise_are_refused() -> None:
    async with line() as phone:
        _, call = await phone.talk()
        with pytest.raises(TypeError, match=r"format 'f' is no PCM: convert it to 16-bit integers"):
            await call.send_audio(np.zeros(480, dtype=np.float32))
        assert call.get_send_audio_buffer_size() == 0


@virtual_time
async def test_any_buffer_of_whole_samples_may_be_sent() -> None:
    async with line() as phone:
        there, call = await phone.talk()
        speech = noise(100)
        reused = bytearray(speech)
        await call.send_audio(reused)
        reused[:] = bytes(len(reused))  # the program's buffer is its own again
        await call.send_audio(memoryview(speech).cast("h"))
        for bad in (b"abc", bytearray(1)):
            with pytest.raises(ValueError, match="half a sample"):
                await call.send_audio(bad)
            with pytest.raises(ValueError, match="half a sample"):
                await call.send_audio(bad, wait=True)
        with pytest.raises(TypeError):
            await call.send_audio(960)  # type: ignore[arg-type]
        await call.drained()
        assert heard(there).strip(b"\0") == speech * 2


@virtual_time
async def test_a_program_that_does_not_listen_loses_the_oldest_audio(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with line(sample_rate=8000) as phone:
        there, call = await phone.talk()
        speech = noise(15_000, rate=8000)
        there.caller.say(speech)
        await there.caller.said()
        await asyncio.sleep(1)
        there.caller.hang_up()
        await call.wait_terminated()
        received = b"".join([chunk async for chunk in call.audio_stream()])
        assert received.rstrip(b"\0") == speech[-len(received.rstrip(b"\0")) :]
        assert len(received) == 10 * 16_000
        assert call.counters.incoming_dropped_bytes > 5 * 16_000
        assert caplog.text.count("slow to read") == 1


async def _tone_call(phone: Line, seed: int) -> tuple[ActiveCall, bytes, bytes]:
    there, call = await phone.talk()
    out, back = noise(1000, 2 * seed), noise(1000, 2 * seed + 1)
    there.caller.say(back)
    await call.send_audio(out)
    await call.drained()
    await there.caller.said()
    assert out in heard(there)
    there.caller.hang_up()
    received = b"".join([chunk async for chunk in call.audio_stream()])
    return call, back, received


@virtual_time
async def test_many_calls_at_once_do_not_hear_each_other() -> None:
    async with line() as phone:
        results = []
        async with asyncio.TaskGroup() as tasks:
            for seed in range(20):
                results.append(tasks.create_task(_tone_call(phone, seed)))
                await asyncio.sleep(0.01)
        for result in results:
            _, spoken, received = result.result()
            assert received.strip(b"\0") == spoken
        await settle()
        assert phone.client.calls == ()
