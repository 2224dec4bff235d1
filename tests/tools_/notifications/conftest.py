"""Notices in a real database, and calls whose model tries whatever it likes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import delete, select

from tests.tools_.conftest import Clock
from tools.messaging import Outbox
from tools.messaging.models import OutboxMessage
from tools.notifications import Notice, NoticeStore, NotificationTools
from tools.storage import Database
from voiceagent import CallContext, Line
from voiceagent.call.base import Capabilities
from voiceagent.live import ToolCall
from voiceagent.toolbox import Toolbox, tools_of

ANNA, BOB = "+15550100", "+15550200"


class Controls:
    """Stands for the running call: its presence is what makes a context one of a phone call."""


class Desk:
    """The tools and what is behind them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.clock = clock
        self.database = database
        self.store = NoticeStore(database, Outbox(database, now=clock), now=clock)
        self.tools = NotificationTools(self.store)

    def calling(self, number: str | None = ANNA, call_id: str = "call-1") -> Model:
        return Model(self, CallContext(call_id, caller_number=number, controls=Controls()))  # type: ignore[arg-type]

    async def states(self) -> list[str]:
        async with self.database.reading() as session:
            return list(await session.scalars(select(Notice.state).order_by(Notice.id)))

    async def messages(self) -> list[OutboxMessage]:
        async with self.database.reading() as session:
            return list(await session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))


class Model:
    """A model in a call: whatever arguments it makes up, they go the way of real tool calls."""

    def __init__(self, desk: Desk, context: CallContext) -> None:
        self._desk = desk
        self.context = context
        self.toolbox = Toolbox(tools_of(desk.tools), Capabilities())

    async def __call__(self, tool: str, **args: Any) -> Any:
        """What the model is told; the text of a refusal."""
        response = await self.toolbox.run(ToolCall("id", tool, args), self.context)
        return response.get("error", response.get("result", response))

    def says(self, text: str, *, interrupted: bool = False) -> None:
        """The caller has heard this."""
        line = Line(at_ms=0, who="agent", text=text, interrupted=interrupted)
        self._desk.tools.heard(self.context, line)

    async def reads_next(self) -> int:
        """Fetch a notice and read it out; gives its id."""
        notice = await self("next_notice")
        self.says(f"Here it is: {notice['text']} Do you confirm?")
        notice_id: int = notice["notice_id"]
        return notice_id


@pytest.fixture
async def desk(database_url: str, clock: Clock) -> AsyncIterator[Desk]:
    database = Database(database_url)
    desk = Desk(database, clock)
    await database.open()
    try:
        # A scratch database on a server has the rows of the test before.
        async with database.writing() as session:
            await session.execute(delete(Notice))
            await session.execute(delete(OutboxMessage))
        yield desk
    finally:
        await database.close()
