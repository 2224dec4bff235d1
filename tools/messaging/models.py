"""The tables of the outbox.

The rule: a message is one row, and each channel that is to carry it is another one, so that a webhook that is
down does not send the mail twice.
"""

from __future__ import annotations

import datetime as dt
import enum
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tools.storage import Schema, UtcDateTime


class Base(DeclarativeBase):
    """The tables of this package."""


class DeliveryState(enum.StrEnum):
    """Where a message is on its way through one channel."""

    WAITING = "waiting"
    """It is to be sent when its time comes."""

    SENT = "sent"
    """The receiver has taken it."""

    DEAD = "dead"
    """It was tried often enough, or refused for good. Somebody has to look."""


class OutboxMessage(Base):
    """A message that was written down in the transaction that it tells of.

    Attributes:
        id: Number of the row.
        uid: What receivers know it by, the same at every attempt.
        key: What may happen only once; None for what may happen again.
        kind: What happened, for programs.
        subject: One line.
        text: The message.
        recipient: E-mail address or phone number; None for the business itself.
        data: Facts for programs.
        created_at: When it was written.
    """

    __tablename__ = "outbox_messages"
    __table_args__ = (UniqueConstraint("uid"), UniqueConstraint("key"))

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(36))
    key: Mapped[str | None] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(80))
    subject: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    recipient: Mapped[str | None] = mapped_column(String(320))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, index=True)


class OutboxAttachment(Base):
    """A file that goes with a message."""

    __tablename__ = "outbox_attachments"

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("outbox_messages.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    content_type: Mapped[str] = mapped_column(String(100))
    content: Mapped[bytes] = mapped_column(LargeBinary)


class OutboxDelivery(Base):
    """A message on its way through one channel.

    Attributes:
        id: Number of the row.
        message_id: The message.
        channel: ``mail`` or ``webhook``.
        state: Where it is.
        attempts: How often it was tried, or is being tried.
        next_attempt_at: Before this moment nobody tries it. Whoever tries it moves this on first, so that
            nobody else does meanwhile, and so that somebody does if they die over it.
        error: Why the last attempt failed.
        finished_at: When it was sent, or given up.
    """

    __tablename__ = "outbox_deliveries"
    __table_args__ = (
        UniqueConstraint("message_id", "channel"),
        Index("ix_outbox_deliveries_due", "state", "next_attempt_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("outbox_messages.id", ondelete="CASCADE"))
    channel: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    attempts: Mapped[int]
    next_attempt_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    error: Mapped[str] = mapped_column(String(200))
    finished_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


SCHEMA = Schema("messaging", Base.metadata, Path(__file__).parent / "migrations")
"""What an outbox needs to find in its database."""
