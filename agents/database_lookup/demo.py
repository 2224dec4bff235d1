"""Who is in the records before the demo's call, and what the call has left in them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy import select

from tools.lookup import CustomerStore, Order, Payment, Ticket
from tools.lookup.models import CodeAttempt, Lead
from tools.storage import Database

_CALLER = "+15550100"


async def before(url: str) -> None:
    """Two customers: the one who calls, whose PIN is 4271, and another one."""
    async with _opened(url) as store:
        if await store.find(_CALLER) is not None:
            return
        now = store.now()
        today = now.date()
        await store.add_customer(
            "Anna Miller",
            [_CALLER, "+15550111"],
            code="4271",
            address="4 Mill Lane, Springfield",
            balance_cents=4250,
            belongings=[
                Order(
                    id=1042,
                    items="two filter cartridges",
                    status="shipped",
                    ordered_on=today - timedelta(days=4),
                    due_on=today + timedelta(days=2),
                ),
                Payment(amount_cents=1999, method="card ending in 22", paid_on=today - timedelta(days=30)),
            ],
        )
        await store.add_customer(
            "Bob Stone",
            ["+15550123"],
            code="9035",
            address="9 Harbour Road, Ogdenville",
            belongings=[
                Order(id=1077, items="a telescope", status="in production", ordered_on=today),
                Ticket(id=77, subject="the lens is scratched", opened_at=now),
            ],
        )


async def after(url: str) -> list[str]:
    """Tickets, leads and attempts at codes."""
    async with _opened(url) as store, store.database.reading() as session:
        tickets = list(await session.scalars(select(Ticket).order_by(Ticket.id)))
        leads = list(await session.scalars(select(Lead).order_by(Lead.number)))
        attempts = list(await session.scalars(select(CodeAttempt).order_by(CodeAttempt.id)))
    return [
        *(f"ticket {ticket.id} ({ticket.status}): {ticket.subject}" for ticket in tickets),
        *(f"lead {lead.number}: {lead.name}, {lead.reason}" for lead in leads),
        *(f"a code was tried, and was {'right' if each.succeeded else 'wrong'}" for each in attempts),
    ]


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[CustomerStore]:
    database = Database(url)
    store = CustomerStore(database)
    await database.open()
    try:
        yield store
    finally:
        await database.close()
