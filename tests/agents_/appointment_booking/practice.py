"""A practice that can be phoned, with a fixed clock, a database, a mail server and a text-message gateway.

It is Monday, March 2, 2026, nine in the morning in New York.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.message import EmailMessage
from typing import Any, TypeVar

import pytest
from icalendar import Calendar
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase

from agents.appointment_booking import RIVERSIDE_DENTAL, AppointmentBooking
from tests.receivers import Hooks, Inbox, http_receiver, mail_server
from tools.booking import Appointment, Customer, WaitingCustomer
from tools.booking.models import OccupiedCell
from voiceagent.testing import PhoneLine, phone_line

_Row = TypeVar("_Row", bound=DeclarativeBase)

NINE = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
TUESDAY = date(2026, 3, 3)
ANNA, BEN = "+15550100", "+15550101"
CLEANING, CHECK_UP, FILLING, ROOT_CANAL = RIVERSIDE_DENTAL.services

MAILBOX = "desk@riverside-dental.example"


def at(hour: int, minute: int = 0, day: date = TUESDAY) -> datetime:
    """A time at the practice."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=RIVERSIDE_DENTAL.opening.zone)


@dataclass
class Practice:
    """What a test looks at.

    Attributes:
        line: To phone.
        agent: Who answers.
        inbox: The mailbox of the practice.
        gateway: What would send text messages.
    """

    line: PhoneLine
    agent: AppointmentBooking
    inbox: Inbox
    gateway: Hooks

    async def booked(self, number: str, name: str, start: datetime, **wishes: Any) -> Appointment:
        """An appointment from an earlier call, whose messages have been sent."""
        service = wishes.pop("service", CLEANING)
        appointment = await self.agent.store.book(Customer(number, name), service, start, **wishes)
        await self.forget(1)
        return appointment

    async def told(self, events: int) -> None:
        """Wait for the messages of so many events: each is a mail, and two posts to the gateway."""
        await self.inbox.wait(events)
        await self.gateway.wait(2 * events)

    async def forget(self, events: int) -> None:
        """Wait for them, and forget that they arrived."""
        await self.told(events)
        self.inbox.messages.clear()
        self.gateway.requests.clear()

    async def rows(self, table: type[_Row]) -> list[_Row]:
        """All rows of a table."""
        async with self.agent.database.reading() as session:
            return list(await session.scalars(select(table)))

    async def appointments(self) -> list[tuple[str, str, str]]:
        """Name, service and local start of all, in the order of their start."""
        local = self.agent.business.opening.local
        return [
            (row.customer_name, row.service, f"{local(row.starts_at):%m-%d %H:%M}")
            for row in sorted(await self.rows(Appointment), key=lambda row: row.starts_at)
        ]

    async def occupied(self) -> int:
        """How many cells of five minutes are taken."""
        return len(await self.rows(OccupiedCell))

    async def waiting(self) -> list[WaitingCustomer]:
        """The waiting list."""
        return await self.agent.store.waiting()

    @property
    def texts(self) -> list[tuple[str, str]]:
        """The messages to customers' phones: number and text."""
        return [(sent.json["to"], sent.json["text"]) for sent in self.gateway.accepted if sent.json.get("to")]


@asynccontextmanager
async def practice(
    database_url: str,
    scenario: dict[str, object],
    agent: type[AppointmentBooking] = AppointmentBooking,
    *,
    now: datetime = NINE,
) -> AsyncIterator[Practice]:
    """Run a practice that is phoned as the scenario says."""
    async with mail_server() as inbox, http_receiver() as gateway:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("VOICEAGENT_DATABASE_URL", database_url)
            patch.setenv("VOICEAGENT_SMTP_URL", inbox.url)
            patch.setenv("VOICEAGENT_MAIL_FROM", "agent@riverside-dental.example")
            patch.setenv("VOICEAGENT_MAIL_TO", MAILBOX)
            patch.setenv("VOICEAGENT_WEBHOOK_URL", gateway.url)
            answering = agent(now=lambda: now)
        async with phone_line(answering, scenario) as line:
            yield Practice(line, answering, inbox, gateway)


def sqlite(folder: object) -> str:
    """A database of the test's own."""
    return f"sqlite+aiosqlite:///{folder}/voiceagent.db"


def calendar_of(mail: EmailMessage) -> Calendar:
    """The calendar file of a mail."""
    (attached,) = mail.iter_attachments()
    assert attached.get_content_type() == "text/calendar"
    calendar = Calendar.from_ical(attached.get_content())
    assert attached["Content-Type"].params["method"] == calendar["METHOD"]
    return calendar


HELLO = "Riverside Dental, how can I help you?"
GOODBYE = "See you then. Goodbye."

END: dict[str, object] = {"end_call": {"reason": "all is said"}}

Rule = dict[str, object]


def talk(*caller: str, rules: list[Rule], hello: str = HELLO, **more: object) -> dict[str, object]:
    """A scenario: the caller says one line after the other, each once the agent has spoken, and stays."""
    script: list[object] = [{"wait": "agent_done"}]
    for line in caller:
        script += [{"say": line}, {"wait": "agent_done"}]
    return {"script": script, "model": [{"on": "start", "say": hello}, *rules], **more}


def heard(text: str, **does: object) -> Rule:
    """The caller says this, and the model answers or calls a tool."""
    return {"on": "caller_done", "heard": text, **does}


def then(say: str, **does: object) -> Rule:
    """The tool has returned."""
    return {"on": "tool_result", "say": say, **does}
