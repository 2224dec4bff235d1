"""A model that does as it likes, a line that fails: the case is kept, and a person is found or told."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from sqlalchemy import text

from tests.agents_.human_escalation.stage import (
    BRIEFING,
    HAND_OVER,
    HELLO,
    NOBODY,
    SUMMARY,
    Plumber,
    agent_of,
    callback,
    cases,
    complaining,
    escalating,
)
from tests.bridge.model import FOR_GOOD, Model, tone
from tests.phone import Phone
from voiceagent.report import CalleeJoined, EndReason, ToolStarted, TransferStarted
from voiceagent.sandbox.exchange.faults import Fault
from voiceagent.sandbox.speech import speak
from voiceagent.testing import phone_line, virtual_time

ANSWERS = {"answers": True, "after": 3}
AWAY = {"answers": False}


@virtual_time
async def test_escalating_twice_rings_once() -> None:
    calls = [
        {"escalate_to_human": {"reason": "billing", "summary": SUMMARY}},
        {"escalate_to_human": {"reason": "complaint", "summary": "She is angry, too."}},
    ]
    plot = {
        "script": complaining({"wait": 30}, "hangup"),
        "callee": ANSWERS,
        "model": [
            HELLO,
            {"on": "caller_done", "say": HAND_OVER, "call": calls},
            {"on": "tool_result", "say": BRIEFING},
        ],
    }
    async with phone_line(Plumber, plot) as line:
        played = await line.call()
        (case,) = await cases(line, played)
    assert len(played.seen(TransferStarted)) == 1 and played.ended is EndReason.TRANSFERRED
    assert "put through already" in str(played.tools[1].result)
    assert (case.reason, case.state) == ("billing", "connected")


@virtual_time
async def test_a_model_that_insists_after_nobody_answered_does_not_ring_again() -> None:
    plot = {
        "script": complaining({"wait": 120}, "hangup"),
        "callee": AWAY,
        "model": escalating(
            {
                "on": "tool_result",
                "say": "I try again.",
                "call": {"escalate_to_human": {"reason": "complaint"}},
            },
            {"on": "tool_result", "say": "And again.", "call": {"transfer_call": {}}},
            # It says what is not so; the callback is booked all the same.
            {"on": "tool_result", "say": "You have been connected. Goodbye.", "call": {"end_call": {}}},
        ),
    }
    async with phone_line(Plumber, plot) as line:
        played = await line.call()
        assert len(await cases(line, played)) == 1
        booked = await callback(line, played)
    assert len(played.seen(TransferStarted)) == 1
    assert "Monday, March 2, at 9:30 AM" in str(played.tools[1].result)
    assert "there is no tool 'transfer_call'" in str(played.tools[2].result)
    assert booked is not None and played.ended is EndReason.AGENT_HUNG_UP


@pytest.mark.parametrize("summary", ["", " \n ", "...", None])
@virtual_time
async def test_without_a_summary_a_person_gets_the_callers_own_words(summary: str | None) -> None:
    given = {} if summary is None else {"summary": summary}
    call = {"escalate_to_human": {"reason": "wants_a_person", **given}}
    plot = {
        "script": complaining({"wait": 30}, "hangup"),
        "callee": ANSWERS,
        "model": [
            HELLO,
            {"on": "caller_done", "heard": "my last bill is wrong, I have paid it twice", "call": call},
            {"on": "tool_result", "result": "wants a person. The caller said: my last bill", "say": BRIEFING},
        ],
    }
    async with phone_line(Plumber, plot) as line:
        played = await line.call()
        (case,) = await cases(line, played)
    assert case.summary == "wants a person. The caller said: my last bill is wrong, I have paid it twice"
    assert played.callee.heard_speech(BRIEFING)


@virtual_time
async def test_a_huge_summary_is_kept_short_and_whispered_shorter() -> None:
    huge = "She has paid\n\tthe bill twice. " * 2000
    plot = {
        "script": complaining({"wait": 30}, "hangup"),
        "callee": ANSWERS,
        "model": escalating({"on": "tool_result", "say": BRIEFING}, summary=huge),
    }
    async with phone_line(Plumber, plot) as line:
        played = await line.call()
        (case,) = await cases(line, played)
    assert 900 < len(case.summary) <= 1000 and "\n" not in case.summary
    assert len(str(played.tools[0].result)) < 600
    assert case.state == "connected"


@virtual_time
async def test_nonsense_is_refused_and_rings_nobody() -> None:
    nonsense: list[dict[str, object]] = [
        {"escalate_to_human": {"reason": "because", "summary": SUMMARY}},
        {"escalate_to_human": {"summary": SUMMARY}},
        {"escalate_to_human": {"reason": "billing", "caller_number": "+15550666"}},
        {"book_callback": {"number": "+15550666"}},
        {"book_callback": {"day": "the day of judgement"}},
        {"call_the_police": {}},
    ]
    plot = {
        "script": complaining({"wait": 20}, "hangup"),
        "callee": ANSWERS,
        "model": [HELLO, {"on": "caller_done", "call": nonsense}, {"on": "tool_result", "say": "I see."}],
    }
    async with phone_line(Plumber, plot) as line:
        played = await line.call()
        assert await cases(line, played) == [] and await callback(line, played) is None
    assert [use.ok for use in played.tools] == [False] * len(nonsense)
    assert played.seen(TransferStarted) == [] and played.caller.heard_speech("I see.")


class NoRinging(Plumber):
    hold_audio = None


@virtual_time
async def test_a_model_that_talks_while_it_rings_and_after_the_briefing_is_not_heard_by_the_caller() -> None:
    said = speak("hello this is Ben", sample_rate=24000)
    plot = {
        "script": complaining({"wait": 600}),
        "callee": ANSWERS,
        "model": escalating({"on": "tool_result", "say": BRIEFING}),
    }
    async with phone_line(NoRinging, plot) as line, line.ringing() as running:
        model = Model(cast(Phone, line))
        await running.until(TransferStarted)
        before = running.caller.heard_bytes
        await model.speaks(tone(2))
        await running.until(CalleeJoined)
        await model.speaks(tone(2))
        running.callee.say(said)
        await asyncio.sleep(30)
        heard = running.caller.heard()[before:]
        running.caller.hang_up()
    assert heard.strip(b"\0") == said.strip(b"\0")
    assert running.played.ended is EndReason.TRANSFERRED


@virtual_time
async def test_a_line_that_cannot_whisper_connects_without_a_briefing() -> None:
    plot = {
        "script": complaining({"wait": 30}, "hangup"),
        "callee": ANSWERS,
        "model": escalating({"on": "tool_result", "say": BRIEFING}),
    }
    async with phone_line(Plumber, plot) as line:
        line.exchange.faults.order("agent.whisper", Fault(error_code="INTERNAL_ERROR"))
        played = await line.call()
        (case,) = await cases(line, played)
        assert await callback(line, played) is None
    assert played.ended is EndReason.TRANSFERRED and case.state == "connected"
    assert not played.caller.heard_speech(BRIEFING) and not played.callee.heard_speech(BRIEFING)


@virtual_time
async def test_a_line_that_cannot_connect_is_a_failure_with_a_callback() -> None:
    plot = {
        "script": complaining({"wait": "agent_done"}, {"wait": 20}, "hangup"),
        "callee": ANSWERS,
        "model": escalating({"on": "tool_result", "say": NOBODY}),
    }
    async with phone_line(Plumber, plot) as line:
        line.exchange.faults.order("call.connect", Fault(error_code="INTERNAL_ERROR"))
        played = await line.call()
        (case,) = await cases(line, played)
    assert (case.state, case.note) == ("failed", "INTERNAL_ERROR") and case.callback_id is not None
    assert played.caller.heard_speech(NOBODY)


@pytest.mark.parametrize(
    ("callee", "state"), [(ANSWERS, "connected"), (AWAY, "unanswered")], ids=["answered", "not"]
)
@virtual_time
async def test_a_model_that_is_lost_while_it_rings(callee: dict[str, object], state: str) -> None:
    plot = {"script": complaining({"wait": 120}, "hangup"), "callee": callee, "model": escalating()}
    async with phone_line(Plumber, plot | FOR_GOOD) as line:
        async with line.ringing() as running:
            await running.until(TransferStarted)
            await Model(cast(Phone, line)).leaves()
        (case,) = await cases(line, running.played)
        booked = await callback(line, running.played)
    assert case.state == state and (booked is None) == (callee is ANSWERS)


@virtual_time
async def test_a_model_that_takes_its_escalation_back_leaves_a_settled_case() -> None:
    plot = {
        "script": complaining({"wait": 60}, "hangup"),
        "callee": {**ANSWERS, "after": 10},
        "model": escalating(),
    }
    async with phone_line(Plumber, plot) as line:
        async with line.ringing() as running:
            await running.until(TransferStarted)
            await Model(cast(Phone, line)).cancels(running.seen(ToolStarted)[0].id)
        (case,) = await cases(line, running.played)
    assert running.played.ended is EndReason.TRANSFERRED and case.state == "connected"


@virtual_time
async def test_a_database_that_fails_does_not_keep_the_caller_from_a_person() -> None:
    plot = {
        "script": complaining({"wait": 30}, "hangup"),
        "callee": ANSWERS,
        "model": escalating({"on": "tool_result", "say": BRIEFING}),
    }
    async with phone_line(Plumber, plot) as line:
        async with agent_of(line).database.writing() as session:
            await session.execute(text("ALTER TABLE escalations RENAME TO gone"))
        played = await line.call()
    assert played.ended is EndReason.TRANSFERRED and played.callee.heard_speech(BRIEFING)
