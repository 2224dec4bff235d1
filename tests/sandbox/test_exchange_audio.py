"""Who hears what, to the sample."""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

from tests.pcm import noise
from tests.sandbox.raw_client import CALLEE, CALLER, Agent, Worker, answered_call
from tests.virtual_time import run_virtual, virtual_time
from voiceagent.sandbox.exchange import Exchange
from voiceagent.wire import media
from voiceagent.wire.frames import encode_frame, ms_to_bytes


def without_silence(pcm: bytes | bytearray) -> bytes:
    """The PCM between the digital silence before and after it."""
    samples = list(struct.unpack(f"<{len(pcm) // 2}h", pcm))
    first = next((i for i, sample in enumerate(samples) if sample), len(samples))
    last = next((i for i in range(len(samples), 0, -1) if samples[i - 1]), first)
    return bytes(pcm[2 * first : 2 * last])


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_what_the_parties_say_arrives_unchanged(rate: int) -> None:
    async def scene() -> None:
        async with Exchange() as exchange, answered_call(exchange, rate=rate) as (call, agent, _):
            assert call.sample_rate == rate
            question, answer = noise(rate + 77, 1), noise(rate + 33, 2)
            call.caller.say(question)
            await agent.speak(answer)
            await call.caller.said()
            await asyncio.sleep(1)
            assert without_silence(agent.heard[0]) == question
            assert without_silence(call.caller.heard()) == answer
            assert call.violations.snapshot() == []

    run_virtual(scene())


@virtual_time
async def test_a_quiet_line_is_digital_silence_in_real_time() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (call, agent, _):
        before = len(agent.heard[0])
        await asyncio.sleep(3)
        assert len(agent.heard[0]) - before == pytest.approx(ms_to_bytes(3000, 16000), abs=640)
        assert not any(agent.heard[0])
        assert not any(call.caller.heard())


@virtual_time
async def test_nobody_hears_anything_before_the_call_is_answered() -> None:
    async with Exchange() as exchange, Worker.connect(exchange) as worker:
        call = exchange.phone(CALLER, CALLEE)
        hello = noise(1600, 1)
        call.caller.say(hello)
        async with worker.take_call() as agent:
            await asyncio.sleep(1)
            assert agent.requested == 0
            assert not agent.heard[0]
            assert call.caller.heard() == b""
            await agent.ok(media.ANSWER)
            await call.caller.said()
            await asyncio.sleep(0.1)
            assert without_silence(agent.heard[0]) == hello


@virtual_time
async def test_whisper_barge_and_spy_are_heard_by_the_right_legs_only() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (call, agent, _):
        await agent.ok(media.CONNECT, ringTimeSeconds=5)
        modes = [
            (media.BARGE, "barge", True, True),
            (media.WHISPER, "whisper", False, True),
            (media.SPY, "spy", False, False),
        ]
        assert call.mode == "barge"
        for seed, (command, mode, caller_hears, callee_hears) in enumerate(modes):
            await agent.ok(command)
            assert call.mode == mode
            words = noise(8000, seed)
            call.caller.clear_heard()
            call.callee.clear_heard()
            await agent.speak(words)
            await asyncio.sleep(1)
            assert without_silence(call.caller.heard()) == (words if caller_hears else b"")
            assert without_silence(call.callee.heard()) == (words if callee_hears else b"")


@virtual_time
async def test_connected_parties_hear_each_other_and_the_agent_hears_their_sum() -> None:
    async with Exchange() as exchange, answered_call(exchange, mode="isolated") as (call, agent, _):
        await agent.ok(media.CONNECT)
        agent.heard.clear()
        loud, quiet = noise(16000, 1, loudness=32000), noise(16000, 2, loudness=32000)
        call.caller.say(loud)
        call.callee.say(quiet)
        await call.caller.said()
        await asyncio.sleep(0.1)
        assert without_silence(call.callee.heard()) == loud
        assert without_silence(call.caller.heard()) == quiet
        assert without_silence(agent.heard[1]) == loud
        assert without_silence(agent.heard[2]) == quiet
        pairs = zip(struct.unpack("<16000h", loud), struct.unpack("<16000h", quiet), strict=True)
        total = struct.pack("<16000h", *(max(-32768, min(32767, one + other)) for one, other in pairs))
        assert bytes(total).strip(b"\0") in bytes(agent.heard[0])


@virtual_time
async def test_the_mixed_mode_has_one_channel() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (_, agent, _):
        await asyncio.sleep(0.5)
        assert set(agent.heard) == {0}


@virtual_time
async def test_the_exchange_prefetches_800_ms_and_asks_for_what_it_played() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (call, agent, _):
        prefetch = ms_to_bytes(800, 16000)
        await asyncio.sleep(1)
        assert agent.requested == prefetch
        await agent.speak(noise(32000 + 5, 1))
        assert agent.sent == prefetch
        await asyncio.sleep(1)
        assert agent.requested - prefetch == pytest.approx(ms_to_bytes(1000, 16000), abs=1280)
        await asyncio.sleep(2)
        assert agent.requested == prefetch + 2 * 32005
        assert agent.credit == prefetch
        assert call.violations.snapshot() == []


@virtual_time
async def test_an_interruption_drops_what_was_not_played_and_keeps_the_credit() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (call, agent, _):
        old, new = noise(16000 * 3, 1), noise(8000, 2)
        await agent.speak(old)
        await asyncio.sleep(0.5)
        agent.queue.clear()
        played = len(without_silence(call.caller.heard()))
        await agent.ok(media.INTERRUPT)
        await asyncio.sleep(0.01)
        assert agent.credit == ms_to_bytes(800, 16000)
        await asyncio.sleep(0.5)
        heard = without_silence(call.caller.heard())
        assert old.startswith(heard)
        assert len(heard) - played <= ms_to_bytes(20, 16000)
        await agent.speak(new)
        await asyncio.sleep(1)
        assert without_silence(call.caller.heard()).endswith(new)
        # What was asked for is the prefetch, what was played, and what was dropped.
        assert agent.requested == agent.sent + ms_to_bytes(800, 16000)


@virtual_time
async def test_malformed_frames_are_counted_and_survived() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (call, agent, _):
        await agent.socket.send(b"")
        await agent.socket.send(b"\0")
        await agent.socket.send(b"\0\1\2\3")
        await agent.socket.send(b"\7" + bytes(320))
        await agent.socket.send("{")
        await agent.socket.send('{"type": "command", "data": {}}')
        await agent.socket.send('{"type": "of the future"}')
        words = noise(1600, 1)
        await agent.speak(words)
        await asyncio.sleep(1)
        assert without_silence(call.caller.heard()) == words
        assert len(call.violations.snapshot()) == 6
        assert "half a sample" in call.violations.snapshot()[2]


@virtual_time
async def test_audio_beyond_the_credit_is_a_violation_and_played() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (call, agent, _):
        await asyncio.sleep(0.1)
        words = noise(16000, 1)
        await agent.socket.send(encode_frame(words))
        await asyncio.sleep(1.5)
        assert without_silence(call.caller.heard()) == words
        assert call.violations.snapshot() == [f"{32000 - 25600} bytes of audio beyond the credit"]


@virtual_time
async def test_a_message_over_the_limit_is_counted_and_survived_and_a_monstrous_one_breaks_the_link() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (call, agent, _):
        await agent.socket.send(bytes((1 << 20) + 1))
        await agent.socket.send("x" * ((1 << 20) + 1))
        words = noise(1600, 1)
        await agent.speak(words)
        await asyncio.sleep(1)
        assert without_silence(call.caller.heard()) == words
        assert len(call.violations.snapshot()) == 2
        assert all("over the limit of 1048576" in text for text in call.violations.snapshot())
        with suppress(ConnectionClosed):
            await agent.socket.send(bytes(16 << 20))
        await agent.closed.wait()
        assert agent.socket.close_code == 1009
        assert call.end_reason == "media_lost"
        assert "media link" in call.violations.snapshot()[-1]


@virtual_time
async def test_a_malformed_command_is_answered_if_it_can_be_told_which_it_is() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (_, agent, _):
        await agent.socket.send('{"type": "command", "data": {"command_id": "mine", "command": 7}}')
        answer = await agent.answer_to("mine")
        assert (answer.success, answer.error_code) == (False, "INVALID_PAYLOAD")
        assert "$.data.command" in (answer.error_message or "")


@virtual_time
async def test_an_agent_that_sends_without_end_is_cut_off() -> None:
    async with Exchange() as exchange, answered_call(exchange) as (call, agent, _):
        for _ in range(40):
            await agent.socket.send(encode_frame(bytes(64000)))
        await asyncio.sleep(1)
        assert len(call.violations.snapshot()) == 40
        assert call.state == "answered"


@virtual_time
async def test_no_call_hears_another() -> None:
    async with Exchange() as exchange, Worker.connect(exchange) as worker:
        calls = {}
        for seed in range(20):
            call = exchange.phone(f"+1555{seed:04}", CALLEE)
            calls[call.call_id] = (call, noise(16000, seed), noise(16000, 100 + seed))

        async def attend(agent: Agent, call_id: str) -> None:
            call, question, answer = calls[call_id]
            await agent.ok(media.ANSWER)
            call.caller.say(question)
            await agent.speak(answer)
            await call.caller.said()
            await asyncio.sleep(0.5)
            assert without_silence(agent.heard[0]) == question
            assert without_silence(call.caller.heard()) == answer
            await agent.ok(media.DISCONNECT)

        async def take() -> None:
            call_in = await worker.claim()
            async with Agent.connect(call_in, worker.journal) as agent:
                await attend(agent, call_in.call_id)

        async with asyncio.TaskGroup() as tasks:
            for _ in calls:
                tasks.create_task(take())
        assert all(call.end_reason == "agent_disconnect" for call, _, _ in calls.values())
