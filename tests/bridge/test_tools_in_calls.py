"""Tools in a running call: audio goes on, nothing runs twice, and what the model cancels is cancelled."""

from __future__ import annotations

import asyncio
import json

from tests.phone import CALLEE, CALLER, phone_system
from tests.virtual_time import virtual_time
from voiceagent import CallContext, VoiceAgent, tool
from voiceagent.report import EndReason, ToolFinished, ToolStarted


class Desk(VoiceAgent):
    instruction = "You answer."
    model = "gemini-3.8-live"

    def __init__(self) -> None:
        # Each call has a shallow copy of the agent; what is in these is common to all.
        self.booked: list[str | None] = []
        self.cancelled: list[str] = []
        self.started = asyncio.Event()

    @tool(timeout=20)
    async def book(self, call: CallContext, day: str) -> str:
        """Book a day."""
        self.started.set()
        try:
            await asyncio.sleep(4)
        except asyncio.CancelledError:
            self.cancelled.append(day)
            raise
        self.booked.append(call.caller_number)
        return "booked"

    @tool
    async def fail(self) -> str:
        """Have a defect."""
        raise RuntimeError("broken")


def scenario(*rules: dict[str, object], **more: object) -> dict[str, object]:
    return {
        "script": [
            {"wait": "agent_done"},
            {"say": "please book a day for me"},
            {"wait": 8},
            "hangup",
        ],
        "model": [{"on": "start", "say": "Hello?"}, *rules],
        **more,
    }


BOOK = {"on": "caller_done", "call": {"book": {"day": "monday"}}}


@virtual_time
async def test_the_caller_is_known_from_the_line() -> None:
    agent = Desk()
    async with phone_system(agent, scenario(BOOK)) as phone:
        _, report = await phone.call()
        (context,) = phone.contexts.values()
    assert agent.booked == [CALLER]
    assert (context.caller_number, context.callee_number) == (CALLER, CALLEE)
    assert report.tools[0].took_ms == 4000


@virtual_time
async def test_a_running_tool_holds_up_neither_audio_nor_the_callers_words() -> None:
    plot = scenario(
        BOOK, {"on": "caller_done", "say": "Yes, I am still at it."}, {"on": "tool_result", "say": "Done."}
    )
    plot["script"] = [
        {"wait": "agent_done"},
        {"say": "please book a day for me"},
        {"wait": 1},
        {"say": "are you still there"},
        {"wait": "agent_done"},
        {"wait": 4},
        "hangup",
    ]
    async with phone_system(Desk(), plot) as phone:
        _, report = await phone.call()
        (done,) = phone.seen(ToolFinished)
    answer = next(line for line in report.transcript if "still at it" in line.text)
    assert answer.at_ms < done.at_ms
    assert report.transcript[-1].text.endswith("Done.")


@virtual_time
async def test_a_duplicated_call_books_once() -> None:
    agent = Desk()
    plot = scenario(BOOK, faults=[{"at": 0.0, "duplicate_tool_call": True}])
    async with phone_system(agent, plot) as phone:
        await phone.call()
        assert len(phone.seen(ToolStarted)) == 1
    assert agent.booked == [CALLER]


@virtual_time
async def test_the_same_booking_asked_for_twice_at_once_is_made_once_and_answered_twice() -> None:
    agent = Desk()
    twice = {"on": "caller_done", "call": [{"book": {"day": "monday"}}, {"book": {"day": "monday"}}]}
    async with phone_system(agent, scenario(twice)) as phone:
        await phone.call()
        responses = list(phone.live.records[0].tool_responses)
    assert agent.booked == [CALLER]
    assert [response["response"] for response in responses] == [{"result": "booked"}] * 2
    assert len({response["id"] for response in responses}) == 2


@virtual_time
async def test_a_call_that_is_cancelled_at_once_never_runs() -> None:
    agent = Desk()
    plot = scenario(BOOK, faults=[{"at": 0.0, "cancel_tool_call": True}])
    async with phone_system(agent, plot) as phone:
        _, report = await phone.call()
        assert list(phone.live.records[0].tool_responses) == []
    assert agent.booked == []
    assert report.ended is EndReason.CALLER_HUNG_UP


@virtual_time
async def test_a_running_call_that_is_cancelled_stops_and_gets_no_result() -> None:
    agent = Desk()
    async with phone_system(agent, scenario(BOOK)) as phone:
        phone.ring()
        await agent.started.wait()
        (record,) = phone.live.records
        session = phone.live.running(record.session_id)
        assert session is not None
        await session.emit(
            json.dumps({"toolCallCancellation": {"ids": [phone.seen(ToolStarted)[0].id]}}).encode()
        )
        report = await phone.reports.get()
        assert list(record.tool_responses) == []
    assert agent.booked == []
    assert agent.cancelled == ["monday"]
    assert report.tools[0].ok is False
    assert report.ended is EndReason.CALLER_HUNG_UP


@virtual_time
async def test_a_defect_in_a_tool_does_not_cost_the_call() -> None:
    plot = scenario({"on": "caller_done", "call": {"fail": {}}}, {"on": "tool_result", "say": "I am sorry."})
    async with phone_system(Desk(), plot) as phone:
        _, report = await phone.call()
    assert report.tools[0].ok is False
    assert report.transcript[-1].text == "I am sorry."
    assert report.ended is EndReason.CALLER_HUNG_UP


@virtual_time
async def test_a_booking_under_way_is_finished_when_the_caller_hangs_up() -> None:
    agent = Desk()
    plot = scenario(BOOK)
    plot["script"] = [{"wait": "agent_done"}, {"say": "please book a day for me"}, {"wait": 1}, "hangup"]
    async with phone_system(agent, plot) as phone:
        _, report = await phone.call()
    assert report.ended is EndReason.CALLER_HUNG_UP
    assert agent.booked == [CALLER]
    assert report.tools[0].ok
