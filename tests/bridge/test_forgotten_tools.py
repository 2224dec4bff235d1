"""Tools whose connection is lost: nothing is booked twice, nothing that was begun is lost."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.bridge.desk import (
    Desk,
    responses,
)
from tests.bridge.model import LISTENING, answered
from tests.phone import Phone, phone_system
from tests.virtual_time import virtual_time
from voiceagent import tool


class Quick(Desk):
    seconds = 0.3

    @tool
    async def book(self, day: str) -> str:
        """Book a day."""
        return await self.work(day)


def running_model(phone: Phone) -> Any:
    """The live server's side of the newest connection."""
    session = phone.live.running(phone.live.records[-1].session_id)
    assert session is not None
    return session


async def calls(phone: Phone, call_id: str, day: str = "monday") -> None:
    call = {"id": call_id, "name": "book", "args": {"day": day}}
    await running_model(phone).emit(json.dumps({"toolCall": {"functionCalls": [call]}}).encode())


def refusing(times: int) -> dict[str, Any]:
    """The next connections are refused, so that there is none for a while."""
    fault = {"at": 0.5, "refuse": 503, "times": times}
    return {"script": [{"wait": 20}, "hangup"], "model": [], "faults": [fault]}


async def loses_its_connection(phone: Phone) -> None:
    await running_model(phone).close(1011, "internal error")
    await asyncio.sleep(3)


@virtual_time
async def test_a_model_that_forgot_its_call_gets_the_first_result_and_nothing_is_booked_twice() -> None:
    agent = Quick()
    async with phone_system(agent, refusing(1)) as phone:
        await answered(phone)
        await calls(phone, "1")
        await asyncio.sleep(1)
        await loses_its_connection(phone)
        await calls(phone, "1")
        await asyncio.sleep(1)
        await calls(phone, "2", day="tuesday")
        await asyncio.sleep(1)
        assert agent.done == ["monday", "tuesday"]
        # Whoever asks once more after that means it.
        await calls(phone, "3")
        await phone.reports.get()
        assert len(phone.live.records) == 2
        told = [response["response"]["result"] for response in responses(phone)]
    assert told == ["monday is done", "monday is done", "tuesday is done", "monday is done"]
    assert agent.done == ["monday", "tuesday", "monday"]


@virtual_time
async def test_a_call_of_an_earlier_turn_is_known_to_the_next_connection_and_may_be_made_again() -> None:
    agent = Quick()
    async with phone_system(agent, refusing(1)) as phone:
        await answered(phone)
        await calls(phone, "1")
        await asyncio.sleep(1)
        await running_model(phone).emit(b'{"serverContent": {"turnComplete": true}}')
        await loses_its_connection(phone)
        await calls(phone, "1")
        await phone.reports.get()
        assert len(phone.live.records) == 2
    assert agent.done == ["monday", "monday"]


@virtual_time
async def test_a_booking_that_runs_while_the_connection_is_lost_is_made_once_and_told_once() -> None:
    agent = Quick()
    agent.seconds = 6.0
    async with phone_system(agent, refusing(1)) as phone:
        await answered(phone)
        await calls(phone, "1")
        await asyncio.sleep(1)
        await loses_its_connection(phone)
        await calls(phone, "9")
        await phone.reports.get()
        told = responses(phone)
        results = [text for text in phone.live.records[-1].texts if "monday is done" in text]
    assert agent.done == ["monday"]
    assert [response["id"] for response in told] == ["9"]
    assert results == []


@virtual_time
async def test_a_second_connection_that_knows_everything_may_book_the_same_again() -> None:
    agent = Quick()
    async with phone_system(agent, {**LISTENING, "script": [{"wait": 20}, "hangup"]}) as phone:
        await answered(phone)
        await calls(phone, "1")
        await asyncio.sleep(1)
        await running_model(phone).emit(b'{"serverContent": {"turnComplete": true}}')
        await running_model(phone).emit(b'{"goAway": {"timeLeft": "8s"}}')
        await asyncio.sleep(8)
        assert len(phone.live.records) == 2
        await calls(phone, "2")
        await phone.reports.get()
    assert agent.done == ["monday", "monday"]


@virtual_time
async def test_a_lost_model_does_not_stop_a_booking() -> None:
    agent = Quick()
    agent.seconds = 3.0
    async with phone_system(agent, refusing(100)) as phone:
        await answered(phone)
        await calls(phone, "1")
        await asyncio.sleep(1)
        await running_model(phone).close(1011, "internal error")
        report = await phone.reports.get()
    assert agent.done == ["monday"]
    assert report.tools[0].ok
