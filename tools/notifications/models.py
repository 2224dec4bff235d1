"""The table of notices: what somebody is to be told when they call."""

from __future__ import annotations

import datetime as dt
from enum import IntEnum, StrEnum

from sqlalchemy import Index, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tools.callers import LONGEST_NUMBER
from tools.storage import UtcDateTime


class Urgency(IntEnum):
    """What is told first: the smaller number."""

    URGENT = 1
    NORMAL = 2
    LOW = 3


class NoticeState(StrEnum):
    """What has become of a notice."""

    PENDING = "pending"
    """Not delivered, however often somebody began to read it out."""
    ACKNOWLEDGED = "acknowledged"
    FLAGGED = "flagged"
    """Delivered, and somebody of the team is to follow up."""


class Base(DeclarativeBase):
    """The tables of this package."""


class Notice(Base):
    """Something to tell whoever calls from a phone number.

    Attributes:
        id: What the tools refer to it by.
        number: Of whom it is for, in the spelling of :func:`tools.callers.customer_number`.
        text: What is read out, word for word.
        urgency: An :class:`Urgency`.
        state: A :class:`NoticeState`.
        created_at: When it was written.
        expires_at: When it is no longer worth telling; None if never.
        claimed_by: The call in which it is being read out.
        claimed_until: When that claim lapses, should the call never end in order.
        comment: What the caller said to a flagged notice.
        settled_at: When it was acknowledged or flagged.
        settled_in: The call in which that happened.
    """

    __tablename__ = "notices"
    __table_args__ = (Index("ix_notices_pending", "number", "state", "urgency"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(LONGEST_NUMBER))
    text: Mapped[str] = mapped_column(String(600))
    urgency: Mapped[int] = mapped_column(default=Urgency.NORMAL.value)
    state: Mapped[str] = mapped_column(String(20), default=NoticeState.PENDING.value)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime, default=None)
    claimed_by: Mapped[str | None] = mapped_column(String(100), default=None, index=True)
    claimed_until: Mapped[dt.datetime | None] = mapped_column(UtcDateTime, default=None)
    comment: Mapped[str] = mapped_column(String(500), default="")
    settled_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime, default=None)
    settled_in: Mapped[str | None] = mapped_column(String(100), default=None)

    def __repr__(self) -> str:
        # Without number and text: reprs end up in logs.
        return f"<Notice {self.id} {self.state}>"
