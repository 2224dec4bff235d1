"""The appointments of a business: what is free, and booking, moving and cancelling it.

The rules of this file: an appointment belongs to the phone number it was made from, and only that number
sees or changes it; the database decides who gets a slot (:mod:`tools.booking.models`), so that the checks
here only choose the words of a refusal.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Select, delete, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from tools.booking.business import Business, Service
from tools.booking.database import Database
from tools.booking.models import Appointment, ClosedDay, OccupiedCell, cells
from tools.booking.speech import spoken_date, spoken_moment

logger = logging.getLogger(__name__)

DEFAULT_URL = "sqlite+aiosqlite:///bookings.db"
_SEARCH_STEP_DAYS = 14
_LARGEST_ID = 2**31 - 1  # What PostgreSQL's integer holds; the model may send any.


class BookingError(Exception):
    """A request that cannot be granted. The message is a sentence that may be said to the caller."""


class SlotTakenError(BookingError):
    """Nobody of the staff is free at that time."""


class NotOfferedError(BookingError):
    """Appointments do not begin at that time: past, closed, too far ahead, or between two slots."""


class NoSuchAppointmentError(BookingError):
    """This phone number has no such upcoming appointment; whether another one has, is not said."""


class TooManyAppointmentsError(BookingError):
    """This phone number holds as many appointments as one may."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class BookingStore:
    """Appointments in a database; one store serves all calls at once.

    Args:
        url: SQLAlchemy URL of the database, SQLite or PostgreSQL.
        business: What is offered and when.
        now: The clock, an aware moment; replaced in tests.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        business: Business | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.business = business or Business()
        self.now = now
        self._database = Database(url)

    async def open(self) -> None:
        """Connect, and create the tables that are missing.

        Raises:
            DatabaseUnavailableError: It cannot be opened; the message says why.
        """
        await self._database.open()

    async def close(self) -> None:
        """Close the connections. Closing twice is fine."""
        await self._database.close()

    def today(self) -> date:
        """The date at the business."""
        return self.business.local(self.now()).date()

    def last_day(self) -> date:
        """The last date for which appointments are made."""
        return self.today() + timedelta(days=self.business.days_ahead)

    async def close_day(self, day: date, reason: str = "") -> None:
        """Take no more appointments on a date, such as a holiday; those that exist stay."""
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

    async def free_slots(self, day: date, service: Service) -> list[datetime]:
        """When ``service`` can begin on ``day``, in the business's local time, earliest first."""
        if not self.today() <= day <= self.last_day():
            return []
        async with self._database.reading() as session:
            return list(await self._free(session, day, day, service))

    async def next_free_slots(self, service: Service, after: datetime, limit: int = 3) -> list[datetime]:
        """The first ``limit`` times at or after a moment at which ``service`` can begin."""
        found: list[datetime] = []
        day, last = self.business.local(after).date(), self.last_day()
        async with self._database.reading() as session:
            while day <= last and len(found) < limit:
                until = min(day + timedelta(days=_SEARCH_STEP_DAYS - 1), last)
                for start in await self._free(session, day, until, service):
                    if start >= after and len(found) < limit:
                        found.append(start)
                day = until + timedelta(days=1)
        return found

    async def upcoming(self, number: str) -> list[Appointment]:
        """The appointments of a phone number that have not begun, the next one first."""
        async with self._database.reading() as session:
            query = self._upcoming(number).order_by(Appointment.starts_at, Appointment.id)
            return list(await session.scalars(query))

    async def next_appointment(self, number: str) -> Appointment | None:
        """The next appointment of a phone number, if it has one."""
        return next(iter(await self.upcoming(number)), None)

    async def book(self, number: str, name: str, service: Service, starts_at: datetime) -> Appointment:
        """Book a slot; booking the same again returns what is booked already.

        Args:
            number: The phone number of the customer, from the line.
            name: The customer's name.
            service: What is booked.
            starts_at: When it begins, aware.

        Raises:
            SlotTakenError: Nobody is free then.
            NotOfferedError: Appointments do not begin then.
            TooManyAppointmentsError: The number holds too many.
        """
        ends_at = starts_at + service.duration

        async def attempt(session: AsyncSession) -> Appointment:
            # Who is free comes before what is booked already: a twin of this request that is committed in
            # between is then found, instead of taken for somebody else.
            free = await self._free_staff(session, starts_at, ends_at)
            for known in await session.scalars(
                self._upcoming(number).where(
                    Appointment.customer_name == name, Appointment.starts_at == starts_at
                )
            ):
                if known.service == service.name:
                    return known
                raise SlotTakenError(f"{name} has another appointment at that time: {known.service}.")
            await self._check_offered(session, service, starts_at)
            held = await session.scalar(select(func.count()).select_from(self._upcoming(number).subquery()))
            if (held or 0) >= self.business.max_upcoming:
                raise TooManyAppointmentsError(
                    f"There are {held} upcoming appointments for this phone number, and no more can be made."
                )
            if not free:
                raise self._taken(starts_at)
            appointment = Appointment(
                customer_number=number,
                customer_name=name,
                service=service.name,
                staff=free[0],
                starts_at=starts_at,
                ends_at=ends_at,
                created_at=self.now(),
            )
            session.add(appointment)
            await session.flush()
            await _occupy(session, appointment, cells(starts_at, ends_at))
            return appointment

        appointment = await self._write(attempt, starts_at)
        logger.info("appointment %d booked", appointment.id)
        return appointment

    async def move(self, number: str, appointment_id: int, starts_at: datetime) -> Appointment:
        """Give an appointment of this phone number another time.

        Raises:
            NoSuchAppointmentError: This number has no such upcoming appointment.
            SlotTakenError: Nobody is free then.
            NotOfferedError: Appointments do not begin then.
        """

        async def attempt(session: AsyncSession) -> Appointment:
            appointment = await self._owned(session, number, appointment_id)
            duration = appointment.ends_at - appointment.starts_at
            service = Service(appointment.service, int(duration.total_seconds() // 60))
            if starts_at == appointment.starts_at:
                return appointment
            await self._check_offered(session, service, starts_at)
            ends_at = starts_at + duration
            free = await self._free_staff(session, starts_at, ends_at, ignoring=appointment)
            if not free:
                raise self._taken(starts_at)
            was = {(appointment.staff, at) for at in cells(appointment.starts_at, appointment.ends_at)}
            appointment.staff = appointment.staff if appointment.staff in free else free[0]
            appointment.starts_at, appointment.ends_at = starts_at, ends_at
            await session.flush()
            wanted = list(cells(starts_at, ends_at))
            # First take, then give back: two calls that exchange their slots refuse each other, and neither
            # waits for the other.
            await _occupy(session, appointment, (at for at in wanted if (appointment.staff, at) not in was))
            await session.execute(
                delete(OccupiedCell)
                .where(OccupiedCell.appointment_id == appointment.id)
                .where((OccupiedCell.staff != appointment.staff) | OccupiedCell.starts_at.not_in(wanted))
            )
            return appointment

        appointment = await self._write(attempt, starts_at)
        logger.info("appointment %d moved", appointment.id)
        return appointment

    async def cancel(self, number: str, appointment_id: int) -> Appointment:
        """Cancel an appointment of this phone number; its slot is free again.

        Returns:
            The appointment as it was.

        Raises:
            NoSuchAppointmentError: This number has no such upcoming appointment.
        """
        async with self._database.writing() as session:
            appointment = await self._owned(session, number, appointment_id)
            await session.delete(appointment)
        logger.info("appointment %d cancelled", appointment_id)
        return appointment

    async def _write(
        self, attempt: Callable[[AsyncSession], Awaitable[Appointment]], starts_at: datetime
    ) -> Appointment:
        """Run ``attempt`` in a transaction, again when another call took its cells meanwhile."""
        # Each failure means that one more of the staff was taken, so that there are not many of them.
        for _ in range(len(self.business.staff) + 1):
            try:
                async with self._database.writing() as session:
                    return await attempt(session)
            except IntegrityError:
                logger.debug("a slot was taken while it was being booked")
        raise self._taken(starts_at)

    async def _free(
        self, session: AsyncSession, first: date, last: date, service: Service
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
                all((staff, at) not in busy for at in cells(start, start + service.duration))
                for staff in self.business.staff
            )
        )

    async def _check_offered(self, session: AsyncSession, service: Service, starts_at: datetime) -> None:
        local = self.business.local(starts_at)
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
        if exception is None and self.business.hours_on(day):
            return None
        why = f" ({exception.reason})" if exception and exception.reason else ""
        return f"{self.business.name} is closed on {spoken_date(day)}{why}."

    async def _free_staff(
        self, session: AsyncSession, start: datetime, end: datetime, *, ignoring: Appointment | None = None
    ) -> list[str]:
        """Who has nothing from ``start`` to ``end``, apart from an appointment that is being moved."""
        query = select(OccupiedCell.staff).where(
            OccupiedCell.starts_at >= start, OccupiedCell.starts_at < end
        )
        if ignoring is not None:
            query = query.where(OccupiedCell.appointment_id != ignoring.id)
        busy = set(await session.scalars(query))
        return [name for name in self.business.staff if name not in busy]

    def _taken(self, starts_at: datetime) -> SlotTakenError:
        return SlotTakenError(f"{spoken_moment(self.business.local(starts_at))} is taken.")

    async def _owned(self, session: AsyncSession, number: str, appointment_id: int) -> Appointment:
        appointment = None
        if 0 < appointment_id <= _LARGEST_ID:
            query = self._upcoming(number).where(Appointment.id == appointment_id)
            appointment = await session.scalar(query.with_for_update())
        if appointment is None:
            raise NoSuchAppointmentError(
                f"This caller has no upcoming appointment with the number {appointment_id}."
            )
        return appointment

    def _upcoming(self, number: str) -> Select[Appointment]:
        return select(Appointment).where(
            Appointment.customer_number == number, Appointment.starts_at > self.now()
        )


async def _occupy(session: AsyncSession, appointment: Appointment, at: Iterable[datetime]) -> None:
    """Take cells for an appointment, earliest first, so that two calls never wait for each other in a ring.

    Raises:
        IntegrityError: Somebody has one of them.
    """
    rows = [
        {"staff": appointment.staff, "starts_at": moment, "appointment_id": appointment.id} for moment in at
    ]
    if rows:
        await session.execute(insert(OccupiedCell), rows)
