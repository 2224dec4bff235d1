"""What one side says the other hears, byte by byte, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from tests.interop.office import (
    Agent,
    heard_by,
    line_time,
    noise,
    office,
    open_exchange,
    spoken,
    taken,
    until,
    variables,
)
from tests.interop.official import DEADLINE, Program, from_text
from tests.sandbox.raw_client import CALLEE, CALLER
from voiceagent.sandbox.exchange import CallState, ExchangeCall
from voiceagent.wire.frames import CALLEE as CALLEE_CHANNEL
from voiceagent.wire.frames import CALLER as CALLER_CHANNEL

pytestmark = pytest.mark.realtime


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
async def test_a_program_that_echoes_hears_and_returns_every_byte(rate: int) -> None:
    async with open_exchange() as exchange:
        async with Program.run("echo.py", variables(exchange, SAMPLE_RATE=str(rate))) as program:
            await until(lambda: bool(exchange.controls), "the program is linked")
            call = exchange.phone(CALLER, CALLEE)
            speech = noise(700, seed=rate, rate=rate)
            call.caller.say(speech)
            await heard_by(call.caller, speech)
            call.caller.hang_up()
            report = await program.event(call=call.call_id)
        assert call.sample_rate == rate
        assert spoken(call.caller.heard()) == speech
        assert speech in from_text(report["heard"])
        assert spoken(from_text(report["heard"])) == speech
        assert (report["answered"], report["terminated"]) == (True, ["TERMINATED"])
        assert (call.state, call.end_reason) == (CallState.ENDED, "caller_hangup")


async def test_both_sides_talk_at_once_and_each_hears_the_other() -> None:
    async with office() as phone:
        there, here = await phone.talk()
        question, answer = noise(400, seed=1), noise(900, seed=2)
        there.caller.say(question)
        await here.say(answer)
        await asyncio.gather(here.hear(question), heard_by(there.caller, answer))
        assert spoken(there.caller.heard()) == answer
        assert spoken(await here.heard()) == question
        there.caller.hang_up()
        await here.over("CALL_TERMINATED")


async def test_short_ends_of_speech_are_heard_without_more_audio_behind_them() -> None:
    """The package keeps back what is shorter than the frames that a server asks for, 960 bytes by default."""
    async with office() as phone:
        there, here = await phone.talk()
        said = b""
        for seed, ms in enumerate((5, 25, 15, 835, 10), start=1):
            speech = noise(ms, seed)
            await here.say(speech)
            await heard_by(there.caller, speech)
            said += speech
        assert spoken(there.caller.heard()) == said
        there.caller.hang_up()
        await here.over("CALL_TERMINATED")


async def test_less_than_a_frame_stays_with_the_package_until_it_has_more_and_is_not_lost() -> None:
    async with office() as phone:
        there, here = await phone.talk()
        tail, rest = noise(3, seed=1), noise(40, seed=2)
        await here.say(tail)
        await line_time(there.caller, 60)
        assert spoken(there.caller.heard()) == b""
        await here.say(rest)
        await heard_by(there.caller, rest)
        assert spoken(there.caller.heard()) == tail + rest
        there.caller.hang_up()
        await here.over("CALL_TERMINATED")


async def test_after_an_interruption_nothing_of_the_old_speech_is_heard_and_all_of_the_new() -> None:
    async with office() as phone:
        there, here = await phone.talk()
        old, new = noise(3000, seed=1), noise(300, seed=2)
        await here.say(old)
        await line_time(there.caller, 200)
        still_queued = await here.do("interrupt")
        cut = len(there.caller.heard())
        await here.say(new)
        await heard_by(there.caller, new)
        before, after = there.caller.heard()[:cut], there.caller.heard()[cut:]
        assert old.startswith(spoken(before))
        assert 0 < len(spoken(before)) < len(old) - still_queued
        assert spoken(after) == new
        (event,) = [event for event in there.log.snapshot() if event["event"] == "interrupted"]
        assert len(spoken(before)) + event["dropped_bytes"] + still_queued == len(old)
        there.caller.hang_up()
        await here.over("CALL_TERMINATED")


async def test_an_agent_can_be_interrupted_again_and_again() -> None:
    async with office() as phone:
        there, here = await phone.talk()
        for seed in range(1, 6):
            await here.say(noise(900, seed))
            await here.do("interrupt")
            there.caller.clear_heard()
            last = noise(60, seed + 100)
            await here.say(last)
            await heard_by(there.caller, last)
            assert spoken(there.caller.heard()) == last
        there.caller.hang_up()
        await here.over("CALL_TERMINATED")


async def test_an_isolated_agent_hears_each_party_on_a_channel_of_its_own_too() -> None:
    async with office(audio_mode="isolated") as phone:
        there, here = await phone.meet()
        from_caller, from_callee = noise(100, seed=1), noise(100, seed=2)
        there.caller.say(from_caller)
        await here.hear(from_caller, CALLER_CHANNEL)
        there.callee.say(from_callee)
        await here.hear(from_callee, CALLEE_CHANNEL)
        await here.hear(from_caller + from_callee)
        assert spoken(await here.heard(CALLER_CHANNEL)) == from_caller
        assert spoken(await here.heard(CALLEE_CHANNEL)) == from_callee
        await here.ok("disconnect")


async def test_calls_at_once_do_not_hear_each_other() -> None:
    async with office() as phone:
        calls = [phone.exchange.phone(CALLER, CALLEE) for _ in range(6)]
        agents = [await taken(phone.program, call) for call in calls]

        async def talk(number: int, there: ExchangeCall, here: Agent) -> None:
            question, answer = noise(300, number), noise(300, number + 100)
            await here.ok("answer")
            there.caller.say(question)
            await here.say(answer)
            await asyncio.gather(here.hear(question), heard_by(there.caller, answer))
            assert spoken(there.caller.heard()) == answer
            assert spoken(await here.heard()) == question
            there.caller.hang_up()
            await here.over("CALL_TERMINATED")

        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(
                *(talk(number, *call) for number, call in enumerate(zip(calls, agents, strict=True)))
            )
        assert {call.end_reason for call in calls} == {"caller_hangup"}
