"""A model that owes the caller an answer: asked for it, opened anew, given up; and what is no such thing."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import numpy as np

from tests.bridge.model import Listener, answered, tone
from tests.bridge.waiting import (
    ANSWER,
    GREETING,
    QUESTION,
    RATE,
    SILENT_CALLER,
    Agent,
    asked,
    at_answer,
    heard,
    heard_at,
)
from tests.phone import phone_system
from tests.virtual_time import virtual_time
from voiceagent import CallContext, tool
from voiceagent.report import Ended, EndReason, IdlePrompted, ModelReopened, Nudged, ToolFinished
from voiceagent.testing.audio import audible_ms, contains_speech, loud_spans

LONG = "We are open from nine to five on every weekday, and on Saturday until noon, except in August."


# A model that owes an answer -------------------------------------------------------------------------------


@virtual_time
async def test_a_turn_without_a_word_is_noticed_at_once_and_asked_for() -> None:
    async with phone_system(Agent, asked(at_answer("silent_turn"))) as phone:
        call, report = await phone.call()
        (nudged,) = phone.seen(Nudged)
        assert nudged.why == "silent turn"
        assert report.ended is EndReason.CALLER_HUNG_UP
        end_of_question = audible_ms(GREETING) + 900 + audible_ms(QUESTION, voice="en-GB")
        assert heard_at(call, ANSWER) - end_of_question < 3000


@virtual_time
async def test_a_greeting_without_a_word_is_asked_for() -> None:
    async with phone_system(Agent, asked({"at": 0, "silent_turn": True})) as phone:
        call, _ = await phone.call()
        assert heard_at(call, GREETING) < 3000
        assert contains_speech(heard(call), ANSWER, RATE)


@virtual_time
async def test_a_model_that_falls_silent_is_asked_and_then_opened_anew() -> None:
    async with phone_system(Agent, asked(at_answer("freeze"), wait=40)) as phone:
        call, report = await phone.call()
        (nudged,) = phone.seen(Nudged)
        (reopened,) = phone.seen(ModelReopened)
        assert (nudged.why, reopened.cause) == ("silent turn", "silent turn")
        assert 5500 < reopened.at_ms - nudged.at_ms < 8000
        assert heard_at(call, ANSWER) - reopened.at_ms < 4000
        assert report.ended is EndReason.CALLER_HUNG_UP
    assert [line.text for line in report.transcript if line.who == "agent"] == [GREETING, ANSWER]


@virtual_time
async def test_a_model_that_greets_nobody_is_opened_anew_and_greets_once() -> None:
    async with phone_system(Agent, asked({"at": 0, "freeze": True}, wait=30)) as phone:
        call, report = await phone.call()
        assert len(phone.seen(ModelReopened)) == 1
        assert heard_at(call, GREETING) < 16_000
    assert [line.text for line in report.transcript if line.who == "agent"] == [GREETING, ANSWER]


@virtual_time
async def test_a_model_that_stays_silent_is_given_up_for_a_person() -> None:
    scenario = asked(
        *({**at_answer("freeze"), "at": 1.5 if n == 1 else 0, "session": n} for n in (1, 2, 3)), wait=60
    )
    async with phone_system(Agent, scenario) as phone:
        call, report = await phone.call()
        (nudged,) = phone.seen(Nudged)
        (reopened,) = phone.seen(ModelReopened)
        snapshot = call.snapshot()
    assert report.ended is EndReason.CONNECTED
    assert snapshot["state"] == "detached", "caller and callee talk"
    (ended,) = phone.seen(Ended)
    assert nudged.at_ms < reopened.at_ms < ended.at_ms < nudged.at_ms + 13_000


@virtual_time
async def test_a_model_that_has_nothing_to_say_to_a_remark_is_asked_once_and_left_alone() -> None:
    silent = [{"at": 4, "silent_turn": True}] * 3
    async with phone_system(Agent, {**SILENT_CALLER, "faults": silent}) as phone:
        call = phone.ring()
        await asyncio.sleep(6)
        phone.contexts[call.call_id].tell("The caller is on hold.")
        await asyncio.sleep(30)
        assert len(phone.seen(Nudged)) == 1
        assert phone.seen(ModelReopened) == []
        call.caller.hang_up()
        await phone.reports.get()


@virtual_time
async def test_an_answer_of_zero_amplitude_is_said_again_so_that_it_is_heard() -> None:
    async with phone_system(Agent, asked(at_answer("zero_amplitude"))) as phone:
        call, report = await phone.call()
        (nudged,) = phone.seen(Nudged)
        assert nudged.why == "silent audio"
        end_of_question = audible_ms(GREETING) + 900 + audible_ms(QUESTION, voice="en-GB")
        assert heard_at(call, ANSWER) - end_of_question < 5000, "nobody waits for the end of the silence"
    assert [line.text for line in report.transcript if line.who == "agent" and line.text] == [
        GREETING,
        ANSWER,
    ]


@virtual_time
async def test_silence_with_some_noise_in_it_is_silence_and_a_quiet_voice_is_none() -> None:
    random = np.random.default_rng(1)
    hiss = random.integers(-18, 19, 2 * RATE).astype("<i2").tobytes()
    async with phone_system(
        Quiet, {"script": [{"wait": 20}, "hangup"], "model": [{"on": "caller_done"}]}
    ) as phone:
        call, model = await answered(phone)
        await model.speaks((np.frombuffer(tone(2), "<i2") // 80).astype("<i2").tobytes())
        await model.ends_turn()
        await asyncio.sleep(4)
        assert phone.seen(Nudged) == []
        await model.speaks(hiss)
        await model.ends_turn()
        await asyncio.sleep(1)
        assert [nudged.why for nudged in phone.seen(Nudged)] == ["silent audio"]
        call.caller.hang_up()
        await phone.reports.get()


@virtual_time
async def test_an_answer_in_writing_is_said_aloud() -> None:
    async with phone_system(Agent, asked(at_answer("text_turn"))) as phone:
        call, _ = await phone.call()
        (nudged,) = phone.seen(Nudged)
        assert nudged.why == "text instead of audio"
        assert contains_speech(heard(call), ANSWER, RATE)


@virtual_time
async def test_an_answer_that_stops_in_the_middle_is_gone_on_with() -> None:
    rules = ({"on": "caller_done", "heard": QUESTION, "say": LONG},)
    async with phone_system(Agent, asked(at_answer("stall"), rules=rules, wait=40)) as phone:
        call, report = await phone.call()
        (nudged,) = phone.seen(Nudged)
        assert nudged.why == "stalled answer"
        assert report.ended is EndReason.CALLER_HUNG_UP
    said = " ".join(line.text for line in report.transcript if line.who == "agent")
    assert said == f"{GREETING} {LONG}", "nothing is lost, and nothing is said twice"
    spans = loud_spans(heard(call), RATE)
    silences = [after[0] - before[1] for before, after in pairwise(spans)]
    assert max(silences) < 12_500


class Clerk(Agent):
    def __init__(self) -> None:
        self.booked = 0

    @tool
    async def book(self) -> str:
        """Book it."""
        self.booked += 1
        await asyncio.sleep(8)
        return "booked"


BOOKING = (
    {"on": "caller_done", "heard": QUESTION, "say": "One moment.", "call": {"book": {}}},
    {"on": "tool_result", "say": ANSWER},
)


@virtual_time
async def test_a_tool_may_take_longer_than_an_answer() -> None:
    async with phone_system(Clerk, asked(rules=BOOKING)) as phone:
        call, _ = await phone.call()
        assert phone.seen(Nudged) == []
        assert contains_speech(heard(call), ANSWER, RATE)


@virtual_time
async def test_a_model_that_says_nothing_of_a_result_is_asked() -> None:
    async with phone_system(Clerk, asked({"at": 10, "freeze": True}, rules=BOOKING, wait=40)) as phone:
        call, _ = await phone.call()
        assert len(phone.seen(ToolFinished)) == 1
        (nudged,), (reopened,) = phone.seen(Nudged), phone.seen(ModelReopened)
        assert nudged.at_ms < reopened.at_ms
        assert contains_speech(heard(call), ANSWER, RATE)


@virtual_time
async def test_a_result_that_comes_after_the_turn_is_to_be_spoken_of_too() -> None:
    async with phone_system(Clerk, {"script": [{"wait": 60}, "hangup"], "model": []}) as phone:
        call, model = await answered(phone)
        await asyncio.sleep(5)
        await model.calls({"id": "1", "name": "book", "args": {}})
        await model.ends_turn()
        await asyncio.sleep(13)
        assert len(phone.seen(ToolFinished)) == 1
        assert phone.seen(Nudged) == []
        await asyncio.sleep(2)
        assert len(phone.seen(Nudged)) == 1
        call.caller.hang_up()
        await phone.reports.get()


@virtual_time
async def test_a_connection_closed_with_1008_while_a_tool_runs_costs_neither_call_nor_result() -> None:
    agent = Clerk()
    async with phone_system(agent, asked({"at": 1.5, "close_on_tool_call": 1008}, rules=BOOKING)) as phone:
        call, report = await phone.call()
        assert len(phone.seen(ModelReopened)) == 1
        assert contains_speech(heard(call), ANSWER, RATE)
    assert report.ended is EndReason.CALLER_HUNG_UP
    assert [(use.name, use.ok) for use in report.tools] == [("book", True)]


# What is no silent turn ------------------------------------------------------------------------------------


class Quiet(Listener):
    idle_seconds = None


NOBODY: dict[str, Any] = {
    "script": [{"wait": 120}, "hangup"],
    "model": [{"on": "caller_done", "say": ANSWER}] * 0,
}


def buzz(seconds: float) -> bytes:
    """A sound that is no speech to the live server, but loud."""
    return tone(seconds, 300)


@virtual_time
async def test_a_short_noise_that_the_model_ignores_does_not_make_it_speak() -> None:
    async with phone_system(Quiet, NOBODY) as phone:
        call, _ = await answered(phone)
        for _ in range(5):
            call.caller.say(buzz(0.25))
            await asyncio.sleep(8)
        assert phone.seen(Nudged) == []


@virtual_time
async def test_a_short_word_that_the_model_understood_is_answered() -> None:
    async with phone_system(Quiet, NOBODY) as phone:
        call, model = await answered(phone)
        call.caller.say(buzz(0.25))
        await asyncio.sleep(0.5)
        await model.content(inputTranscription={"text": "yes"})
        await asyncio.sleep(7)
        assert [nudged.why for nudged in phone.seen(Nudged)] == ["silent turn"]


@virtual_time
async def test_music_makes_the_model_speak_once_at_most() -> None:
    async with phone_system(Quiet, NOBODY) as phone:
        call, model = await answered(phone)
        for _ in range(4):
            call.caller.say(buzz(2))
            await asyncio.sleep(9)
            if phone.seen(Nudged):
                await model.speaks(tone(0.5))
                await model.ends_turn()
                await asyncio.sleep(3)
        assert len(phone.seen(Nudged)) == 1


@virtual_time
async def test_a_transcript_that_lags_behind_the_answer_asks_for_nothing() -> None:
    async with phone_system(Quiet, NOBODY) as phone:
        call, model = await answered(phone)
        call.caller.say(buzz(1))
        await asyncio.sleep(1.5)
        await model.speaks(tone(0.3))
        await model.content(inputTranscription={"text": "good morning"})
        await model.ends_turn()
        await asyncio.sleep(0.7)
        await model.content(inputTranscription={"text": "to you"})
        await asyncio.sleep(20)
        assert phone.seen(Nudged) == []


class Silent(Quiet):
    answer_seconds = None


@virtual_time
async def test_an_agent_that_listens_without_a_word_is_left_alone() -> None:
    async with phone_system(Silent, NOBODY) as phone:
        call, model = await answered(phone)
        call.caller.say(buzz(2))
        await asyncio.sleep(3)
        await model.content(inputTranscription={"text": "a long message"})
        await model.ends_turn()
        await asyncio.sleep(20)
        assert phone.seen(Nudged) == []


class Listening(Agent):
    idle_seconds = 5.0

    @tool
    async def connect(self, call: CallContext) -> str:
        """Connect."""
        return await call.transfer(stay=True)


@virtual_time
async def test_nobody_asks_a_model_that_listens_to_caller_and_callee() -> None:
    scenario = {
        "script": [
            {"wait": "agent_done"},
            {"say": "connect me please"},
            {"wait": 8},
            {"say": QUESTION},
            {"wait": 20},
            "hangup",
        ],
        "model": [
            {"on": "start", "say": GREETING},
            {"on": "caller_done", "call": {"connect": {}}},
        ],
        "faults": [{"at": 6, "freeze": True}],
    }
    async with phone_system(Listening, scenario) as phone:
        _, report = await phone.call()
        assert phone.seen(Nudged) == []
        assert phone.seen(IdlePrompted) == []
    assert report.ended is EndReason.CONFERENCE_ENDED


# A model that is never ready -------------------------------------------------------------------------------


@virtual_time
async def test_a_caller_does_not_hear_it_ring_for_long_when_the_model_is_not_ready() -> None:
    scenario = {
        **SILENT_CALLER,
        "faults": [{"at": 0, "no_setup_complete": True, "session": n} for n in (1, 2)],
    }
    async with phone_system(Agent, scenario) as phone:
        began = asyncio.get_running_loop().time()
        call, report = await phone.call()
        rang = asyncio.get_running_loop().time() - began
        assert call.snapshot()["state"] == "detached"
    assert report.ended is EndReason.CONNECTED
    assert rang < 15
