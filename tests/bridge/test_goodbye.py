"""The goodbye: it is heard, whatever the model, the caller or the connection does; and then the call ends."""

from __future__ import annotations

import asyncio

import pytest

from tests.bridge.model import FOR_GOOD, LISTENING, Listener, Model, answered, tone
from tests.phone import Phone, loud_ms, phone_system
from tests.virtual_time import virtual_time
from voiceagent import VoiceAgent
from voiceagent.report import EndReason, ModelReopened, Moment, ToolFinished
from voiceagent.sandbox.speech import speak
from voiceagent.testing import contains_speech

RATE = 24000
GOODBYE = "Thank you for calling, have a very nice day, and goodbye."
DONE = {"end_call": {"reason": "done"}}


class Agent(VoiceAgent):
    instruction = "You answer."


def after_request(*rules: dict[str, object], caller: tuple[object, ...] = ()) -> dict[str, object]:
    """The caller asks for something after the greeting; then the rules come."""
    return {
        "script": [{"wait": "agent_done"}, {"say": "thank you, that is all"}, *caller, {"wait": 200}],
        "model": [{"on": "start", "say": "Hello."}, *rules],
    }


async def seen(phone: Phone, kind: type[Moment]) -> None:
    for _ in range(10_000):
        await asyncio.sleep(0.01)
        if phone.seen(kind):
            return
    raise AssertionError(f"{kind.__name__} never came")


# The model ------------------------------------------------------------------------------------------------


@virtual_time
async def test_a_model_that_ends_the_call_without_a_word_is_asked_for_a_goodbye() -> None:
    async with phone_system(Agent, after_request({"on": "caller_done", "call": DONE})) as phone:
        call, report = await phone.call()
        heard = call.caller.heard()
    assert report.ended is EndReason.AGENT_HUNG_UP and report.end_note == "done"
    assert [line.text for line in report.transcript if line.who == "agent"] == ["Hello.", "Goodbye."]
    assert contains_speech(heard, "Goodbye.", RATE)
    asked = report.tools[0].at_ms - (report.answered_ms or 0)
    start, end = loud_ms(heard, RATE)[-1]
    assert 3000 <= start - asked < 3500, "the caller does not wait in silence for long"
    assert len(heard) / (2 * RATE) * 1000 - end < 1000, "then the call ends"


@virtual_time
async def test_the_goodbye_that_is_asked_for_is_in_the_language_of_the_call() -> None:
    class German(Agent):
        language = "de-DE"

    async with phone_system(German, after_request({"on": "caller_done", "call": DONE})) as phone:
        _, report = await phone.call()
    assert report.transcript[-1].text == "Auf Wiederhören."


@virtual_time
async def test_a_model_that_says_nothing_even_then_does_not_keep_the_line() -> None:
    scenario = LISTENING | {"script": [{"wait": 100}], "faults": [{"at": 0.05, "freeze": True}]}
    async with phone_system(Listener, scenario) as phone:
        call, model = await answered(phone)
        await model.calls({"id": "1", "name": "end_call", "args": {}})
        async with asyncio.timeout(8):
            report = await phone.reports.get()
        assert not any(call.caller.heard())
    assert report.ended is EndReason.AGENT_HUNG_UP


@virtual_time
async def test_a_goodbye_that_comes_late_is_not_said_twice() -> None:
    async with phone_system(Listener, LISTENING | {"script": [{"wait": 100}]}) as phone:
        call, model = await answered(phone)
        await model.calls({"id": "1", "name": "end_call", "args": {}})
        await asyncio.sleep(2.8)
        await model.writes(GOODBYE)
        await model.speaks(tone(2))
        await model.ends_turn()
        report = await phone.reports.get()
        assert len(loud_ms(call.caller.heard(), RATE)) == 1
    assert report.ended is EndReason.AGENT_HUNG_UP
    assert report.transcript[-1].text == GOODBYE


@virtual_time
async def test_a_model_that_asks_twice_says_one_goodbye() -> None:
    calls = [{"end_call": {"reason": "done"}}, {"end_call": {"reason": "really"}}]
    scenario = after_request({"on": "caller_done", "call": calls}, {"on": "tool_result", "say": GOODBYE})
    async with phone_system(Agent, scenario) as phone:
        call, report = await phone.call()
        heard = call.caller.heard()
    assert report.ended is EndReason.AGENT_HUNG_UP and report.end_note == "done"
    assert contains_speech(heard, GOODBYE, RATE) and len(loud_ms(heard, RATE)) == 2


@virtual_time
async def test_a_goodbye_that_was_asked_for_and_spoken_into_is_not_asked_for_again() -> None:
    class Brief(Listener):
        goodbye = "Thank you for calling, and goodbye."

    async with phone_system(Brief, LISTENING | {"script": [{"wait": 100}]}) as phone:
        call, model = await answered(phone)
        await model.calls({"id": "1", "name": "end_call", "args": {}})
        await asyncio.sleep(3.5)
        call.caller.say(speak("wait, one more thing", sample_rate=RATE, voice="en-GB"))
        # The model answers it.
        await asyncio.sleep(8)
        await model.calls({"id": "2", "name": "end_call", "args": {}})
        async with asyncio.timeout(4):
            report = await phone.reports.get()
    assert report.ended is EndReason.AGENT_HUNG_UP
    asked, _answer = [line for line in report.transcript if line.who == "agent"]
    assert asked.interrupted and Brief.goodbye.startswith(asked.text)


# The caller -----------------------------------------------------------------------------------------------


@virtual_time
async def test_a_caller_who_hangs_up_in_the_goodbye_has_ended_the_call() -> None:
    scenario = after_request({"on": "caller_done", "say": GOODBYE, "call": DONE})
    async with phone_system(Agent, scenario) as phone:
        call = phone.ring()
        await seen(phone, ToolFinished)
        await asyncio.sleep(0.5)
        call.caller.hang_up()
        report = await phone.reports.get()
        assert call.snapshot()["violations"] == []
    assert report.ended is EndReason.CALLER_HUNG_UP
    said = report.transcript[-1]
    assert said.interrupted and 0 < len(said.text) < len(GOODBYE) and GOODBYE.startswith(said.text)


@pytest.mark.parametrize("before", [True, False], ids=["goodbye then tool", "tool then goodbye"])
@virtual_time
async def test_after_a_goodbye_that_the_caller_spoke_into_a_later_one_ends_the_call(before: bool) -> None:
    farewell: list[dict[str, object]] = [{"on": "caller_done", "say": GOODBYE, "call": DONE}]
    if not before:
        farewell = [{"on": "caller_done", "call": DONE}, {"on": "tool_result", "say": GOODBYE}]
    scenario = after_request(
        *farewell,
        {"on": "caller_done", "say": "Sure, we open at nine."},
        *farewell,
        caller=(
            {"interrupt_after": 1.0},
            {"say": "wait, when do you open"},
            {"wait": "agent_done"},
            {"say": "thanks, bye"},
        ),
    )
    async with phone_system(Agent, scenario) as phone:
        call, report = await phone.call()
        heard = call.caller.heard()
    assert report.ended is EndReason.AGENT_HUNG_UP
    lines = [(line.text, line.interrupted) for line in report.transcript if line.who == "agent"]
    assert lines[2:] == [("Sure, we open at nine.", False), (GOODBYE, False)]
    assert lines[1][1] and GOODBYE.startswith(lines[1][0])
    assert contains_speech(heard, "Sure, we open at nine.", RATE) and contains_speech(heard, GOODBYE, RATE)


@virtual_time
async def test_a_caller_who_speaks_into_the_goodbye_and_then_says_nothing_is_let_go() -> None:
    class Impatient(Agent):
        idle_seconds = 5.0
        idle_prompts = ("Are you there?",)
        idle_goodbye = "I end the call now."

    scenario = after_request(
        {"on": "caller_done", "say": GOODBYE, "call": DONE},
        {"on": "caller_done", "say": "Yes?"},
        caller=({"interrupt_after": 1.0}, {"say": "oh, one moment please"}),
    )
    async with phone_system(Impatient, scenario) as phone:
        _, report = await phone.call()
    assert report.ended is EndReason.CALLER_IDLE
    assert [line.text for line in report.transcript if line.who == "agent"][2:] == [
        "Yes?",
        "Are you there?",
        "I end the call now.",
    ]


# The connection -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [{}, FOR_GOOD], ids=["and opened anew", "for good"])
@virtual_time
async def test_a_goodbye_is_heard_to_its_end_when_the_connection_breaks_in_it(
    lost: dict[str, object],
) -> None:
    scenario = after_request({"on": "caller_done", "say": GOODBYE, "call": DONE}) | lost
    async with phone_system(Agent, scenario) as phone:
        call = phone.ring()
        await seen(phone, ToolFinished)
        # All of it has been generated, and little has been heard.
        await asyncio.sleep(0.5)
        await Model(phone).leaves()
        async with asyncio.timeout(10):
            report = await phone.reports.get()
        heard = call.caller.heard()
        assert len(phone.seen(ModelReopened)) == (not lost)
    assert report.ended is EndReason.AGENT_HUNG_UP
    assert contains_speech(heard, GOODBYE, RATE) and len(loud_ms(heard, RATE)) == 2
    assert report.transcript[-1].text == GOODBYE


@virtual_time
async def test_a_goodbye_that_a_broken_connection_cut_off_is_gone_on_with() -> None:
    scenario = after_request({"on": "caller_done", "call": DONE}, {"on": "tool_result", "say": GOODBYE})
    async with phone_system(Agent, scenario) as phone:
        call = phone.ring()
        await seen(phone, ToolFinished)
        # Part of it has been generated.
        await asyncio.sleep(0.5)
        await Model(phone).leaves()
        async with asyncio.timeout(15):
            report = await phone.reports.get()
        heard = call.caller.heard()
    assert report.ended is EndReason.AGENT_HUNG_UP
    said = " ".join(line.text for line in report.transcript if line.who == "agent")
    assert said == f"Hello. {GOODBYE}"
    assert loud_ms(heard, RATE)[-1][1] - loud_ms(heard, RATE)[-1][0] > 1000


@virtual_time
async def test_a_connection_lost_before_the_goodbye_keeps_nobody_on_the_line() -> None:
    async with phone_system(Agent, after_request({"on": "caller_done", "call": DONE}) | FOR_GOOD) as phone:
        call = phone.ring()
        await seen(phone, ToolFinished)
        await Model(phone).leaves()
        async with asyncio.timeout(12):
            report = await phone.reports.get()
        assert call.snapshot()["state"] == "ended"
    assert report.ended is EndReason.AGENT_HUNG_UP
