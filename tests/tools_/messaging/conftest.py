"""An outbox in a real database, and a clock that is set by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import select

from tests.tools_.conftest import Clock
from tools.messaging import MailServer, Message, Outbox, OutboxDelivery, Tls
from tools.storage import Database


def mail_to(url: str, **changes: object) -> MailServer:
    """The mail server of a test."""
    settings: dict[str, object] = {
        "host": "127.0.0.1",
        "port": int(url.rpartition(":")[2]),
        "sender": "desk@riverside.example",
        "recipients": ("rivera@riverside.example",),
        "tls": Tls.NONE,
    }
    return MailServer(**(settings | changes))  # type: ignore[arg-type]


@asynccontextmanager
async def open_outbox(url: str, clock: Clock, **channels: object) -> AsyncIterator[Outbox]:
    """A worker's outbox."""
    database = Database(url)
    outbox = Outbox(database, now=clock, **channels)  # type: ignore[arg-type]
    await database.open()
    try:
        yield outbox
    finally:
        await database.close()


async def put(outbox: Outbox, *messages: Message) -> None:
    """Write messages down, as a store does."""
    async with outbox._database.writing() as session:
        for message in messages:
            await outbox.add(session, message)


async def deliveries(outbox: Outbox) -> list[OutboxDelivery]:
    async with outbox._database.reading() as session:
        return list(await session.scalars(select(OutboxDelivery).order_by(OutboxDelivery.id)))


@pytest.fixture
def clock() -> Clock:
    return Clock()
