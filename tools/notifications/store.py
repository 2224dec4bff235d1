"""Notices that wait for a caller, and what has become of them.

The rule of this file: a notice is read out by one call at a time, which claims it, and it stays pending until
that call says that it was delivered. Claims lapse, so a program that dies takes no notice with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import ColumnElement, Select, and_, or_, select, update

from tools.callers import normalised
from tools.messaging import Message, Outbox
from tools.notifications.models import Base, Notice, NoticeState, Urgency
from tools.storage import Database, Schema, utc_now

logger = logging.getLogger(__name__)

SCHEMA = Schema("notifications", Base.metadata, Path(__file__).parent / "migrations")

LEASE = timedelta(minutes=15)
"""So long a claim outlives its call, should the program die; a call that goes on renews it."""


class NotClaimedError(Exception):
    """This call is not reading out such a notice: it has another number, was settled, or never claimed."""


class NoticeStore:
    """Notices in a database; one store serves all calls at once.

    Args:
        database: Where they are; opened and closed by whoever made it.
        outbox: Where the team is told of flagged notices.
        now: The clock, an aware moment; replaced in tests.
    """

    def __init__(self, database: Database, outbox: Outbox, *, now: Callable[[], datetime] = utc_now) -> None:
        database.needs(SCHEMA)
        self.database = database
        self._outbox = outbox
        self._now = now

    async def add(
        self,
        number: str,
        text: str,
        *,
        urgency: Urgency = Urgency.NORMAL,
        expires_at: datetime | None = None,
    ) -> Notice:
        """Leave a notice for whoever calls from this number.

        Args:
            number: In any spelling.
            text: What is read out, word for word; 600 characters at most.
            urgency: What is told first.
            expires_at: When it is no longer worth telling.

        Raises:
            ValueError: The number is none that a line can show, or the text is empty or too long.
        """
        spelled, text = normalised(number), " ".join(text.split())
        if spelled is None:
            raise ValueError("the number of a notice is empty, or one of the words for a withheld number")
        if not 0 < len(text) <= 600:
            raise ValueError(f"a notice has 1 to 600 characters, this one has {len(text)}")
        notice = Notice(
            number=spelled,
            text=text,
            urgency=urgency.value,
            state=NoticeState.PENDING.value,
            created_at=self._now(),
            expires_at=expires_at,
        )
        async with self.database.writing() as session:
            session.add(notice)
        return notice

    async def waiting(self, number: str, call_id: str) -> list[Notice]:
        """What this call can deliver, in the order in which it is to be told."""
        async with self.database.reading() as session:
            notices = list(await session.scalars(self._deliverable(number, call_id)))
        return sorted(notices, key=lambda each: _turn(each, call_id))

    async def claim(self, number: str, call_id: str) -> Notice | None:
        """The notice that this call is to read out; None where there is none for it.

        A call has one at a time: until it is settled, the same one is given again.
        """
        async with self.database.writing() as session:
            # All of them are locked, always in the same order: calls that ask at once get what is left, one
            # after the other, and a call that asks twice gets its own.
            locked = self._deliverable(number, call_id).order_by(Notice.id).with_for_update()
            waiting = list(await session.scalars(locked))
            if not waiting:
                return None
            notice = min(waiting, key=lambda each: _turn(each, call_id))
            notice.claimed_by, notice.claimed_until = call_id, self._now() + LEASE
            return notice

    async def held(self, number: str, call_id: str, notice_id: int) -> Notice | None:
        """The notice, if this call has claimed or settled it."""
        query = select(Notice).where(
            Notice.id == notice_id,
            Notice.number == number,
            or_(self._claimed(call_id), Notice.settled_in == call_id),
        )
        async with self.database.reading() as session:
            notice: Notice | None = await session.scalar(query)
            return notice

    async def acknowledge(self, number: str, call_id: str, notice_id: int) -> None:
        """The caller has heard the notice and confirmed it: it never comes again.

        Raises:
            NotClaimedError: This call is not reading it out.
        """
        await self._settle(number, call_id, notice_id, NoticeState.ACKNOWLEDGED, "")

    async def flag(self, number: str, call_id: str, notice_id: int, comment: str) -> None:
        """The caller has heard the notice and wants more: it never comes again, and the team is told.

        Raises:
            NotClaimedError: This call is not reading it out.
        """
        await self._settle(number, call_id, notice_id, NoticeState.FLAGGED, comment)

    async def renew(self, call_id: str) -> None:
        """The call goes on: what it claimed stays its own."""
        async with self.database.writing() as session:
            await session.execute(
                update(Notice).where(self._claimed(call_id)).values(claimed_until=self._now() + LEASE)
            )

    async def release(self, call_id: str) -> None:
        """The call is over: what it claimed and did not settle waits for the next one."""
        async with self.database.writing() as session:
            await session.execute(
                update(Notice).where(self._claimed(call_id)).values(claimed_by=None, claimed_until=None)
            )

    async def _settle(
        self, number: str, call_id: str, notice_id: int, state: NoticeState, comment: str
    ) -> None:
        claimed = select(Notice).where(
            Notice.id == notice_id, Notice.number == number, self._claimed(call_id)
        )
        async with self.database.writing() as session:
            notice: Notice | None = await session.scalar(claimed.with_for_update())
            if notice is None:
                raise NotClaimedError(notice_id)
            notice.state, notice.comment = state.value, comment
            notice.settled_at, notice.settled_in = self._now(), call_id
            notice.claimed_by = notice.claimed_until = None
            if state is NoticeState.FLAGGED:
                # In the same transaction: the team hears of every flag, and of none that was not kept.
                await self._outbox.add(session, _follow_up(notice))
        logger.info("notice %d %s", notice_id, state.value)

    def _deliverable(self, number: str, call_id: str) -> Select[Notice]:
        now, mine = self._now(), self._claimed(call_id)
        fresh = and_(
            or_(Notice.expires_at.is_(None), Notice.expires_at > now),
            or_(Notice.claimed_by.is_(None), Notice.claimed_until <= now),
        )
        pending = select(Notice).where(Notice.number == number, Notice.state == NoticeState.PENDING.value)
        return pending.where(or_(mine, fresh))

    @staticmethod
    def _claimed(call_id: str) -> ColumnElement[bool]:
        return and_(Notice.claimed_by == call_id, Notice.state == NoticeState.PENDING.value)


def _turn(notice: Notice, call_id: str) -> tuple[bool, int, datetime, int]:
    """Sorts what waits: what the call is reading already, then by urgency, then by age."""
    return notice.claimed_by != call_id, notice.urgency, notice.created_at, notice.id


def _follow_up(notice: Notice) -> Message:
    return Message(
        kind="notice_flagged",
        key=f"notice_flagged:{notice.id}",
        subject=f"Follow up on notice {notice.id}",
        text=(
            f"A caller asks for a follow-up.\n\nNumber: {notice.number}\nNotice: {notice.text}\n"
            f"Comment: {notice.comment}\n"
        ),
        data={
            "notice_id": notice.id,
            "number": notice.number,
            "notice": notice.text,
            "comment": notice.comment,
            "call_id": notice.settled_in,
        },
    )
