"""Two things at once: what the caller hears where breaks, pauses, notices and goodbyes meet."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bridge.model import LISTENING, Listener, Model, answered, tone
from tests.bridge.test_barge_in import COUGH, LONG, NOTICE, noise
from tests.phone import Phone, audible_ms, loud_ms, phone_system
from tests.virtual_time import virtual_time
from voiceagent import CallContext, CallReport, VoiceAgent, tool
from voiceagent.report import (
    BargeIn,
    EndReason,
    FirstAudio,
    KeysPressed,
    ModelReopened,
    Moment,
    PlaybackPaused,
    PlaybackResumed,
    ToolFinished,
)
from voiceagent.sandbox.exchange.call import ExchangeCall

HELLO = "Riverside Dental, how can I help you?"
QUESTION = "when are you open"


class Agent(VoiceAgent):
    instruction = "You answer."
    idle_seconds = None


class Local(Agent):
    barge_in = "local"


class Unstoppable(Agent):
    barge_in = "off"


class Legal(Agent):
    greeting = f'Say: "{NOTICE}"'
    greeting_interruptible = False


def asked(*faults: dict[str, Any], wait: int = 25) -> dict[str, Any]:
    """The caller asks, and is told something long."""
    return {
        "script": [{"wait": "agent_done"}, {"say": QUESTION}, {"wait": wait}, "hangup"],
        "model": [
            {"on": "start", "say": HELLO},
            {"on": "caller_done", "heard": QUESTION, "say": LONG},
        ],
        "faults": list(faults),
    }


def leaving(*faults: dict[str, Any]) -> dict[str, Any]:
    """The caller asks for the end of the call, and the goodbye follows."""
    return {
        "script": [{"wait": "agent_done"}, {"say": "please do it now"}],
        "model": [
            {"on": "start", "say": "Hello."},
            {"on": "caller_done", "call": {"end_call": {}}},
            {"on": "tool_result", "say": LONG},
        ],
        "faults": list(faults),
    }


async def seen(phone: Phone, kind: type[Moment], count: int = 1) -> None:
    for _ in range(3000):
        if len(phone.seen(kind)) >= count:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{kind.__name__} never came")


def said(report: CallReport) -> str:
    return " ".join(line.text for line in report.transcript if line.who == "agent")


def assert_heard(call: ExchangeCall, report: CallReport, *texts: str) -> None:
    """The caller has heard each text once, and all of it; it may have been broken off and gone on with."""
    assert said(report) == " ".join(texts)
    spoken = sum(end - start for start, end in loud_ms(call.caller.heard()))
    assert -300 < spoken - sum(map(audible_ms, texts)) < 1500


# A connection that breaks ----------------------------------------------------------------------------------


@virtual_time
async def test_a_break_while_the_answer_is_paused_costs_no_word_of_it() -> None:
    async with phone_system(Local, asked()) as phone:
        call = phone.ring()
        await seen(phone, FirstAudio, 2)
        await asyncio.sleep(0.7)
        call.caller.say(COUGH)
        await seen(phone, PlaybackPaused)
        await Model(phone).leaves()
        report = await phone.reports.get()
    assert_heard(call, report, HELLO, LONG)


@virtual_time
async def test_an_answer_goes_on_though_the_next_connection_breaks_before_a_word() -> None:
    faults = (
        {"at": 6.0, "drop": True},
        {"session": 2, "at": 0, "stall": True},
        {"session": 2, "at": 0, "drop": True},
    )
    async with phone_system(Agent, asked(*faults)) as phone:
        call, report = await phone.call()
        assert len(phone.live.records) == 3
    assert_heard(call, report, HELLO, LONG)


@virtual_time
async def test_an_answer_is_gone_on_with_though_the_next_connection_says_nothing() -> None:
    faults = ({"at": 6.0, "drop": True}, {"session": 2, "at": 0, "freeze": True})
    async with phone_system(Agent, asked(*faults)) as phone:
        call, report = await phone.call()
    assert_heard(call, report, HELLO, LONG)


@virtual_time
async def test_a_connection_that_breaks_soon_after_a_planned_change_is_opened_again() -> None:
    plot = asked({"at": 7.0, "go_away": "8s"}, {"at": 14.0, "drop": True})
    plot["script"] = [
        {"wait": "agent_done"},
        {"wait": 18},
        {"say": QUESTION},
        {"wait": "agent_done"},
        "hangup",
    ]
    async with phone_system(Agent, plot) as phone:
        call, report = await phone.call()
        assert [reopened.cause for reopened in phone.seen(ModelReopened)] == [
            "goAway",
            "closed with code 1006",
        ]
    assert_heard(call, report, HELLO, LONG)


@virtual_time
async def test_a_goodbye_waits_for_a_connection_that_takes_a_while_to_open_again() -> None:
    async with phone_system(Agent, leaving({"session": 2, "refuse": 503, "times": 3})) as phone:
        call = phone.ring()
        await seen(phone, ToolFinished)
        # Little of it has been generated: it is played out long before the next connection is there.
        await asyncio.sleep(0.3)
        await Model(phone).leaves()
        report = await phone.reports.get()
    assert report.ended is EndReason.AGENT_HUNG_UP
    assert_heard(call, report, "Hello.", LONG)


@virtual_time
async def test_a_caller_hears_it_ring_though_the_model_was_lost_while_its_answer_was_paused() -> None:
    plot = asked({"session": 2, "refuse": 503, "times": 99}, wait=60) | {"callee": {"after": 15}}
    plot["model"][1]["say"] = " ".join([LONG] * 4)
    async with phone_system(Local, plot) as phone:
        call = phone.ring()
        await seen(phone, FirstAudio, 2)
        # Twenty seconds of it have been generated; the model is given up after ten more seconds.
        await asyncio.sleep(5)
        await Model(phone).leaves()
        await asyncio.sleep(9)
        call.caller.say(noise(2))
        await seen(phone, PlaybackPaused)
        begins = len(call.caller.heard())
        await asyncio.sleep(13)
        rung = loud_ms(call.caller.heard()[begins:])
        call.caller.hang_up()
        report = await phone.reports.get()
    assert phone.seen(PlaybackResumed) == [], "the model was lost meanwhile"
    assert report.ended is EndReason.CALLER_HUNG_UP
    assert [end - start for start, end in rung[:2]] == [pytest.approx(1000, abs=40)] * 2


@pytest.mark.parametrize("at", [8.0, 10.9], ids=["in mid-answer", "when all of it had come"])
@virtual_time
async def test_a_caller_can_interrupt_what_came_over_a_connection_that_is_gone(at: float) -> None:
    plot = asked({"at": at, "drop": True})
    enough = "thank you that is enough"
    plot["model"][1]["say"] = " ".join([LONG] * 3)
    plot["model"].append({"on": "caller_done", "heard": enough, "say": "You are welcome."})
    plot["script"][2:] = [{"interrupt_after": 8.0}, {"say": enough}, {"wait": 15}, "hangup"]
    async with phone_system(Agent, plot) as phone:
        _, report = await phone.call()
        answers = phone.seen(FirstAudio)
        (barge_in,) = phone.seen(BargeIn)
    assert answers[-1].at_ms == barge_in.at_ms, "it is answered, and not talked over"
    assert "in August" not in said(report)[-60:]
    assert report.transcript[-1].text == "You are welcome."


# Notices that have to be heard -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [{"at": 0.7, "drop": True}, {"at": 0, "phantom_interrupt": True}, {"at": 0, "stall": True}],
    ids=lambda fault: str(list(fault)[1]),
)
@virtual_time
async def test_the_rest_of_a_legal_notice_cannot_be_interrupted_either(fault: dict[str, Any]) -> None:
    plot = asked(fault)
    # In the second half of the notice, as far as its audio came: 2.7 s are in the first.
    plot["script"] = [{"interrupt_after": 3.2}, {"say": QUESTION}, {"wait": 25}, "hangup"]
    plot["model"][0]["say"] = NOTICE
    async with phone_system(Legal, plot) as phone:
        call, report = await phone.call()
    assert_heard(call, report, NOTICE, LONG)


# Interruptions by nobody -----------------------------------------------------------------------------------


@virtual_time
async def test_a_goodbye_that_nobody_interrupted_is_gone_on_with_and_ends_the_call() -> None:
    async with phone_system(Agent, leaving({"at": 2, "phantom_interrupt": True})) as phone:
        call, report = await phone.call(30)
    assert report.ended is EndReason.AGENT_HUNG_UP
    assert_heard(call, report, "Hello.", LONG)


@virtual_time
async def test_with_barge_in_off_an_answer_that_nobody_interrupted_is_gone_on_with() -> None:
    async with phone_system(Unstoppable, asked({"at": 4, "phantom_interrupt": True})) as phone:
        call, report = await phone.call()
    assert_heard(call, report, HELLO, LONG)


@virtual_time
async def test_a_model_that_was_cut_off_by_what_it_was_told_is_left_to_answer_that() -> None:
    # Other than a real one, the service's own model would answer before anybody can doubt that it does.
    plot = LISTENING | {"faults": [{"at": 0, "silent_turn": True}]}
    async with phone_system(Listener, plot) as phone:
        call, model = await answered(phone)
        await model.writes("We are open")
        await model.speaks(tone(5))
        await asyncio.sleep(1)
        (context,) = phone.contexts.values()
        context.tell("The caller pressed the keys 5.")
        await asyncio.sleep(0.1)
        await model.is_interrupted()
        await asyncio.sleep(1.5)
        (record,) = phone.live.records
        assert list(record.texts) == ["The caller pressed the keys 5."]
        call.caller.hang_up()
        await phone.reports.get()


# A caller who waits ----------------------------------------------------------------------------------------


class Slow(VoiceAgent):
    instruction = "You answer."

    @tool(timeout=2, late="tell")
    async def find(self) -> str:
        """Find it."""
        await asyncio.sleep(75)
        return "found"


@virtual_time
async def test_nobody_is_hung_up_on_while_a_tool_is_at_work_for_them() -> None:
    plot = {
        "script": [{"wait": "agent_done"}, {"say": QUESTION}, {"wait": 100}, "hangup"],
        "model": [
            {"on": "start", "say": "Hello."},
            {"on": "caller_done", "call": {"find": {}}},
            {"on": "tool_result", "say": "It takes longer, please hold."},
        ],
    }
    async with phone_system(Slow, plot) as phone:
        _, report = await phone.call()
        (record,) = phone.live.records
    assert report.ended is EndReason.CALLER_HUNG_UP
    assert [text for text in record.texts if "found" in text]


# A secret --------------------------------------------------------------------------------------------------


class Bank(Agent):
    @tool(timeout=3)
    async def pin(self, call: CallContext) -> str:
        """Ask for the code."""
        return str((await call.collect_digits("Please type your code.", most=4, secret=True)).complete)


@pytest.mark.parametrize(
    "typed",
    [[{"dtmf": "86429"}, {"dtmf": "75"}], [{"dtmf": "86"}, {"wait": 7}, {"dtmf": "975#"}]],
    ids=["longer than asked for", "in two goes"],
)
@virtual_time
async def test_the_rest_of_a_secret_is_none_of_anybodys_business(
    typed: list[dict[str, Any]], tmp_path: Path
) -> None:
    plot = {
        "script": [
            {"wait": "agent_done"},
            {"say": QUESTION},
            {"wait": "agent_done"},
            *typed,
            {"wait": 9},
            "hangup",
        ],
        "model": [
            {"on": "start", "say": "Hello."},
            {"on": "caller_done", "call": {"pin": {}}},
            {"on": "tool_result", "say": "Thank you."},
        ],
    }
    async with phone_system(Bank, plot, reports=tmp_path) as phone:
        _, report = await phone.call()
        texts = [text for record in phone.live.records for text in record.texts]
        assert {keys.digits.strip("•") for keys in phone.seen(KeysPressed)} == {""}
    assert not [text for text in texts if "pressed" in text]
    with wave.open(str(tmp_path / report.call_id / "call.wav")) as recording:
        rate = recording.getframerate()
        both = np.frombuffer(recording.readframes(recording.getnframes()), "<i2").reshape(-1, 2)
    caller = np.ascontiguousarray(both[:, 0]).tobytes()
    said_ms = [start for start, _ in loud_ms(caller, rate)]
    assert len(said_ms) == 1, "the question, and no tone"
