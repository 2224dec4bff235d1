"""What is free: the opening hours, less the days off and the time that appointments occupy.

The rule of this file: it reads, and chooses the words of a refusal. Who gets a slot, the database decides
(:mod:`tools.booking.models`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from tools.booking.business import Business, Service
from tools.booking.errors import NotOfferedError
from tools.booking.models import SCHEMA, Appointment, ClosedDay, OccupiedCell, cells
from tools.hours import spoken_date, spoken_moment
from tools.storage import Database, utc_now

_SEARCH_STEP_DAYS = 14


class Availability:
    """When a business has time.

    Args:
        database: Where appointments are; opened and closed by whoever made it.
        business: What is offered and when.
        now: The clock, an aware moment; replaced in tests.
    """

    def __init__(
        self,
        database: Database,
        *,
        business: Business | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        database.needs(SCHEMA)
        self.business = business or Business()
        self.now = now
        self._database = database

    def today(self) -> date:
        """The date at the business."""
        return self.business.opening.local(self.now()).date()

    def last_day(self) -> date:
        """The last date for which appointments are made."""
        return self.today() + timedelta(days=self.business.days_ahead)

    async def close_day(self, day: date, reason: str = "") -> None:
        """Take no more appointments on a date, such as a day of training; those that exist stay."""
        async with self._database.writing() as session:
            await session.merge(ClosedDay(day=day, reason=reason))

    async def reopen_day(self, day: date) -> None:
        """Undo :meth:`close_day`."""
        async with self._database.writing() as session:
            await session.execute(delete(ClosedDay).where(ClosedDay.day == day))

    async def closed_because(self, day: date) -> str | None:
        """A sentence that says that the business is closed on a date; None when it is open."""
        async with self._database.reading() as session:
            return await self._closed(session, day)

    async def is_open(self) -> bool:
        """Whether somebody is at the business now."""
        now = self.now()
        if not self.business.opening.is_open(now):
            return False
        async with self._database.reading() as session:
            return await session.get(ClosedDay, self.today()) is None

    async def next_opening(self) -> datetime | None:
        """When somebody will be at the business next, in its local time; None if nobody is within a year."""
        async with self._database.reading() as session:
            off = set(await session.scalars(select(ClosedDay.day).where(ClosedDay.day >= self.today())))
        opening = self.business.opening
        opens = opening.next_opening(self.now())
        while opens is not None and opens.date() in off:
            opens = opening.next_opening(datetime.combine(opens.date(), time.max, opening.zone))
        return opens

    async def free_slots(self, day: date, service: Service, staff: str | None = None) -> list[datetime]:
        """When ``service`` can begin on ``day``, in the business's local time, earliest first.

        Args:
            day: The day.
            service: What for.
            staff: With this member of staff only; None takes everybody who does the service.
        """
        if not self.today() <= day <= self.last_day():
            return []
        async with self._database.reading() as session:
            return list(await self._free(session, day, day, service, self._asked(service, staff)))

    async def next_free_slots(
        self, service: Service, after: datetime, limit: int = 3, staff: str | None = None
    ) -> list[datetime]:
        """The first ``limit`` times at or after a moment at which ``service`` can begin."""
        found: list[datetime] = []
        day, last = self.business.opening.local(after).date(), self.last_day()
        who = self._asked(service, staff)
        async with self._database.reading() as session:
            while day <= last and len(found) < limit:
                until = min(day + timedelta(days=_SEARCH_STEP_DAYS - 1), last)
                for start in await self._free(session, day, until, service, who):
                    if start >= after and len(found) < limit:
                        found.append(start)
                day = until + timedelta(days=1)
        return found

    def _asked(self, service: Service, staff: str | None) -> Sequence[str]:
        """Who may be booked: the one asked for, or everybody who does the service.

        Raises:
            NotOfferedError: The one asked for does not do it.
        """
        able = self.business.who_does(service)
        if staff is not None and staff not in able:
            raise NotOfferedError(f"{staff} does not do this: {service.name}.")
        return able if staff is None else (staff,)

    async def _free(
        self, session: AsyncSession, first: date, last: date, service: Service, who: Sequence[str]
    ) -> Iterator[datetime]:
        """The free starts from one day to another, both included."""
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        # A day of slack at each end covers every time zone.
        since, until = (
            datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=slack)
            for day, slack in ((first, -1), (last, 2))
        )
        taken = await session.execute(
            select(OccupiedCell.staff, OccupiedCell.starts_at).where(
                OccupiedCell.starts_at >= since, OccupiedCell.starts_at < until
            )
        )
        busy = {(staff, at) for staff, at in taken}
        closed = set(await session.scalars(select(ClosedDay.day).where(ClosedDay.day.between(first, last))))
        now = self.now()
        return (
            start
            for day in days
            if day not in closed
            for start in self.business.starts(day, service)
            if start > now
            and any(
                all((staff, at) not in busy for at in cells(start, start + service.duration)) for staff in who
            )
        )

    async def _check_offered(self, session: AsyncSession, service: Service, starts_at: datetime) -> None:
        """Refuse a start at which nothing may begin, whoever is free.

        Raises:
            NotOfferedError: It is past, too far ahead, on a day off, or between two slots.
        """
        local = self.business.opening.local(starts_at)
        day = local.date()
        if starts_at <= self.now():
            raise NotOfferedError(f"{spoken_moment(local)} is in the past.")
        if day > self.last_day():
            raise NotOfferedError(f"Appointments are made up to {spoken_date(self.last_day())}.")
        if closed := await self._closed(session, day):
            raise NotOfferedError(closed)
        # Compared in UTC: two moments of different zones are never equal in the hour that the clock repeats.
        offered = {start.astimezone(UTC) for start in self.business.starts(day, service)}
        if starts_at.astimezone(UTC) not in offered:
            raise NotOfferedError(
                f"No appointment of {service.minutes} minutes can begin {spoken_moment(local)}."
            )

    async def _closed(self, session: AsyncSession, day: date) -> str | None:
        exception = await session.get(ClosedDay, day)
        if exception is None and self.business.opening.hours_on(day):
            return None
        reason = exception.reason if exception else self.business.opening.why_closed(day)
        return f"{self.business.name} is closed on {spoken_date(day)}{f' ({reason})' if reason else ''}."

    async def _free_staff(
        self,
        session: AsyncSession,
        who: Sequence[str],
        start: datetime,
        end: datetime,
        *,
        ignoring: Appointment | None = None,
    ) -> list[str]:
        """Who of ``who`` has nothing from ``start`` to ``end``, apart from what is being moved."""
        query = select(OccupiedCell.staff).where(
            OccupiedCell.starts_at >= start, OccupiedCell.starts_at < end
        )
        if ignoring is not None:
            query = query.where(OccupiedCell.appointment_id != ignoring.id)
        busy = set(await session.scalars(query))
        return [name for name in who if name not in busy]
