"""The tables of escalations: why a person was needed, what is known of the case, and when to call back.

The rule: the row of an escalation is there before anybody's phone rings, so that nothing is lost when the
line is.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tools.storage import Schema, UtcDateTime

LONGEST_SUMMARY = 1000
LONGEST_WISH = 300


class EscalationState(StrEnum):
    """What became of an escalation."""

    RINGING = "ringing"
    """The callee's phone rings, or is about to."""

    CONNECTED = "connected"
    """A person has taken over."""

    UNANSWERED = "unanswered"
    """Nobody picked up, or the call was rejected; the caller was still there."""

    ABANDONED = "abandoned"
    """The caller hung up while it rang."""

    FAILED = "failed"
    """The line could not do it."""


class Base(DeclarativeBase):
    """The tables of this package."""


class Callback(Base):
    """A promise to call somebody back.

    Attributes:
        id: What it is referred to by.
        call_id: The call in which it was promised; one call has one.
        number: Whom to call: the caller's number, from the line.
        due_at: When, within business hours.
        wish: What it is about.
        changes: How often it was moved.
        created_at: When it was first promised.
        done_at: When somebody called back; None until then.
    """

    __tablename__ = "callbacks"

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[str] = mapped_column(String, unique=True)
    number: Mapped[str] = mapped_column(String(64), index=True)
    due_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, index=True)
    wish: Mapped[str] = mapped_column(String(LONGEST_WISH))
    changes: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    done_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)

    def __repr__(self) -> str:
        # Without the number: reprs end up in logs.
        return f"<Callback {self.id} {self.due_at:%Y-%m-%d %H:%M}Z>"


class Escalation(Base):
    """A call that needed a person.

    Attributes:
        id: What it is referred to by.
        call_id: The call; it may be escalated more than once.
        caller_number: Who called; None if withheld.
        reason: A word of the agent's list of reasons.
        summary: What the person has to know, in the model's words, or in the caller's where it gave none.
        transcript: What had been said: ``{"who": ..., "text": ...}`` each, the whole call once it is over.
        facts: What else is known, such as earlier calls and what was looked up.
        state: A word of :class:`EscalationState`.
        note: The line's error code, where there is one.
        callback_id: The callback that was booked instead.
        created_at: When the case was saved.
        settled_at: When it was known what became of it; None while it rings.
    """

    __tablename__ = "escalations"

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[str] = mapped_column(String, index=True)
    caller_number: Mapped[str | None] = mapped_column(String(64), index=True)
    reason: Mapped[str] = mapped_column(String(40))
    summary: Mapped[str] = mapped_column(String(LONGEST_SUMMARY))
    transcript: Mapped[list[dict[str, str]]] = mapped_column(JSON)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(20), default=EscalationState.RINGING)
    note: Mapped[str] = mapped_column(String(80), default="")
    callback_id: Mapped[int | None] = mapped_column(ForeignKey("callbacks.id", ondelete="SET NULL"))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    settled_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)

    def __repr__(self) -> str:
        return f"<Escalation {self.id} {self.reason} {self.state}>"


SCHEMA = Schema("escalation", Base.metadata, Path(__file__).parent / "migrations")
"""What a store of escalations or callbacks needs of its database."""
