"""Promised callbacks: booked within business hours, and told to the team in the same transaction.

The rule: a call has one callback. Whoever promises a second one moves the first, so that nobody is called
twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tools.call_control.wording import one_line
from tools.escalation.models import LONGEST_WISH, SCHEMA, Callback
from tools.escalation.times import callback_time
from tools.hours import OpeningHours, spoken_moment
from tools.messaging import Message, Outbox
from tools.storage import Database, utc_now

logger = logging.getLogger(__name__)

MOST_CHANGES = 5
"""How often the callback of one call may be moved: each time the team gets a message."""


class TooManyChangesError(Exception):
    """The callback has been moved often enough."""


class CallbackStore:
    """The callbacks that were promised; one store serves all calls at once.

    Args:
        database: Where they are; it must be open before a call begins.
        hours: When somebody can call back.
        outbox: Through which the team is told; None tells nobody.
        now: The clock, an aware moment; replaced in tests.
    """

    def __init__(
        self,
        database: Database,
        *,
        hours: OpeningHours,
        outbox: Outbox | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        database.needs(SCHEMA)
        self.hours = hours
        self.now = now
        self._database = database
        self._outbox = outbox

    def time(self, day: str = "", at: str = "") -> datetime:
        """When a callback that is wished for now can take place; see :func:`callback_time`."""
        return callback_time(self.hours, self.now(), day, at)

    async def book(self, call_id: str, number: str, due_at: datetime, wish: str) -> Callback:
        """Promise a callback; a call that has one gets it moved.

        Raises:
            TooManyChangesError: It has been moved often enough.
        """
        async with self._database.writing() as session:
            return await self.book_in(session, call_id, number, due_at, wish)

    async def book_in(
        self, session: AsyncSession, call_id: str, number: str, due_at: datetime, wish: str
    ) -> Callback:
        """Do what :meth:`book` does in a transaction of somebody else."""
        wish = one_line(wish, LONGEST_WISH)
        known = await session.scalar(select(Callback).where(Callback.call_id == call_id).with_for_update())
        if known is not None:
            if known.due_at == due_at and wish in ("", known.wish):
                return known
            if known.changes >= MOST_CHANGES:
                raise TooManyChangesError(f"callback {known.id} has been moved {MOST_CHANGES} times")
            known.changes += 1
            known.due_at, known.wish = due_at, wish or known.wish
            callback = known
        else:
            callback = Callback(
                call_id=call_id, number=number, due_at=due_at, wish=wish, changes=0, created_at=self.now()
            )
            session.add(callback)
        await session.flush()
        if self._outbox is not None:
            await self._outbox.add(session, self._message(callback))
        logger.info("callback %d is booked", callback.id)
        return callback

    def in_words(self, callback: Callback, language: str | None = None) -> str:
        """When it is due, as it is said: ``"Thursday, March 5, at 10 AM"``."""
        return spoken_moment(self.hours.local(callback.due_at), language)

    async def of_call(self, call_id: str) -> Callback | None:
        """The callback that was promised in a call."""
        async with self._database.reading() as session:
            return await session.scalar(select(Callback).where(Callback.call_id == call_id))

    async def open_for(self, number: str) -> list[Callback]:
        """The callbacks that a number still waits for, the next one first."""
        async with self._database.reading() as session:
            query = select(Callback).where(Callback.number == number, Callback.done_at.is_(None))
            return list(await session.scalars(query.order_by(Callback.due_at)))

    async def waiting(self) -> list[Callback]:
        """Everybody who is to be called back, the next one first."""
        async with self._database.reading() as session:
            query = select(Callback).where(Callback.done_at.is_(None)).order_by(Callback.due_at, Callback.id)
            return list(await session.scalars(query))

    async def done(self, callback_id: int) -> None:
        """Somebody has called back."""
        async with self._database.writing() as session:
            await session.execute(
                update(Callback)
                .where(Callback.id == callback_id, Callback.done_at.is_(None))
                .values(done_at=self.now())
            )

    def _message(self, callback: Callback) -> Message:
        when = self.in_words(callback)
        again = " (moved)" if callback.changes else ""
        return Message(
            kind="callback",
            subject=f"Call back {callback.number}: {when}{again}",
            text=f"Please call {callback.number} back on {when}.\n\nAbout: {callback.wish or 'not said'}\n",
            to=None,
            data={
                "callback_id": callback.id,
                "call_id": callback.call_id,
                "number": callback.number,
                "due_at": callback.due_at.isoformat(),
                "wish": callback.wish,
                "moved": callback.changes > 0,
            },
        )
