"""The tables of monitored calls: one row per call, and what was noted and suggested while it went on.

The rule: every row is keyed by the id of its call, so that a call is read, kept and deleted as one. A note
that says what the last one said counts there, and makes no new row.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Float, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tools.storage import Schema, UtcDateTime

LONGEST_NOTE = 200
LONGEST_TOPIC = 60
LONGEST_SUGGESTION = 200
LONGEST_HEARD = 500


class SuggestionState(StrEnum):
    """How far a suggestion has come on its way into the callee's ear."""

    ASKED = "asked"
    """The model is about to say it."""

    PLAYED = "played"
    """The callee has heard it to its end."""

    CUT_OFF = "cut_off"
    """The callee has heard a part of it."""

    NOT_PLAYED = "not_played"
    """The line or the model failed, or the call ended first: the callee has heard nothing of it."""


class Base(DeclarativeBase):
    """The tables of this package."""


class MonitoredCall(Base):
    """A call that the agent answers, announces and listens to; its summary once it is over.

    Attributes:
        call_id: Id of the call.
        caller_number: Who called; None if withheld.
        callee_number: Who was called.
        began_at: When the agent took it.
        announced_at: When the caller had heard the announcement to its end; None if they never did, and then
            the call is not monitored.
        connected_at: When caller and callee were connected; None if they never were.
        ended_at: When the agent's part was over; None while it is not.
        ended: How it ended, a word of :class:`voiceagent.CallReport`.
        monitored_seconds: How long the agent listened.
        words_of_caller: Words that the caller said to the agent.
        words_of_agent: Words of the agent that were heard.
        words_of_parties: Words that caller and callee said to each other. The line mixes them, so there is
            one figure for both.
        sentiment: Mean of the caller's scores, -1 to 1; None without any.
        suggestions_played: Suggestions that the callee heard to their end.
    """

    __tablename__ = "monitored_calls"

    call_id: Mapped[str] = mapped_column(String, primary_key=True)
    caller_number: Mapped[str | None] = mapped_column(String(64))
    callee_number: Mapped[str | None] = mapped_column(String(64))
    began_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, index=True)
    announced_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    connected_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    ended: Mapped[str | None] = mapped_column(String(40))
    monitored_seconds: Mapped[float] = mapped_column(Float, default=0.0)
    words_of_caller: Mapped[int] = mapped_column(default=0)
    words_of_agent: Mapped[int] = mapped_column(default=0)
    words_of_parties: Mapped[int] = mapped_column(default=0)
    sentiment: Mapped[float | None] = mapped_column(Float)
    suggestions_played: Mapped[int] = mapped_column(default=0)

    def __repr__(self) -> str:
        # Without the numbers: reprs end up in logs.
        return f"<MonitoredCall {self.call_id} {self.ended or 'under way'}>"


class SentimentNote(Base):
    """How somebody felt, as the model heard it.

    Attributes:
        id: Counts the notes.
        call_id: The call.
        speaker: ``caller`` or ``callee``.
        score: -1 (furious) to 1 (delighted).
        reason: Why, in the model's words.
        at: When it was noted.
        last_at: When the same was last noted again.
        times: How often in a row.
    """

    __tablename__ = "sentiment_notes"
    __table_args__ = (Index("ix_sentiment_notes_call", "call_id", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[str] = mapped_column(ForeignKey("monitored_calls.call_id", ondelete="CASCADE"))
    speaker: Mapped[str] = mapped_column(String(10))
    score: Mapped[float] = mapped_column(Float)
    reason: Mapped[str] = mapped_column(String(LONGEST_NOTE))
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    times: Mapped[int] = mapped_column(default=1)


class TopicNote(Base):
    """Something the parties talked about, once per call.

    Attributes:
        id: Counts the notes.
        call_id: The call.
        key: The topic's words in one spelling.
        topic: As the model first wrote it.
        at: When it first came up.
        last_at: When it last came up.
        times: How often it was noted.
    """

    __tablename__ = "topic_notes"
    __table_args__ = (UniqueConstraint("call_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[str] = mapped_column(ForeignKey("monitored_calls.call_id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(LONGEST_TOPIC))
    topic: Mapped[str] = mapped_column(String(LONGEST_TOPIC))
    at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    times: Mapped[int] = mapped_column(default=1)


class Suggestion(Base):
    """A hint for the callee.

    Attributes:
        id: Counts the suggestions.
        call_id: The call.
        text: What the model wanted to say.
        heard: What the callee heard of it, as it was said.
        asked_at: When.
        state: A word of :class:`SuggestionState`.
        settled_at: When that was known; None while the model is about to say it.
    """

    __tablename__ = "suggestions"
    __table_args__ = (Index("ix_suggestions_call", "call_id", "asked_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[str] = mapped_column(ForeignKey("monitored_calls.call_id", ondelete="CASCADE"))
    text: Mapped[str] = mapped_column(String(LONGEST_SUGGESTION))
    heard: Mapped[str] = mapped_column(String(LONGEST_HEARD), default="")
    asked_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(20), default=SuggestionState.ASKED)
    settled_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


SCHEMA = Schema("coaching", Base.metadata, Path(__file__).parent / "migrations")
"""What a store of monitored calls needs of its database."""
