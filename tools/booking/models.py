"""The booking tables.

The rule that makes a double booking impossible is in the schema, not in a check: an appointment occupies one
:class:`OccupiedCell` per five minutes of a member of staff, and the primary key of that table admits each
cell once. Appointments of different lengths that overlap share a cell, so that the second cannot be stored,
on SQLite and PostgreSQL alike.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from sqlalchemy import DateTime, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from tools.booking.business import CELL


class UtcDateTime(TypeDecorator[dt.datetime]):
    """A moment: goes in aware of any zone, is stored in UTC, comes out aware in UTC.

    SQLite has no time zones and compares moments as text, so all of them must be in one zone.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """Into the database.

        Raises:
            ValueError: The value has no time zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(dt.UTC)

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """Out of the database."""
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


class Base(DeclarativeBase):
    """The tables of this package."""


class Appointment(Base):
    """One appointment of one customer.

    Attributes:
        id: What the customer may refer to it by.
        customer_number: The phone number it was made from, which is the customer's identity.
        customer_name: As the caller gave it.
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
    customer_number: Mapped[str] = mapped_column(String(64))
    customer_name: Mapped[str] = mapped_column(String(80))
    service: Mapped[str] = mapped_column(String(80))
    staff: Mapped[str] = mapped_column(String(80))
    starts_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)

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


def cells(start: dt.datetime, end: dt.datetime) -> Iterator[dt.datetime]:
    """The cells of an appointment, in UTC, earliest first."""
    at = start.astimezone(dt.UTC)
    while at < end:
        yield at
        at += CELL
