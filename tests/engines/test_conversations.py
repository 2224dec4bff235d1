"""What callers know of an agent, on each engine: it greets, listens, is interrupted, acts, and ends."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.engines.office import (
    CONVERSATION,
    GREETING,
    HOURS,
    QUESTION,
    THANKS,
    WELCOME,
    Office,
    run_by,
    talk,
)
from tests.phone import audible_ms, loud_ms, phone_system
from tests.virtual_time import virtual_time
from voiceagent import CallContext, tool
from voiceagent.engine import Engine
from voiceagent.report import BargeIn, EndReason, FirstAudio
from voiceagent.testing.audio import contains_speech

RATE = 24000
GOODBYE = "Thank you for calling, goodbye."
LONG = "We are open from nine to five on every weekday, and on Saturday until noon, except in August. " * 2


@virtual_time
async def test_a_conversation_with_a_tool_is_heard_whole(engine: Engine | None) -> None:
    call = await talk(engine)
    call.went_well()
    assert call.said == [GREETING, HOURS, WELCOME]
    assert [line.text for line in call.report.transcript if line.who == "caller"] == [QUESTION, THANKS]
    assert call.tools == [("opening_hours", True)]
    (use,) = call.report.tools
    assert (use.arguments, use.result) == ({"day": "monday"}, {"result": "eight to five"})


@virtual_time
async def test_the_instruction_reaches_the_model_as_it_is(engine: Engine | None) -> None:
    call = await talk(engine, instruction="Ask for {the order}; the trade is {trade}.")
    (record,) = call.sessions
    assert record.setup is not None
    (part,) = record.setup["systemInstruction"]["parts"]
    assert part["text"].startswith("Ask for {the order}; the trade is dentist.")


@virtual_time
async def test_the_caller_interrupts_and_is_answered(engine: Engine | None) -> None:
    plot: dict[str, Any] = {
        "script": [{"interrupt_after": 2.0}, {"say": THANKS}, {"wait": "agent_done"}, "hangup"],
        "model": [{"on": "start", "say": LONG}, {"on": "caller_done", "heard": THANKS, "say": WELCOME}],
    }
    call = await talk(engine, plot=plot)
    assert call.heard(WELCOME)
    assert len(call.phone.seen(BargeIn)) == 1
    first, *_ = loud_ms(call.pcm)
    assert first[1] - first[0] < 4000 < audible_ms(LONG), "the rest of the answer was dropped"
    assert LONG.startswith(call.said[0].rstrip())
    assert call.report.transcript[0].interrupted


@virtual_time
async def test_a_slow_tool_holds_up_neither_the_caller_nor_another_tool(engine: Engine | None) -> None:
    class Slow(Office):
        @tool
        async def opening_hours(self, call: CallContext, day: str) -> str:
            """When the office is open on a day."""
            await asyncio.sleep(8)
            return "eight to five"

        @tool
        async def address(self) -> str:
            """Where the office is."""
            return "in Bank Street"

    plot = {
        "script": [
            {"wait": "agent_done"},
            {"say": QUESTION},
            {"wait": 1.0},
            {"say": THANKS},
            {"wait": 14},
            "hangup",
        ],
        "model": [
            {"on": "start", "say": GREETING},
            {"on": "caller_done", "heard": QUESTION, "call": {"opening_hours": {"day": "monday"}}},
            {"on": "caller_done", "heard": THANKS, "call": {"address": {}}},
            {"on": "tool_result", "result": "Bank Street", "say": WELCOME},
            {"on": "tool_result", "result": "eight to five", "say": HOURS},
        ],
    }
    call = await talk(engine, plot=plot, agent=Slow)
    assert sorted(call.tools) == [("address", True), ("opening_hours", True)]
    assert call.heard_at(WELCOME) < call.heard_at(HOURS)
    slow = next(use for use in call.report.tools if use.name == "opening_hours")
    assert call.heard_at(WELCOME) < slow.at_ms + 8000


@virtual_time
async def test_the_agent_ends_the_call_when_its_goodbye_has_been_heard(engine: Engine | None) -> None:
    plot = {
        "script": [{"wait": "agent_done"}, {"say": THANKS}, {"wait": 20}, "hangup"],
        "model": [
            {"on": "start", "say": GREETING},
            {"on": "caller_done", "heard": THANKS, "say": GOODBYE, "call": {"end_call": {"reason": "done"}}},
        ],
    }
    call = await talk(engine, plot=plot)
    assert call.report.ended is EndReason.AGENT_HUNG_UP
    assert call.heard(GOODBYE)
    assert call.tools == [("end_call", True)]


@virtual_time
async def test_the_agent_puts_the_caller_through(engine: Engine | None) -> None:
    plot = {
        "script": [{"wait": "agent_done"}, {"say": THANKS}, {"wait": 20}, "hangup"],
        "callee": {"script": [{"say": "front desk here"}, {"wait": 2}, "hangup"]},
        "model": [
            {"on": "start", "say": GREETING},
            {
                "on": "caller_done",
                "heard": THANKS,
                "say": WELCOME,
                "call": {"transfer_call": {"reason": "x"}},
            },
        ],
    }
    call = await talk(engine, plot=plot)
    assert call.report.ended is EndReason.TRANSFERRED
    assert call.heard(WELCOME)
    assert contains_speech(call.pcm, "front desk here", RATE, voice="en-GB")


@virtual_time
async def test_a_caller_whom_nobody_answers_goes_on_with_the_agent(engine: Engine | None) -> None:
    plot = {
        "script": [{"wait": "agent_done"}, {"say": THANKS}, {"wait": 25}, "hangup"],
        "callee": {"answers": False},
        "model": [
            {"on": "start", "say": GREETING},
            {
                "on": "caller_done",
                "heard": THANKS,
                "say": WELCOME,
                "call": {"transfer_call": {"reason": "x"}},
            },
            {"on": "tool_result", "result": "nobody answered", "say": HOURS},
        ],
    }
    call = await talk(engine, plot=plot, ring_seconds=5, hold_audio=None)
    assert call.report.ended is EndReason.CALLER_HUNG_UP
    assert call.heard(HOURS)


@virtual_time
async def test_the_first_word_is_heard_as_soon_on_each_engine(engine: Engine | None) -> None:
    call = await talk(engine)
    # Of the answer to "thank you": the model's own time in the sandbox, and no more than a frame of ours.
    *_, last = call.phone.seen(FirstAudio)
    assert last.latency_ms is not None
    assert last.latency_ms < 900


@virtual_time
async def test_calls_leave_nothing_behind(engine: Engine | None) -> None:
    async with phone_system(run_by(engine), CONVERSATION) as phone:
        before = asyncio.all_tasks()
        await asyncio.gather(phone.call(), phone.call(), phone.call())
        await asyncio.sleep(1)
        left = {task for task in asyncio.all_tasks() - before if "adk" in task.get_name() or task.done()}
        assert left == set()
        assert {record.closed for record in phone.live.records} == {True}
