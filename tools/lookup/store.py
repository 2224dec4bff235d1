"""The customers of a business, as a caller's phone number finds them.

The rule of this file: a customer is found by a number of the line, and whatever belongs to one is looked up
with that customer's id in the query. What belongs to somebody else does not exist here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from tools.callers import normalised
from tools.lookup.codes import hash_code
from tools.lookup.models import Base, Customer, CustomerNumber, Lead, Order, Payment, Ticket
from tools.storage import Database, Schema, utc_now

logger = logging.getLogger(__name__)

SCHEMA = Schema("lookup", Base.metadata, Path(__file__).parent / "migrations")

LARGEST_ID = 2**31 - 1
"""What PostgreSQL's integer holds; the model may send any."""

TICKETS_PER_CALL = 3


class LookupRefusedError(Exception):
    """A request that cannot be granted. The message is a sentence that may be said to the caller."""


class CustomerStore:
    """Customers in a database; one store serves all calls at once.

    Args:
        database: Where they are; opened and closed by whoever made it.
        now: The clock, an aware moment; replaced in tests.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime] = utc_now) -> None:
        database.needs(SCHEMA)
        self.database = database
        self.now = now

    # For whoever fills the records -------------------------------------------------------------------

    async def add_customer(
        self,
        name: str,
        numbers: Iterable[str],
        *,
        code: str | None = None,
        address: str = "",
        balance_cents: int = 0,
        currency: str = "USD",
        belongings: Iterable[Order | Payment | Ticket] = (),
    ) -> Customer:
        """Add a customer with what belongs to them.

        Args:
            name: As they are greeted.
            numbers: Their phone numbers, in any spelling.
            code: The second factor, in the clear; only its hash is kept. None agrees on none.
            address: Where things are delivered.
            balance_cents: What they owe, in hundredths; negative is a credit.
            currency: ISO 4217.
            belongings: Orders, payments and tickets.

        Raises:
            ValueError: A number is none that a line can show, or belongs to a customer already; or the code
                cannot be one.
        """
        code_hash = None if code is None else await hash_code(code)
        customer = Customer(
            name=name, address=address, balance_cents=balance_cents, currency=currency, code_hash=code_hash
        )
        try:
            async with self.database.writing() as session:
                session.add(customer)
                await session.flush()
                for number in {_spelled(number) for number in numbers}:
                    session.add(CustomerNumber(number=number, customer_id=customer.id))
                for each in belongings:
                    each.customer_id = customer.id
                    session.add(each)
        except IntegrityError:
            # PostgreSQL's error names the phone number.
            raise ValueError("a phone number, order or ticket belongs to a customer already") from None
        return customer

    # For calls ---------------------------------------------------------------------------------------

    async def find(self, number: str) -> Customer | None:
        """The customer with this phone number, in the spelling of :func:`tools.callers.customer_number`."""
        async with self.database.reading() as session:
            query = select(Customer).join(CustomerNumber).where(CustomerNumber.number == number)
            customer: Customer | None = await session.scalar(query)
            return customer

    async def orders(self, customer: Customer, limit: int) -> list[Order]:
        """The customer's orders, the newest first."""
        query = select(Order).where(Order.customer_id == customer.id)
        async with self.database.reading() as session:
            newest = query.order_by(Order.ordered_on.desc(), Order.id.desc()).limit(limit)
            return list(await session.scalars(newest))

    async def order(self, customer: Customer, order_id: int) -> Order | None:
        """The customer's order with this number."""
        if not 0 < order_id <= LARGEST_ID:
            return None
        query = select(Order).where(Order.customer_id == customer.id, Order.id == order_id)
        async with self.database.reading() as session:
            order: Order | None = await session.scalar(query)
            return order

    async def payments(self, customer: Customer, limit: int) -> list[Payment]:
        """The customer's payments, the newest first."""
        query = select(Payment).where(Payment.customer_id == customer.id)
        async with self.database.reading() as session:
            newest = query.order_by(Payment.paid_on.desc(), Payment.id.desc()).limit(limit)
            return list(await session.scalars(newest))

    async def tickets(self, customer: Customer, limit: int) -> list[Ticket]:
        """The customer's tickets, the newest first."""
        query = select(Ticket).where(Ticket.customer_id == customer.id)
        async with self.database.reading() as session:
            newest = query.order_by(Ticket.opened_at.desc(), Ticket.id.desc()).limit(limit)
            return list(await session.scalars(newest))

    async def open_ticket(self, customer: Customer, call_id: str, subject: str, details: str) -> Ticket:
        """Open a ticket; a subject that was opened in this call already gives that ticket.

        Raises:
            LookupRefusedError: This call has opened as many as one may.
        """
        in_this_call = select(Ticket).where(Ticket.customer_id == customer.id, Ticket.call_id == call_id)
        async with self.database.writing() as session:
            # Calls of one customer open tickets one after the other, on PostgreSQL as on SQLite.
            await session.get(Customer, customer.id, with_for_update=True)
            opened = list(await session.scalars(in_this_call))
            for known in opened:
                if known.subject == subject:
                    return known
            if len(opened) >= TICKETS_PER_CALL:
                raise LookupRefusedError(
                    f"{len(opened)} tickets have been opened in this call, and no more can be."
                )
            ticket = Ticket(
                customer_id=customer.id,
                call_id=call_id,
                subject=subject,
                details=details,
                status="open",
                opened_at=self.now(),
            )
            session.add(ticket)
        logger.info("ticket %d opened", ticket.id)
        return ticket

    async def keep_lead(self, number: str, name: str, reason: str) -> Lead:
        """Keep who called and why; a number that called before is brought up to date."""
        now = self.now()
        async with self.database.writing() as session:
            lead = await session.get(Lead, number, with_for_update=True)
            if lead is None:
                new = Lead(number=number, name=name, reason=reason, first_called_at=now, last_called_at=now)
                try:
                    async with session.begin_nested():
                        session.add(new)
                    return new
                except IntegrityError:
                    # Another call from this number has been faster.
                    lead = await session.get_one(Lead, number, with_for_update=True)
            lead.name, lead.reason, lead.last_called_at = name, reason, now
            return lead

    async def lead(self, number: str) -> Lead | None:
        """What is kept of a number that is no customer's."""
        async with self.database.reading() as session:
            return await session.get(Lead, number)

    async def leads(self) -> int:
        """How many there are."""
        async with self.database.reading() as session:
            return await session.scalar(select(func.count()).select_from(Lead)) or 0


def _spelled(number: str) -> str:
    spelled = normalised(number)
    if spelled is None:
        raise ValueError("a phone number is empty, or one of the words for a withheld number")
    return spelled
