"""A caller who says nothing is asked and let go; a call without an end is ended."""

from __future__ import annotations

import asyncio

from tests.bridge.model import answered
from tests.bridge.waiting import (
    ANSWER,
    GREETING,
    QUESTION,
    RATE,
    SILENT_CALLER,
    Agent,
    asked,
    heard,
    heard_at,
)
from tests.phone import phone_system
from tests.virtual_time import virtual_time
from voiceagent import CallContext, VoiceAgent, tool
from voiceagent.report import EndReason, IdlePrompted, Nudged
from voiceagent.testing.audio import audible_ms, contains_speech

THERE = "Are you still there?"
NOT_HEARD = "I cannot hear you. Is anybody there?"
GOODBYE = "I cannot hear you, so I am ending the call. Goodbye."
TOO_LONG = "We have reached the longest time for a call, so I have to say goodbye."


# A caller who says nothing ---------------------------------------------------------------------------------


class Patient(VoiceAgent):
    instruction = "You answer."
    idle_seconds = 5.0


@virtual_time
async def test_a_caller_who_says_nothing_is_asked_twice_and_then_let_go() -> None:
    async with phone_system(Patient, SILENT_CALLER) as phone:
        call, report = await phone.call()
        moments = phone.seen(IdlePrompted)
        times = [heard_at(call, text) for text in (GREETING, THERE, NOT_HEARD, GOODBYE)]
        assert [moment.count for moment in moments] == [1, 2]
    assert report.ended is EndReason.CALLER_IDLE
    ends = [at + audible_ms(text) for at, text in zip(times, (GREETING, THERE, NOT_HEARD), strict=False)]
    for end, begin in zip(ends, times[1:], strict=True):
        assert 4700 < begin - end < 7000, "counted from the end of what was heard last"
    assert len(heard(call)) / 2 / RATE * 1000 - (times[-1] + audible_ms(GOODBYE)) < 2500


@virtual_time
async def test_a_caller_who_answers_is_a_caller_like_any_other() -> None:
    scenario = {
        "script": [{"wait": "agent_done"}, {"wait": "agent_done"}, {"say": QUESTION}, {"wait": 14}, "hangup"],
        "model": [
            {"on": "start", "say": GREETING},
            {"on": "caller_done", "heard": QUESTION, "say": ANSWER},
        ],
    }
    async with phone_system(Patient, scenario) as phone:
        call, report = await phone.call()
        moments = phone.seen(IdlePrompted)
        assert heard_at(call, THERE) < heard_at(call, ANSWER)
        assert [moment.count for moment in moments] == [1, 1], "the count begins anew"
    assert report.ended is EndReason.CALLER_HUNG_UP


@virtual_time
async def test_a_caller_who_speaks_into_the_last_goodbye_is_listened_to() -> None:
    class Hasty(Patient):
        idle_prompts = ()

    scenario = {
        "script": [
            {"wait": "agent_done"},
            {"interrupt_after": 1},
            {"say": QUESTION},
            {"wait": "agent_done"},
            "hangup",
        ],
        "model": [
            {"on": "start", "say": GREETING},
            {"on": "caller_done", "heard": QUESTION, "say": ANSWER},
        ],
    }
    async with phone_system(Hasty, scenario) as phone:
        call, report = await phone.call()
        assert not contains_speech(heard(call), GOODBYE, RATE)
        assert contains_speech(heard(call), ANSWER, RATE)
    assert report.ended is EndReason.CALLER_HUNG_UP


class Slow(Patient):
    @tool
    async def look_up(self) -> str:
        """Look it up."""
        await asyncio.sleep(15)
        return "found"


@virtual_time
async def test_a_caller_who_waits_for_a_tool_is_not_idle() -> None:
    scenario = asked(
        rules=(
            {"on": "caller_done", "heard": QUESTION, "say": "One moment.", "call": {"look_up": {}}},
            {"on": "tool_result", "say": ANSWER},
        ),
        wait=25,
    )
    async with phone_system(Slow, scenario) as phone:
        call, _ = await phone.call()
        answer = heard_at(call, ANSWER)
        assert not [moment for moment in phone.seen(IdlePrompted) if moment.at_ms < answer]


@virtual_time
async def test_nor_is_one_whose_model_listens_while_the_tool_runs() -> None:
    async with phone_system(Slow, {"script": [{"wait": 60}, "hangup"], "model": []}) as phone:
        call, model = await answered(phone)
        await asyncio.sleep(4)
        await model.calls({"id": "1", "name": "look_up", "args": {}})
        await model.ends_turn()
        await asyncio.sleep(14)
        assert phone.seen(IdlePrompted) == []
        call.caller.hang_up()
        await phone.reports.get()


class Transferring(Patient):
    ring_seconds = 20
    hold_audio = None

    @tool
    async def connect(self, call: CallContext) -> str:
        """Connect."""
        return await call.transfer()


@virtual_time
async def test_a_caller_who_hears_it_ring_is_not_idle() -> None:
    scenario = asked(
        rules=(
            {"on": "caller_done", "heard": QUESTION, "say": "One moment.", "call": {"connect": {}}},
            {"on": "tool_result", "say": ANSWER},
        ),
        wait=45,
    )
    scenario["callee"] = {"answers": False}
    async with phone_system(Transferring, scenario) as phone:
        call, _ = await phone.call()
        answer = heard_at(call, ANSWER)
        assert answer > 20_000
        assert phone.seen(Nudged) == [], "what it says after the ringing is its answer"
        assert not [moment for moment in phone.seen(IdlePrompted) if moment.at_ms < answer]


class Waiting(VoiceAgent):
    instruction = "You answer."
    idle_seconds = None


@virtual_time
async def test_an_agent_may_wait_for_ever() -> None:
    async with phone_system(Waiting, SILENT_CALLER) as phone:
        _, report = await phone.call(130)
        assert phone.seen(IdlePrompted) == []
    assert report.ended is EndReason.CALLER_HUNG_UP


# A call without end ----------------------------------------------------------------------------------------


class Brief(Agent):
    longest_seconds = 20.0


@virtual_time
async def test_a_call_that_is_too_long_ends_with_a_goodbye() -> None:
    async with phone_system(Brief, SILENT_CALLER) as phone:
        call, report = await phone.call()
        said_at = heard_at(call, TOO_LONG)
    assert report.ended is EndReason.TOO_LONG
    assert 19_000 < said_at < 23_000
    assert len(heard(call)) / 2 / RATE * 1000 - (said_at + audible_ms(TOO_LONG)) < 2500


@virtual_time
async def test_a_caller_who_talks_on_does_not_prolong_the_call_for_ever() -> None:
    scenario = {
        "script": [{"wait": "agent_done"}, *[{"say": QUESTION}, {"wait": 1}] * 60],
        "model": [{"on": "start", "say": GREETING}],
    }
    async with phone_system(Brief, scenario) as phone:
        call, report = await phone.call(300)
    assert report.ended is EndReason.TOO_LONG
    assert 20 < len(heard(call)) / 2 / RATE < 20 + 15 + 30 + 5


class BriefListener(Agent):
    longest_seconds = 10.0

    @tool
    async def connect(self, call: CallContext) -> str:
        """Connect."""
        return await call.transfer(stay=True)


@virtual_time
async def test_caller_and_callee_may_talk_as_long_as_they_like() -> None:
    scenario = {
        "script": [{"wait": "agent_done"}, {"say": "connect me please"}, {"wait": 60}, "hangup"],
        "model": [
            {"on": "start", "say": GREETING},
            {"on": "caller_done", "call": {"connect": {}}},
        ],
    }
    async with phone_system(BriefListener, scenario) as phone:
        call, report = await phone.call()
        assert not contains_speech(heard(call), TOO_LONG, RATE)
    assert report.ended is EndReason.CONFERENCE_ENDED
    assert len(heard(call)) / 2 / RATE > 50
