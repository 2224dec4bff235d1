"""The booking tables.

The rule that makes a double booking impossible is in the schema, not in a check: an appointment occupies one
:class:`OccupiedCell` per five minutes of a member of staff, and the primary key of that table admits each
cell once. Appointments of different lengths that overlap share a cell, so that the second cannot be stored,
on SQLite and PostgreSQL alike.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tools.booking.business import CELL
from tools.storage import Schema, UtcDateTime


class Base(DeclarativeBase):
    """The tables of this package."""


SCHEMA = Schema("booking", Base.metadata, Path(__file__).parent / "migrations")
"""What a database needs for bookings."""


class Appointment(Base):
    """One appointment of one customer.

    Attributes:
        id: What the customer may refer to it by.
        uid: What calendars know it by, for as long as it exists.
        sequence: How often it has been changed, for calendars.
        customer_number: The phone number it was made from, which is the customer's identity.
        customer_name: As the caller gave it.
        language: BCP-47 code of the language in which the customer is written to; empty for the default.
        service: Name of the service.
        staff: Name of the member of staff.
        starts_at: When it begins.
        ends_at: When it ends.
        created_at: When it was made.
    """

    __tablename__ = "appointments"
    __table_args__ = (
        # A booking that is made twice (a repeated tool call, a second line) is stored once.
        UniqueConstraint("customer_number", "customer_name", "starts_at"),
        Index("ix_appointments_upcoming", "customer_number", "starts_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(36), unique=True)
    sequence: Mapped[int] = mapped_column(default=0)
    customer_number: Mapped[str] = mapped_column(String(64))
    customer_name: Mapped[str] = mapped_column(String(80))
    language: Mapped[str] = mapped_column(String(35), default="")
    service: Mapped[str] = mapped_column(String(80))
    staff: Mapped[str] = mapped_column(String(80))
    starts_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)

    @property
    def minutes(self) -> int:
        """How long it takes."""
        return int((self.ends_at - self.starts_at).total_seconds()) // 60

    def __repr__(self) -> str:
        # Without the customer: reprs end up in logs.
        return f"<Appointment {self.id} {self.service} {self.starts_at:%Y-%m-%d %H:%M}Z>"


class OccupiedCell(Base):
    """Five minutes of a member of staff that belong to an appointment."""

    __tablename__ = "occupied_cells"

    staff: Mapped[str] = mapped_column(String(80), primary_key=True)
    starts_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, primary_key=True)
    appointment_id: Mapped[int] = mapped_column(ForeignKey("appointments.id", ondelete="CASCADE"), index=True)


class ClosedDay(Base):
    """A date on which a business that is regularly open is not."""

    __tablename__ = "closed_days"

    day: Mapped[dt.date] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(String(200), default="")


class WaitingCustomer(Base):
    """Somebody who found nothing free, and is to be called when something is.

    Attributes:
        id: Key of the row.
        customer_number: The phone number to call.
        customer_name: As the caller gave it.
        language: BCP-47 code of the language to speak; empty for the default.
        service: What they wait for; a number waits for each service once.
        staff: Whom they asked for; empty for anybody.
        wishes: Which days and times suit them, in their words.
        created_at: When they asked.
    """

    __tablename__ = "waiting_list"
    __table_args__ = (UniqueConstraint("customer_number", "service"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_number: Mapped[str] = mapped_column(String(64))
    customer_name: Mapped[str] = mapped_column(String(80))
    language: Mapped[str] = mapped_column(String(35), default="")
    service: Mapped[str] = mapped_column(String(80))
    staff: Mapped[str] = mapped_column(String(80), default="")
    wishes: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)

    def __repr__(self) -> str:
        return f"<WaitingCustomer {self.id} {self.service}>"


def cells(start: dt.datetime, end: dt.datetime) -> Iterator[dt.datetime]:
    """The cells of an appointment, in UTC, earliest first."""
    at = start.astimezone(dt.UTC)
    while at < end:
        yield at
        at += CELL
