"""An office with a fixed clock, a database (SQLite, then PostgreSQL), and a team that is written to."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from tests.tools_.conftest import Clock
from tools.escalation import CallbackStore, EscalationStore
from tools.hours import WEEKDAYS, OpeningHours
from tools.messaging import Outbox, OutboxMessage
from tools.storage import Database

HOURS = OpeningHours(
    time_zone="America/New_York", hours=dict.fromkeys(WEEKDAYS[:5], "8:00-12:00, 13:00-18:00"), holidays="US"
)


class Office:
    """The stores, and the messages that they have written to the team."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.clock = clock
        self.database = database
        self.callbacks = CallbackStore(database, hours=HOURS, outbox=Outbox(database, now=clock), now=clock)
        self.store = EscalationStore(database, self.callbacks, now=clock)

    async def messages(self) -> list[OutboxMessage]:
        async with self.database.reading() as session:
            return list(await session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))


@pytest.fixture
async def office(database_url: str, clock: Clock) -> AsyncIterator[Office]:
    database = Database(database_url)
    made = Office(database, clock)
    await database.open()
    yield made
    await database.close()
