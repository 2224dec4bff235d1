"""The booking agent knows the day, the practice and the caller; a subclass changes the facts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

import agents.appointment_booking as package
from agents.appointment_booking import RIVERSIDE_DENTAL, AppointmentBooking
from tests.agents_.appointment_booking.practice import ANNA, CLEANING, NINE, at, sqlite
from tools.booking import Business, Customer, Event, Service
from tools.hours import OpeningHours
from voiceagent import CallContext, ToolError, VoiceAgent, tool
from voiceagent.toolbox import EVERYTHING, Toolbox


@pytest.fixture(autouse=True)
def _database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEAGENT_DATABASE_URL", sqlite(tmp_path))


@pytest.fixture
async def agent() -> AsyncIterator[AppointmentBooking]:
    agent = AppointmentBooking(now=lambda: NINE)
    await agent.on_startup()
    yield agent
    await agent.on_shutdown()


async def told(agent: VoiceAgent, number: str | None, language: str | None = None) -> tuple[str, str | None]:
    """Instruction and greeting of a call from this number."""
    call = CallContext(call_id="call-1", caller_number=number, language=language)
    copy = agent.for_call()
    await copy.on_start(call)
    return copy.build_instruction(call), copy.build_greeting(call)


async def test_the_model_is_told_the_day_and_the_facts_of_the_practice(agent: AppointmentBooking) -> None:
    said, greeting = await told(agent, ANNA)
    assert "It is Monday, March 2, 2026, 9 AM at Riverside Dental" in said
    assert "cleaning (30 min, Doctor Rivera / Doctor Chen), check-up" in said
    assert "root canal (90 min, Doctor Chen)" in said and "8 AM to 6 PM" in said
    assert "has no upcoming appointment" in said
    assert greeting is not None and "Riverside Dental" in greeting
    assert not re.search(r"[{}]|\+1555", said + greeting)


async def test_a_caller_with_an_appointment_is_greeted_with_it(agent: AppointmentBooking) -> None:
    await agent.store.book(Customer(ANNA, "Anna {business} Miller"), CLEANING, at(11))
    known, _ = await told(agent, "+1 555 0100")
    assert "cleaning with Doctor Rivera, Tuesday, March 3, at 11 AM, for 'Anna {business} Miller'" in known
    assert "Anna" not in (await told(agent, "+15550101"))[0]
    assert "withheld" in (await told(agent, None))[0]


async def test_every_text_is_there_in_german_as_well(agent: AppointmentBooking) -> None:
    await agent.store.book(Customer(ANNA, "Anna"), CLEANING, at(11))
    said, greeting = await told(agent, ANNA, "de-AT")
    assert "Du nimmst Anrufe für Riverside Dental entgegen" in said
    assert "cleaning bei Doctor Rivera, Dienstag, 3. März, um 11 Uhr, für 'Anna'" in said
    assert greeting is not None and greeting.startswith("Der Anruf wurde gerade angenommen.")
    for words in (AppointmentBooking.instruction, AppointmentBooking.greeting, *agent.lines.values()):
        assert isinstance(words, dict) and list(words) == ["en", "de"]
        assert set(re.findall(r"{\w+}", words["en"])) == set(re.findall(r"{\w+}", words["de"]))
    assert all(set(texts) == set(Event) for texts in agent.confirmations.values())


async def test_a_subclass_changes_the_facts_and_adds_tools() -> None:
    class Barber(AppointmentBooking):
        business = Business(name="Snip & Co", services=(Service("haircut", 20),), slot_minutes=20)
        instruction = "You answer for {business}. Say {nothing} else."

        @tool
        async def parking(self) -> str:
            """Where to park."""
            return "Behind the house."

    barber = Barber()
    await barber.on_startup()
    said, _ = await told(barber, ANNA)
    await barber.on_shutdown()
    assert said == "You answer for Snip & Co. Say {nothing} else.\n\nThe caller has no upcoming appointment."
    names = {declaration.name for declaration in Toolbox(barber.tool_functions(), EVERYTHING).declarations}
    assert {"parking", "book_appointment", "join_waiting_list", "end_call", "transfer_call"} <= names


async def test_outside_a_call_nobody_is_put_through(agent: AppointmentBooking) -> None:
    assert "not on a call" in await agent.transfer_call(CallContext("chat", ANNA), "asked for a person")


async def test_a_person_can_be_asked_for_though_the_database_is_gone(agent: AppointmentBooking) -> None:
    async with agent.database.writing() as session:
        await session.execute(text("DROP TABLE closed_days"))
    assert "not on a call" in await agent.transfer_call(CallContext("chat", ANNA), "asked for a person")


async def test_after_hours_it_is_said_when_somebody_is_there_though_the_database_is_gone() -> None:
    agent = AppointmentBooking(now=lambda: NINE - timedelta(hours=3))
    await agent.on_startup()
    async with agent.database.writing() as session:
        await session.execute(text("DROP TABLE closed_days"))
    with pytest.raises(ToolError, match=r"opens again .*8 AM"):
        await agent.transfer_call(CallContext("call-1", ANNA), "asked for a person")
    await agent.on_shutdown()


async def test_a_business_that_never_opens_can_be_asked_for_a_person_too() -> None:
    class Closed(AppointmentBooking):
        business = Business(opening=OpeningHours(hours={}))

    agent = Closed()
    await agent.on_startup()
    with pytest.raises(ToolError, match="join_waiting_list"):
        await agent.transfer_call(CallContext("call-1", ANNA), "asked for a person")
    await agent.on_shutdown()


def test_what_serve_loads_is_the_agent() -> None:
    assert package.agent is AppointmentBooking and AppointmentBooking.business is RIVERSIDE_DENTAL
