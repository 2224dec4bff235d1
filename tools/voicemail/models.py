"""The tables of the voicemail: every call that nobody took, and the message of those who left one.

The rule: who called comes from the line; what the caller asked for stands beside it and never in its place.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Float, ForeignKey, Index, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from tools.callers import LONGEST_NUMBER
from tools.storage import Schema, UtcDateTime

LONGEST_NAME = 80
LONGEST_SUMMARY = 200


class Occasion(StrEnum):
    """Why nobody took a call."""

    CLOSED = "closed"
    """It came outside of the opening hours."""

    UNANSWERED = "unanswered"
    """The phone rang, and nobody picked up."""


class Urgency(StrEnum):
    """How soon a message wants an answer."""

    LOW = "low"
    NORMAL = "normal"
    URGENT = "urgent"


class Base(DeclarativeBase):
    """The tables of this package."""


class MissedCall(Base):
    """A call that nobody took.

    Attributes:
        id: Of the row.
        key: Name of the call in the folder of recordings; made up here, never by the line.
        caller_number: Who called, as the line says; None if withheld.
        callee_number: Who was called.
        occasion: Why nobody took it, a word of :class:`Occasion`.
        began_at: When it rang.
        ended_at: When it was over.
        ended: How it ended, a word of :class:`voiceagent.CallReport`.
    """

    __tablename__ = "missed_calls"
    __table_args__ = (Index("ix_missed_calls_caller", "caller_number", "began_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    # A call that is saved twice, because a program died in between, is stored once.
    key: Mapped[str] = mapped_column(String(64), unique=True)
    caller_number: Mapped[str | None] = mapped_column(String(LONGEST_NUMBER))
    callee_number: Mapped[str | None] = mapped_column(String(LONGEST_NUMBER))
    occasion: Mapped[str] = mapped_column(String(16))
    began_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    ended: Mapped[str] = mapped_column(String(32))

    def __repr__(self) -> str:
        # Without the caller: reprs end up in logs.
        return f"<MissedCall {self.id} {self.began_at:%Y-%m-%d %H:%M}Z>"


class Voicemail(Base):
    """A message that a caller left.

    Attributes:
        id: Of the message.
        call_id: The call in which it was left.
        call: The same, as a row.
        caller_name: As the caller gave it; empty if they did not.
        callback_number: Where they want to be called, if not at the number they called from. They said it:
            it proves nothing.
        urgency: A word of :class:`Urgency`.
        summary: One line about it; empty if the call ended before the model gave one.
        transcript: What the caller said, as the model understood it.
        recording: Name of the WAV file in the folder of recordings; None if it could not be written.
        seconds: Length of the recording.
        complete: Whether the caller came to an end, or the call broke off.
        adds_to_id: The earlier message that this one adds to.
    """

    __tablename__ = "voicemails"

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("missed_calls.id", ondelete="CASCADE"), unique=True)
    caller_name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    callback_number: Mapped[str | None] = mapped_column(String(LONGEST_NUMBER))
    urgency: Mapped[str] = mapped_column(String(16))
    summary: Mapped[str] = mapped_column(String(LONGEST_SUMMARY))
    transcript: Mapped[str] = mapped_column(Text)
    recording: Mapped[str | None] = mapped_column(String(80))
    seconds: Mapped[float] = mapped_column(Float)
    complete: Mapped[bool]
    adds_to_id: Mapped[int | None] = mapped_column(ForeignKey("voicemails.id", ondelete="SET NULL"))
    call: Mapped[MissedCall] = relationship(lazy="joined")

    def __repr__(self) -> str:
        return f"<Voicemail {self.id} {self.urgency} {self.seconds:.0f} s>"


SCHEMA = Schema("voicemail", Base.metadata, Path(__file__).parent / "migrations")
"""What a store of voicemails needs."""
