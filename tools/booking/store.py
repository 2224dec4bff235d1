"""The appointments of a business: booking, moving and cancelling them.

The rules of this file: an appointment belongs to the phone number it was made from, and only that number
sees or changes it; the database decides who gets a slot (:mod:`tools.booking.models`), so that the checks
here only choose the words of a refusal; whoever is to hear of a change is told in its transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from uuid import uuid4

from sqlalchemy import Select, delete, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from tools.booking.availability import Availability
from tools.booking.business import Business, Service, UnknownServiceError
from tools.booking.errors import NoSuchAppointmentError, SlotTakenError, TooManyAppointmentsError
from tools.booking.models import Appointment, OccupiedCell, WaitingCustomer, cells
from tools.hours import spoken_moment
from tools.storage import Database, utc_now

logger = logging.getLogger(__name__)

_LARGEST_ID = 2**31 - 1  # What PostgreSQL's integer holds; the model may send any.


class Event(Enum):
    """What has happened to an appointment, or on the waiting list."""

    BOOKED = "booked"
    MOVED = "moved"
    CANCELLED = "cancelled"
    WAITING = "waiting"


@dataclass(frozen=True)
class Customer:
    """Who books: the number comes from the line, the name from the caller.

    Attributes:
        number: The phone number, which is the identity.
        name: As the caller gave it.
        language: BCP-47 code of the language in which they are written to; empty for the default.
    """

    number: str
    name: str
    language: str = ""


Announce = Callable[[AsyncSession, Event, Appointment | WaitingCustomer], Awaitable[None]]
"""Told of each event in its transaction: what it writes there is stored together with it, or not at all."""


class BookingStore(Availability):
    """Appointments in a database; one store serves all calls at once.

    Args:
        database: Where they are kept; opened and closed by whoever made it.
        business: What is offered and when.
        now: The clock, an aware moment; replaced in tests.
        announce: Told of every change, in its transaction.
    """

    def __init__(
        self,
        database: Database,
        *,
        business: Business | None = None,
        now: Callable[[], datetime] = utc_now,
        announce: Announce | None = None,
    ) -> None:
        super().__init__(database, business=business, now=now)
        self._announce = announce

    async def upcoming(self, number: str) -> list[Appointment]:
        """The appointments of a phone number that have not begun, the next one first."""
        async with self._database.reading() as session:
            query = self._upcoming(number).order_by(Appointment.starts_at, Appointment.id)
            return list(await session.scalars(query))

    async def next_appointment(self, number: str) -> Appointment | None:
        """The next appointment of a phone number, if it has one."""
        return next(iter(await self.upcoming(number)), None)

    async def book(
        self, customer: Customer, service: Service, starts_at: datetime, staff: str | None = None
    ) -> Appointment:
        """Book a slot; booking the same again returns what is booked already.

        Args:
            customer: For whom.
            service: What is booked.
            starts_at: When it begins, aware.
            staff: With whom; None takes anybody who does the service and is free.

        Raises:
            SlotTakenError: Nobody who may be asked for is free then.
            NotOfferedError: Appointments do not begin then.
            TooManyAppointmentsError: The number holds too many.
        """
        who, ends_at = self._asked(service, staff), starts_at + service.duration

        async def attempt(session: AsyncSession) -> Appointment:
            # Who is free comes before what is booked already: a twin of this request that is committed in
            # between is then found, instead of taken for somebody else.
            free = await self._free_staff(session, who, starts_at, ends_at)
            if known := await session.scalar(self._held_at(customer.number, customer.name, starts_at)):
                if known.service == service.name and known.staff in who:
                    return known
                raise _has_another(known)
            await self._check_offered(session, service, starts_at)
            held = await session.scalar(
                select(func.count()).select_from(self._upcoming(customer.number).subquery())
            )
            if (held or 0) >= self.business.max_upcoming:
                raise TooManyAppointmentsError(
                    f"There are {held} upcoming appointments for this phone number, and no more can be made."
                )
            if not free:
                raise self._taken(starts_at, staff)
            appointment = Appointment(
                uid=str(uuid4()),
                sequence=0,
                customer_number=customer.number,
                customer_name=customer.name,
                language=customer.language,
                service=service.name,
                staff=free[0],
                starts_at=starts_at,
                ends_at=ends_at,
                created_at=self.now(),
            )
            session.add(appointment)
            await session.flush()
            await _occupy(session, appointment, cells(starts_at, ends_at))
            # Whoever has an appointment does not wait for one any more.
            await session.execute(
                delete(WaitingCustomer)
                .where(WaitingCustomer.customer_number == customer.number)
                .where(WaitingCustomer.service == service.name)
            )
            await self._tell(session, Event.BOOKED, appointment)
            return appointment

        appointment = await self._write(attempt, starts_at, staff)
        logger.info("appointment %d booked", appointment.id)
        return appointment

    async def move(
        self, number: str, appointment_id: int, starts_at: datetime, staff: str | None = None
    ) -> Appointment:
        """Give an appointment of this phone number another time, or another member of staff.

        Args:
            number: The phone number of the customer, from the line.
            appointment_id: Which appointment.
            starts_at: When it is to begin, aware.
            staff: With whom; None keeps who it is with, if they are free then, and takes another if not.

        Raises:
            NoSuchAppointmentError: This number has no such upcoming appointment.
            SlotTakenError: Nobody who may be asked for is free then.
            NotOfferedError: Appointments do not begin then.
        """

        async def attempt(session: AsyncSession) -> Appointment:
            appointment = await self._owned(session, number, appointment_id)
            service = self.booked_service(appointment)
            # Compared in UTC, for the hour that the clock repeats.
            if starts_at.astimezone(UTC) == appointment.starts_at and staff in (None, appointment.staff):
                return appointment
            await self._check_offered(session, service, starts_at)
            at_that_time = self._held_at(number, appointment.customer_name, starts_at)
            if known := await session.scalar(at_that_time.where(Appointment.id != appointment.id)):
                raise _has_another(known)
            ends_at = starts_at + service.duration
            who = self._asked(service, staff)
            free = await self._free_staff(session, who, starts_at, ends_at, ignoring=appointment)
            if not free:
                raise self._taken(starts_at, staff)
            was = {(appointment.staff, at) for at in cells(appointment.starts_at, appointment.ends_at)}
            appointment.staff = appointment.staff if appointment.staff in free else free[0]
            appointment.starts_at, appointment.ends_at = starts_at, ends_at
            appointment.sequence += 1
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
            await self._tell(session, Event.MOVED, appointment)
            return appointment

        appointment = await self._write(attempt, starts_at, staff)
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
            await self._tell(session, Event.CANCELLED, appointment)
            await session.delete(appointment)
        logger.info("appointment %d cancelled", appointment_id)
        return appointment

    async def wait_for(
        self, customer: Customer, service: Service, staff: str | None = None, wishes: str = ""
    ) -> WaitingCustomer:
        """Put a customer on the waiting list; who waits for this service already is there once.

        Args:
            customer: Who waits.
            service: What for.
            staff: Whom they ask for; None for anybody.
            wishes: Which days and times suit them.
        """

        async def attempt(session: AsyncSession) -> WaitingCustomer:
            waiting = await session.scalar(
                select(WaitingCustomer)
                .where(WaitingCustomer.customer_number == customer.number)
                .where(WaitingCustomer.service == service.name)
            )
            asked = {"customer_name": customer.name, "staff": staff or "", "wishes": wishes}
            if waiting is None:
                waiting = WaitingCustomer(
                    customer_number=customer.number, service=service.name, created_at=self.now()
                )
                session.add(waiting)
            elif all(getattr(waiting, name) == value for name, value in asked.items()):
                return waiting
            for name, value in (asked | {"language": customer.language}).items():
                setattr(waiting, name, value)
            await session.flush()
            await self._tell(session, Event.WAITING, waiting)
            return waiting

        try:
            async with self._database.writing() as session:
                waiting = await attempt(session)
        except IntegrityError:
            # Another call of this number asked for the same meanwhile: there is a row now.
            async with self._database.writing() as session:
                waiting = await attempt(session)
        logger.info("customer %d waits", waiting.id)
        return waiting

    async def waiting(self) -> list[WaitingCustomer]:
        """The waiting list, who has waited longest first."""
        async with self._database.reading() as session:
            query = select(WaitingCustomer).order_by(WaitingCustomer.created_at, WaitingCustomer.id)
            return list(await session.scalars(query))

    def booked_service(self, appointment: Appointment) -> Service:
        """What was booked, with the length that it was booked with."""
        try:
            return replace(self.business.service(appointment.service), minutes=appointment.minutes)
        except UnknownServiceError:
            # It is not offered any more; what was promised is kept.
            return Service(appointment.service, appointment.minutes)

    async def _tell(
        self, session: AsyncSession, event: Event, subject: Appointment | WaitingCustomer
    ) -> None:
        if self._announce is not None:
            await self._announce(session, event, subject)

    async def _write(
        self,
        attempt: Callable[[AsyncSession], Awaitable[Appointment]],
        starts_at: datetime,
        staff: str | None,
    ) -> Appointment:
        """Run ``attempt`` in a transaction, again when another call took its cells meanwhile."""
        # Each failure means that one more of the staff was taken, so that there are not many of them.
        for _ in range(len(self.business.staff) + 1):
            try:
                async with self._database.writing() as session:
                    return await attempt(session)
            except IntegrityError:
                logger.debug("a slot was taken while it was being booked")
        raise self._taken(starts_at, staff)

    def _taken(self, starts_at: datetime, staff: str | None) -> SlotTakenError:
        when = spoken_moment(self.business.opening.local(starts_at))
        return SlotTakenError(f"{when} is taken{f' with {staff}' if staff else ''}.")

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

    def _held_at(self, number: str, name: str, starts_at: datetime) -> Select[Appointment]:
        return self._upcoming(number).where(
            Appointment.customer_name == name, Appointment.starts_at == starts_at
        )


def _has_another(known: Appointment) -> SlotTakenError:
    return SlotTakenError(
        f"{known.customer_name} has another appointment at that time: {known.service} with {known.staff}."
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
