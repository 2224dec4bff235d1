"""The tables of the customer records.

The rule: everything belongs to a customer, and a customer is found by a phone number. What a caller may ask
for is looked up with the customer's id in the same query, so that another customer's row is simply not there.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tools.callers import LONGEST_NUMBER
from tools.storage import UtcDateTime


class Base(DeclarativeBase):
    """The tables of this package."""


class Customer(Base):
    """Somebody with an account.

    Attributes:
        id: Internal; no caller and no model ever names it.
        name: As they are greeted.
        address: Where things are delivered.
        balance_cents: What they owe, in hundredths of the currency; negative is a credit.
        currency: ISO 4217, such as ``USD``.
        code_hash: The second factor, hashed (:mod:`tools.lookup.codes`); None where none is agreed.
    """

    __tablename__ = "lookup_customers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    address: Mapped[str] = mapped_column(String(200), default="")
    balance_cents: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str] = mapped_column(String(3), default="USD")
    code_hash: Mapped[str | None] = mapped_column(String(200), default=None)

    def __repr__(self) -> str:
        # Without the person: reprs end up in logs.
        return f"<Customer {self.id}>"


class CustomerNumber(Base):
    """A phone number of a customer; one customer may have several, one number belongs to one customer."""

    __tablename__ = "lookup_customer_numbers"

    number: Mapped[str] = mapped_column(String(LONGEST_NUMBER), primary_key=True)
    customer_id: Mapped[int] = mapped_column(
        ForeignKey("lookup_customers.id", ondelete="CASCADE"), index=True
    )


class Order(Base):
    """Something a customer has ordered.

    Attributes:
        id: The order number, as customer and business say it.
        items: What was ordered, in a few words.
        status: Such as ``shipped``.
        ordered_on: When.
        due_on: When it is expected; None if nobody knows.
    """

    __tablename__ = "lookup_orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(
        ForeignKey("lookup_customers.id", ondelete="CASCADE"), index=True
    )
    items: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(40))
    ordered_on: Mapped[dt.date]
    due_on: Mapped[dt.date | None] = mapped_column(default=None)


class Payment(Base):
    """Money received from a customer."""

    __tablename__ = "lookup_payments"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(
        ForeignKey("lookup_customers.id", ondelete="CASCADE"), index=True
    )
    amount_cents: Mapped[int]
    method: Mapped[str] = mapped_column(String(80))
    paid_on: Mapped[dt.date]


class Ticket(Base):
    """A request that somebody of the business is to look after.

    Attributes:
        id: The ticket number, as customer and business say it.
        call_id: The call it was opened in; None where it was not opened by phone.
        subject: What it is about, in a few words.
        details: What the caller said about it.
        status: Such as ``open``.
    """

    __tablename__ = "lookup_tickets"
    # A tool call that the model repeats opens one ticket.
    __table_args__ = (UniqueConstraint("customer_id", "call_id", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(
        ForeignKey("lookup_customers.id", ondelete="CASCADE"), index=True
    )
    call_id: Mapped[str | None] = mapped_column(String(100), default=None)
    subject: Mapped[str] = mapped_column(String(120))
    details: Mapped[str] = mapped_column(String(500), default="")
    status: Mapped[str] = mapped_column(String(40), default="open")
    opened_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)


class Lead(Base):
    """Somebody who called and is no customer yet; one per phone number."""

    __tablename__ = "lookup_leads"

    number: Mapped[str] = mapped_column(String(LONGEST_NUMBER), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(String(300))
    first_called_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    last_called_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)

    def __repr__(self) -> str:
        return "<Lead>"


class CodeAttempt(Base):
    """A code that was tried; which one is not kept. It stands before the code is checked."""

    __tablename__ = "lookup_code_attempts"
    __table_args__ = (Index("ix_lookup_code_attempts_recent", "customer_id", "tried_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("lookup_customers.id", ondelete="CASCADE"))
    call_id: Mapped[str] = mapped_column(String(100))
    tried_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    succeeded: Mapped[bool] = mapped_column(default=False)
