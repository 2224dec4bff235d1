"""Which notices wait before the demo's call, and what the call has made of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import select

from tools.messaging import Outbox, OutboxMessage
from tools.notifications import Notice, NoticeStore, Urgency
from tools.storage import Database

_CALLER = "+15550100"


async def before(url: str) -> None:
    """Two notices for the caller; the later one is urgent."""
    async with _opened(url) as store:
        await store.add(_CALLER, "Your parcel waits at our front desk until Friday.")
        await store.add(
            _CALLER,
            "The water in your building is turned off tomorrow from nine to eleven.",
            urgency=Urgency.URGENT,
        )


async def after(url: str) -> list[str]:
    """The notices, and what the team is told."""
    async with _opened(url) as store, store.database.reading() as session:
        notices = list(await session.scalars(select(Notice).order_by(Notice.urgency, Notice.id)))
        messages = list(await session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))
    return [
        *(f"{notice.state}: {notice.text} {notice.comment}".strip() for notice in notices),
        *(f"to the team: {message.subject}" for message in messages),
    ]


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[NoticeStore]:
    database = Database(url)
    store = NoticeStore(database, Outbox(database))
    await database.open()
    try:
        yield store
    finally:
        await database.close()
