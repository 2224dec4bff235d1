"""Monitored calls in a database: what was noted, what was suggested, and how it ended.

The rule: notes are merged here and not by the model. Whatever it repeats counts in the row that is there, and
no call fills the database, however long the model talks to itself.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from tools.call_control.wording import one_line, same_words, words_of
from tools.coaching.models import (
    LONGEST_HEARD,
    LONGEST_NOTE,
    LONGEST_SUGGESTION,
    LONGEST_TOPIC,
    SCHEMA,
    MonitoredCall,
    SentimentNote,
    Suggestion,
    SuggestionState,
    TopicNote,
)
from tools.storage import Database, utc_now

logger = logging.getLogger(__name__)

MOST_NOTES = 200
"""Rows of one kind that one call may have."""

Speaker = Literal["caller", "callee"]

_Row = TypeVar("_Row")


class TooManyNotesError(Exception):
    """The call has as many notes as one may have."""


@dataclass(frozen=True)
class Ending:
    """How a monitored call ended: what its row is told at the end.

    Attributes:
        ended: A word of the report, such as ``conference_ended``.
        connected: Whether caller and callee were connected.
        monitored_seconds: How long the agent listened.
        words_of_caller: Words of the caller to the agent.
        words_of_agent: Words of the agent that were heard.
        words_of_parties: Words that caller and callee said to each other.
    """

    ended: str
    connected: bool
    monitored_seconds: float
    words_of_caller: int
    words_of_agent: int
    words_of_parties: int


@dataclass(frozen=True)
class CallNotes:
    """All that is known of a monitored call, each list in the order of time."""

    call: MonitoredCall
    sentiments: list[SentimentNote]
    topics: list[TopicNote]
    suggestions: list[Suggestion]


class CoachingStore:
    """The monitored calls; one store serves all calls at once.

    Args:
        database: Where they are; it must be open before a call begins.
        now: The clock, an aware moment; replaced in tests.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime] = utc_now) -> None:
        database.needs(SCHEMA)
        self._database = database
        self._now = now

    async def begin(self, call_id: str, *, caller: str | None, callee: str | None) -> None:
        """The agent takes a call. One that comes a second time, after its line was lost, keeps its row."""

        async def attempt(session: AsyncSession) -> None:
            row = await self._call(session, call_id)
            row.caller_number, row.callee_number = caller, callee

        await self._write(attempt)

    async def announced(self, call_id: str) -> None:
        """The caller has heard, to its end, that the call may be monitored."""

        async def attempt(session: AsyncSession) -> None:
            (await self._call(session, call_id)).announced_at = self._now()

        await self._write(attempt)

    async def connected(self, call_id: str) -> None:
        """Caller and callee talk, and the agent listens."""

        async def attempt(session: AsyncSession) -> None:
            (await self._call(session, call_id)).connected_at = self._now()

        await self._write(attempt)

    async def note_sentiment(
        self, call_id: str, speaker: Speaker, score: float, reason: str
    ) -> SentimentNote:
        """Note how somebody feels. What the last note on them said already is counted there.

        Args:
            call_id: The call.
            speaker: Who.
            score: -1 to 1; kept with two digits.
            reason: Why.

        Raises:
            ValueError: The score is out of range.
            TooManyNotesError: The call has enough of them.
        """
        if not -1 <= score <= 1:
            raise ValueError(f"a sentiment is from -1 to 1, not {score}")
        score, reason = round(score, 2), one_line(reason, LONGEST_NOTE)

        async def attempt(session: AsyncSession) -> SentimentNote:
            await self._call(session, call_id)
            of_call = select(SentimentNote).where(SentimentNote.call_id == call_id)
            latest = await session.scalar(
                of_call.where(SentimentNote.speaker == speaker).order_by(SentimentNote.id.desc()).limit(1)
            )
            if latest is not None and latest.score == score and same_words(latest.reason, reason):
                latest.times += 1
                latest.last_at = self._now()
                return latest
            await _check_room(session, SentimentNote, call_id)
            now = self._now()
            note = SentimentNote(
                call_id=call_id, speaker=speaker, score=score, reason=reason, at=now, last_at=now, times=1
            )
            session.add(note)
            return note

        return await self._write(attempt)

    async def note_topic(self, call_id: str, topic: str) -> TopicNote:
        """Note what the parties talk about; a topic that is known, in any spelling, is counted there.

        Raises:
            ValueError: The topic has no words.
            TooManyNotesError: The call has enough of them.
        """
        topic = one_line(topic, LONGEST_TOPIC)
        key = " ".join(words_of(topic))[:LONGEST_TOPIC]
        if not key:
            raise ValueError("a topic needs words")

        async def attempt(session: AsyncSession) -> TopicNote:
            await self._call(session, call_id)
            known = await session.scalar(
                select(TopicNote).where(TopicNote.call_id == call_id, TopicNote.key == key)
            )
            if known is not None:
                known.times += 1
                known.last_at = self._now()
                return known
            await _check_room(session, TopicNote, call_id)
            now = self._now()
            note = TopicNote(call_id=call_id, key=key, topic=topic, at=now, last_at=now, times=1)
            session.add(note)
            return note

        return await self._write(attempt)

    async def suggest(self, call_id: str, text: str) -> int:
        """Keep a suggestion that is about to be whispered; returns its id.

        Raises:
            TooManyNotesError: The call has enough of them.
        """
        text = one_line(text, LONGEST_SUGGESTION)

        async def attempt(session: AsyncSession) -> Suggestion:
            await self._call(session, call_id)
            await _check_room(session, Suggestion, call_id)
            suggestion = Suggestion(
                call_id=call_id, text=text, heard="", asked_at=self._now(), state=SuggestionState.ASKED
            )
            session.add(suggestion)
            return suggestion

        return (await self._write(attempt)).id

    async def settle(self, suggestion_id: int, state: SuggestionState, heard: str = "") -> None:
        """Say what became of a suggestion; only the first word counts.

        Args:
            suggestion_id: Which.
            state: What became of it.
            heard: What the callee heard of it.
        """
        async with self._database.writing() as session:
            await session.execute(
                update(Suggestion)
                .where(Suggestion.id == suggestion_id, Suggestion.state == SuggestionState.ASKED)
                .values(state=state, heard=one_line(heard, LONGEST_HEARD), settled_at=self._now())
            )

    async def finish(self, call_id: str, ending: Ending) -> MonitoredCall:
        """The agent's part in a call is over: write its summary, and settle what was left open."""

        async def attempt(session: AsyncSession) -> MonitoredCall:
            row = await self._call(session, call_id)
            now = self._now()
            await session.execute(
                update(Suggestion)
                .where(Suggestion.call_id == call_id, Suggestion.state == SuggestionState.ASKED)
                .values(state=SuggestionState.NOT_PLAYED, settled_at=now)
            )
            if ending.connected and row.connected_at is None:
                row.connected_at = now
            row.ended_at, row.ended = now, ending.ended
            row.monitored_seconds = ending.monitored_seconds
            row.words_of_caller = ending.words_of_caller
            row.words_of_agent = ending.words_of_agent
            row.words_of_parties = ending.words_of_parties
            mean = await session.scalar(
                select(func.avg(SentimentNote.score)).where(
                    SentimentNote.call_id == call_id, SentimentNote.speaker == "caller"
                )
            )
            row.sentiment = None if mean is None else round(float(mean), 2)
            played = await session.scalars(
                select(Suggestion.id).where(
                    Suggestion.call_id == call_id, Suggestion.state == SuggestionState.PLAYED
                )
            )
            row.suggestions_played = len(played.all())
            return row

        return await self._write(attempt)

    async def notes(self, call_id: str) -> CallNotes | None:
        """All that is known of a call; None where there is no such call."""
        async with self._database.reading() as session:
            call = await session.get(MonitoredCall, call_id)
            if call is None:
                return None
            return CallNotes(
                call,
                await _in_order(session, SentimentNote, call_id),
                await _in_order(session, TopicNote, call_id),
                await _in_order(session, Suggestion, call_id),
            )

    async def calls(self, limit: int = 100) -> list[MonitoredCall]:
        """The latest calls, the newest first."""
        async with self._database.reading() as session:
            query = select(MonitoredCall).order_by(MonitoredCall.began_at.desc()).limit(limit)
            return list(await session.scalars(query))

    async def _call(self, session: AsyncSession, call_id: str) -> MonitoredCall:
        """The row of a call, locked, so that what is noted at once is noted one after the other."""
        row = await session.get(MonitoredCall, call_id, with_for_update=True)
        if row is None:
            row = MonitoredCall(
                call_id=call_id,
                began_at=self._now(),
                monitored_seconds=0.0,
                words_of_caller=0,
                words_of_agent=0,
                words_of_parties=0,
                suggestions_played=0,
            )
            session.add(row)
            await session.flush()
        return row

    async def _write(self, attempt: Callable[[AsyncSession], Awaitable[_Row]]) -> _Row:
        """Run ``attempt`` in a transaction; once more where two made the same row at once."""
        try:
            async with self._database.writing() as session:
                return await attempt(session)
        except IntegrityError:
            logger.debug("a row of a monitored call was made twice at once")
            async with self._database.writing() as session:
                return await attempt(session)


_Note = TypeVar("_Note", SentimentNote, TopicNote, Suggestion)


async def _check_room(session: AsyncSession, kind: type[_Note], call_id: str) -> None:
    held = await session.scalar(select(func.count()).select_from(kind).where(kind.call_id == call_id))
    if (held or 0) >= MOST_NOTES:
        raise TooManyNotesError(f"a call keeps {MOST_NOTES} notes of a kind, and no more")


async def _in_order(session: AsyncSession, kind: type[_Note], call_id: str) -> list[_Note]:
    return list(await session.scalars(select(kind).where(kind.call_id == call_id).order_by(kind.id)))
