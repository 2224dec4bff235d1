"""What is in the calendar before the demo's call, and what the call has made of it."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from sqlalchemy import select

from agents.appointment_booking.agent import RIVERSIDE_DENTAL
from tools.booking import BookingStore, Customer
from tools.hours import spoken_moment
from tools.messaging import SCHEMA, OutboxMessage
from tools.storage import Database

_CALLER = "+15550100"


async def before(url: str) -> None:
    """Tomorrow morning somebody else has an appointment already."""
    database = Database(url)
    store = BookingStore(database, business=RIVERSIDE_DENTAL)
    await database.open()
    try:
        tomorrow = datetime.combine(store.today() + timedelta(days=1), time(9), RIVERSIDE_DENTAL.opening.zone)
        await store.book(Customer("+15550123", "Ben Stone"), RIVERSIDE_DENTAL.service("filling"), tomorrow)
    finally:
        await database.close()


async def after(url: str) -> list[str]:
    """The appointments of the caller, and the text messages for them."""
    database = Database(url)
    store = BookingStore(database, business=RIVERSIDE_DENTAL)
    database.needs(SCHEMA)
    await database.open()
    try:
        lines = [
            f"appointment {each.id}: {each.customer_name}, {each.service} with {each.staff}, "
            f"{spoken_moment(RIVERSIDE_DENTAL.opening.local(each.starts_at))}"
            for each in await store.upcoming(_CALLER)
        ]
        async with database.reading() as session:
            messages = select(OutboxMessage.text).where(OutboxMessage.recipient == _CALLER)
            lines += [f"text message: {text}" for text in await session.scalars(messages)]
        return lines
    finally:
        await database.close()
