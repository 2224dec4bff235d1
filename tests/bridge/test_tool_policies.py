"""Late, interrupted and large tools: what the caller hears of them, and what the model is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.bridge.desk import (
    BOOK,
    BOOKED_AFTER_ALL,
    TAKES_LONGER,
    Desk,
    heard_at,
    responses,
    scenario,
    texts_after_the_greeting,
)
from tests.bridge.model import LISTENING, answered, tone
from tests.phone import phone_system
from tests.virtual_time import virtual_time
from voiceagent import CallContext, tool
from voiceagent.bridge.watchdogs import Watchdogs
from voiceagent.live import ToolDeclaration
from voiceagent.report import BargeIn, EndReason, ToolFinished, ToolStarted
from voiceagent.tool_options import ToolOptions


class Patient(Desk):
    @tool(timeout=2, late="tell")
    async def book(self, day: str) -> str:
        """Book a day."""
        return await self.work(day)


class Strict(Desk):
    @tool(timeout=2)
    async def book(self, day: str) -> str:
        """Book a day."""
        return await self.work(day)


# Results that come late ------------------------------------------------------------------------------------


@virtual_time
async def test_a_late_result_is_told_when_it_is_there() -> None:
    agent = Patient()
    async with phone_system(agent, scenario(BOOK, TAKES_LONGER, BOOKED_AFTER_ALL)) as phone:
        call, report = await phone.call()
        longer, booked = heard_at(call, TAKES_LONGER["say"]), heard_at(call, BOOKED_AFTER_ALL["say"])
        (told,) = texts_after_the_greeting(phone)
        (response,) = responses(phone)
    assert agent.done == ["monday"]
    assert longer is not None
    assert booked is not None
    assert longer < booked
    assert '{"result": "monday is done"}' in told
    assert "book" in told
    assert response["response"]["status"] == "still at work"
    (use,) = report.tools
    assert use.ok
    assert use.took_ms == pytest.approx(6000, abs=50)


@virtual_time
async def test_a_tool_that_takes_too_long_is_stopped_and_the_model_told_so() -> None:
    agent = Strict()
    sorry = {"on": "tool_result", "result": "took too long", "say": "I am sorry, that did not work."}
    async with phone_system(agent, scenario(BOOK, sorry)) as phone:
        call, report = await phone.call()
        assert heard_at(call, sorry["say"]) is not None
        assert texts_after_the_greeting(phone) == []
    assert (agent.began, agent.done) == (["monday"], [])
    assert not report.tools[0].ok


@virtual_time
async def test_a_late_result_waits_until_the_answer_under_way_was_heard() -> None:
    story = "While we wait let me tell you that we are open from monday to friday, and on saturday, too."
    longer = {**TAKES_LONGER, "say": story}
    async with phone_system(Patient(), scenario(BOOK, longer, BOOKED_AFTER_ALL)) as phone:
        call, _ = await phone.call()
        (done,) = phone.seen(ToolFinished)
        events = phone.live.records[0].events
        told_at = next(event["at_ms"] for event in events if event.get("text", "").startswith("The tool"))
        began, booked = heard_at(call, story), heard_at(call, BOOKED_AFTER_ALL["say"])
        assert phone.seen(BargeIn) == []
    assert began is not None, "heard to its end"
    assert booked is not None
    assert told_at > done.at_ms + 500, "the answer was not over yet"


@virtual_time
async def test_a_late_result_of_a_call_that_is_over_is_told_to_nobody() -> None:
    agent = Patient()
    script = [{"wait": "agent_done"}, {"say": "please book a day for me"}, {"wait": 4}, "hangup"]
    async with phone_system(agent, scenario(BOOK, TAKES_LONGER, script=script)) as phone:
        _, report = await phone.call()
        assert texts_after_the_greeting(phone) == []
    assert agent.done == ["monday"], "what has begun is finished"
    assert report.tools[0].ok


@virtual_time
async def test_a_late_tool_ends_with_the_call_at_the_latest_seconds_after_it() -> None:
    agent = Patient()
    agent.seconds = 3600
    script = [{"wait": "agent_done"}, {"say": "please book a day for me"}, {"wait": 4}, "hangup"]
    async with phone_system(agent, scenario(BOOK, TAKES_LONGER, script=script)) as phone:
        began = asyncio.get_running_loop().time()
        _, report = await phone.call()
        assert asyncio.get_running_loop().time() - began < 20
    assert agent.done == []
    assert not report.tools[0].ok


@virtual_time
async def test_a_late_tool_that_is_called_again_goes_on_and_runs_once() -> None:
    agent = Patient()
    again = {**TAKES_LONGER, "call": {"book": {"day": "monday"}}}
    patience = {"on": "tool_result", "result": "still at work", "say": "Please be patient."}
    async with phone_system(agent, scenario(BOOK, again, patience, BOOKED_AFTER_ALL)) as phone:
        call, report = await phone.call()
        assert heard_at(call, "Please be patient.") is not None
        assert heard_at(call, BOOKED_AFTER_ALL["say"]) is not None
    assert agent.began == ["monday"]
    assert len(report.tools) == 1


# Interruptions ---------------------------------------------------------------------------------------------


class Interruptible(Desk):
    seconds = 8.0

    @tool(cancel_on_interruption=True)
    async def book(self, day: str) -> str:
        """Book a day."""
        return await self.work(day)

    @tool
    async def look_up(self) -> str:
        """Look it up."""
        return await self.work("look-up")


STORY = "Let me see. We have a few days left this week, and many more in the week after it, as you may know."

INTERRUPTS = [
    {"wait": "agent_done"},
    {"say": "please book a day for me"},
    {"interrupt_after": 3.0},
    {"say": "no, wait, stop that"},
    {"wait": 20},
    "hangup",
]


@virtual_time
async def test_a_caller_who_interrupts_stops_only_what_may_be_stopped() -> None:
    agent = Interruptible()
    calls = [{"book": {"day": "monday"}}, {"look_up": {}}]
    both = {"on": "caller_done", "say": STORY, "call": calls}
    yes = {"on": "caller_done", "say": "All right, I have stopped it."}
    async with phone_system(agent, scenario(both, yes, script=INTERRUPTS)) as phone:
        call, report = await phone.call()
        told = {response["name"]: response for response in responses(phone)}
        assert phone.seen(BargeIn)
        assert heard_at(call, yes["say"]) is not None
    assert agent.done == ["look-up"]
    assert "the caller spoke" in told["book"]["response"]["error"]
    assert told["book"]["scheduling"] == "SILENT", "the model listens to the caller first"
    assert told["look_up"]["response"] == {"result": "look-up is done"}
    assert {use.name: use.ok for use in report.tools} == {"book": False, "look_up": True}


@virtual_time
async def test_a_stopped_tool_has_no_result_where_the_model_takes_its_call_back() -> None:
    agent = Interruptible()
    async with phone_system(agent, LISTENING) as phone:
        _, model = await answered(phone)
        await model.speaks(tone(3))
        await model.calls({"id": "1", "name": "book", "args": {"day": "monday"}})
        await asyncio.sleep(1)
        await model.is_interrupted()
        await asyncio.sleep(0.2)
        await model.cancels("1")
        await phone.reports.get()
        assert responses(phone) == []
    assert (agent.began, agent.done) == (["monday"], [])


@virtual_time
async def test_several_interruptions_stop_a_tool_once() -> None:
    agent = Interruptible()
    async with phone_system(agent, LISTENING) as phone:
        _, model = await answered(phone)
        await model.speaks(tone(3))
        await model.calls({"id": "1", "name": "book", "args": {"day": "monday"}})
        await asyncio.sleep(1)
        for _ in range(5):
            await model.content(interrupted=True)
        await model.ends_turn()
        await phone.reports.get()
        assert len(responses(phone)) == 1
        assert len(phone.seen(ToolFinished)) == 1


# What the model is told ------------------------------------------------------------------------------------


class Scheduled(Desk):
    seconds = 0.5

    @tool(scheduling="interrupt")
    async def book(self, day: str) -> str:
        """Book a day."""
        return await self.work(day)

    @tool(scheduling="silent")
    async def note(self) -> str:
        """Note it."""
        return await self.work("note")

    @tool
    async def look_up(self) -> str:
        """Look it up."""
        return await self.work("look-up")


@virtual_time
async def test_each_result_says_when_the_model_is_to_speak_of_it() -> None:
    calls = {"on": "caller_done", "call": [{"book": {"day": "monday"}}, {"note": {}}, {"look_up": {}}]}
    async with phone_system(Scheduled(), scenario(calls)) as phone:
        await phone.call()
        told = {response["name"]: response.get("scheduling") for response in responses(phone)}
    assert told == {"book": "INTERRUPT", "note": "SILENT", "look_up": None}


class Talkative(Desk):
    @tool(max_result=1000)
    async def look_up(self) -> dict[str, Any]:
        """Look it up."""
        return {"first": "monday", "days": [f"day {number} of the secret calendar" for number in range(500)]}


@virtual_time
async def test_a_result_that_is_too_large_is_cut_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    ask = {"on": "caller_done", "call": {"look_up": {}}}
    plot = scenario(ask, {"on": "tool_result", "say": "On monday."})
    async with phone_system(Talkative(), plot) as phone:
        call, report = await phone.call()
        (response,) = responses(phone)
        assert heard_at(call, "On monday.") is not None
    told = response["response"]
    assert len(json.dumps(told)) <= 1000
    assert told["first"] == "monday"
    assert told["days"][0] == "day 0 of the secret calendar"
    assert "was cut" in told["cut"]
    assert report.tools[0].ok
    (line,) = [line for line in caplog.messages if "1000 at most" in line]
    assert "look_up has 1" in line
    assert "secret" not in caplog.text


@virtual_time
async def test_a_call_whose_id_comes_again_after_its_result_runs_once() -> None:
    agent = Interruptible()
    agent.seconds = 0.5
    async with phone_system(agent, LISTENING) as phone:
        _, model = await answered(phone)
        for _ in range(2):
            await model.calls({"id": "1", "name": "look_up", "args": {}})
            await asyncio.sleep(2)
        await model.calls({"id": "2", "name": "look_up", "args": {}})
        await phone.reports.get()
        assert [response["id"] for response in responses(phone)] == ["1", "2"]
        assert len(phone.seen(ToolStarted)) == 2


@virtual_time
async def test_whoever_watches_is_told_how_many_calls_run(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    monkeypatch.setattr(Watchdogs, "tools", lambda self, running: counts.append(running))
    async with phone_system(Interruptible(), LISTENING) as phone:
        _, model = await answered(phone)
        await model.calls({"id": "1", "name": "book", "args": {"day": "monday"}})
        await asyncio.sleep(1)
        await model.calls({"id": "2", "name": "look_up", "args": {}})
        await asyncio.sleep(1)
        await model.cancels("1")
        await asyncio.sleep(1)
        assert counts == [1, 2, 1]
        await phone.reports.get()
    assert counts == [1, 2, 1, 0]


@virtual_time
async def test_a_tool_of_another_kind_that_raises_does_not_cost_the_call() -> None:
    class Raising:
        declaration = ToolDeclaration("raise_it", "Raise.", {"type": "object", "properties": {}})
        options = ToolOptions()

        async def run(self, args: Mapping[str, Any], context: CallContext) -> dict[str, Any]:
            raise RuntimeError("broken")

    class Odd(Desk):
        tools = (Raising(),)

    async with phone_system(Odd(), LISTENING) as phone:
        _, model = await answered(phone)
        await model.calls({"id": "1", "name": "raise_it", "args": {}})
        report = await phone.reports.get()
        (response,) = responses(phone)
    assert response["response"] == {"error": "raise_it failed; it cannot be used right now"}
    assert report.ended is EndReason.CALLER_HUNG_UP


@virtual_time
async def test_two_calls_share_a_run_and_the_one_that_is_taken_back_does_not_stop_it() -> None:
    agent = Interruptible()
    async with phone_system(agent, {"script": [{"wait": 15}, "hangup"], "model": []}) as phone:
        _, model = await answered(phone)
        await model.calls(
            {"id": "1", "name": "book", "args": {"day": "monday"}},
            {"id": "2", "name": "book", "args": {"day": "monday"}},
        )
        await asyncio.sleep(1)
        await model.cancels("1")
        await phone.reports.get()
        assert [response["id"] for response in responses(phone)] == ["2"]
    assert (agent.began, agent.done) == (["monday"], ["monday"])
