"""Sync tools in calls: their threads hold up nobody. In real time: a virtual clock waits for threads."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.bridge.desk import (
    Desk,
    responses,
)
from tests.bridge.model import answered
from tests.phone import phone_system
from voiceagent import tool


class Hanging(Desk):
    """Real time: a thread that hangs would hold a virtual clock."""

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()

    @tool
    def hang(self) -> str:
        """Hang."""
        self.release.wait(60)
        self.done.append("hang")
        return "secret"

    @tool
    def quick(self) -> str:
        """Be quick."""
        return "quick"


async def test_a_sync_tool_that_hangs_holds_up_neither_other_calls_nor_the_end_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("voiceagent.bridge.toolcalls._FINISH_SECONDS", 0.5)
    agent = Hanging()
    script = [{"wait": 2}, "hangup"]
    try:
        async with phone_system(agent, {"script": script, "model": []}) as phone, asyncio.timeout(20):
            _, model = await answered(phone)
            await model.calls(
                {"id": "1", "name": "hang", "args": {}}, {"id": "2", "name": "quick", "args": {}}
            )
            report = await phone.reports.get()
            told = responses(phone)
        assert [response["id"] for response in told] == ["2"]
        assert {use.name: use.ok for use in report.tools} == {"hang": False, "quick": True}
    finally:
        agent.release.set()


async def test_the_result_of_a_sync_tool_whose_call_was_taken_back_is_dropped() -> None:
    agent = Hanging()
    script = [{"wait": 2}, "hangup"]
    try:
        async with phone_system(agent, {"script": script, "model": []}) as phone, asyncio.timeout(20):
            _, model = await answered(phone)
            await model.calls({"id": "1", "name": "hang", "args": {}})
            await asyncio.sleep(0.2)
            await model.cancels("1")
            await asyncio.sleep(0.2)
            agent.release.set()
            report = await phone.reports.get()
            assert responses(phone) == []
        assert agent.done == ["hang"], "no thread can be stopped"
        assert not report.tools[0].ok
    finally:
        agent.release.set()
