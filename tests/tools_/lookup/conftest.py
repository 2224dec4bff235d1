"""Two customers in a real database, and tools that are called as a model calls them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select

from tests.tools_.conftest import MONDAY_9_AM, Clock
from tools.lookup import CodeCheck, CustomerStore, LookupTools, Order, Payment, Ticket
from tools.lookup.models import Base, CodeAttempt
from tools.storage import Database
from voiceagent import CallContext
from voiceagent.call.base import Capabilities
from voiceagent.live import ToolCall
from voiceagent.toolbox import Toolbox, tools_of

ANNA, ANNA_AT_WORK, BOB = "+15550100", "+15550111", "+15550200"
ANNAS_PIN, BOBS_PIN = "4271", "9035"
ANNAS_ORDER, BOBS_ORDER, BOBS_TICKET = 1042, 1077, 77


class Desk:
    """The tools and what is behind them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.clock = clock
        self.database = database
        self.store = CustomerStore(database, now=clock)
        self.tools = LookupTools(self.store, CodeCheck(database, now=clock))

    async def fill(self) -> None:
        today = MONDAY_9_AM.date()
        await self.store.add_customer(
            "Anna Miller",
            ["+1 (555) 0100", "+1-555-0111"],
            code=ANNAS_PIN,
            address="4 Mill Lane, Springfield",
            balance_cents=4250,
            belongings=[
                Order(
                    id=ANNAS_ORDER,
                    items="two filter cartridges",
                    status="shipped",
                    ordered_on=today - timedelta(days=4),
                    due_on=date(2026, 3, 5),
                ),
                Payment(amount_cents=1999, method="card ending in 22", paid_on=date(2026, 2, 2)),
            ],
        )
        await self.store.add_customer(
            "Bob Stone",
            [BOB],
            code=BOBS_PIN,
            address="9 Harbour Road, Ogdenville",
            balance_cents=-100,
            belongings=[
                Order(id=BOBS_ORDER, items="a telescope", status="in production", ordered_on=today),
                Ticket(id=BOBS_TICKET, subject="lens is scratched", opened_at=MONDAY_9_AM),
            ],
        )

    def calling(self, number: str | None, call_id: str = "call-1") -> Model:
        return Model(self, CallContext(call_id=call_id, caller_number=number, language="en-US"))


class Model:
    """A model in a call: whatever arguments it makes up, they go the way of real tool calls."""

    def __init__(self, desk: Desk, context: CallContext) -> None:
        self.context = context
        self.toolbox = Toolbox(tools_of(desk.tools), Capabilities())

    async def __call__(self, tool: str, **args: Any) -> Any:
        """What the model is told; the text of a refusal."""
        return await self.call(tool, args)

    async def call(self, tool: str, args: dict[str, Any]) -> Any:
        """The same, for arguments of any name."""
        response = await self.toolbox.run(ToolCall("id", tool, args), self.context)
        return response.get("error", response.get("result", response))


async def attempts(desk: Desk) -> list[bool]:
    """The codes that were tried, and whether they were right."""
    async with desk.database.reading() as session:
        return list(await session.scalars(select(CodeAttempt.succeeded)))


@pytest.fixture
async def desk(database_url: str, clock: Clock) -> AsyncIterator[Desk]:
    database = Database(database_url)
    desk = Desk(database, clock)
    await database.open()
    try:
        # A scratch database on a server has the rows of the test before.
        async with database.writing() as session:
            for table in reversed(Base.metadata.sorted_tables):
                await session.execute(delete(table))
        await desk.fill()
        yield desk
    finally:
        await database.close()
