"""Booking as the model sees it: tools that check, book, move and cancel appointments of whoever is calling.

The rule: identity comes from the line. No tool has a parameter for a phone number or another address, so that
the model, and whoever talks it into something, can neither name another customer nor write to a stranger.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date as Date
from datetime import datetime, timedelta

from tools.booking.business import CELL, Service, UnknownServiceError, UnknownStaffError
from tools.booking.errors import BookingError, NotOfferedError, SlotTakenError
from tools.booking.models import Appointment
from tools.booking.store import BookingStore, Customer
from tools.callers import customer_number
from tools.hours import (
    UnreadableError,
    read_date,
    read_time,
    spoken_date,
    spoken_moment,
    spoken_time,
)
from voiceagent import CallContext, ToolError, tool

_ALTERNATIVES = 3
_LONGEST_WISHES = 200


@dataclass(frozen=True)
class FreeTimes:
    """When a service can begin on a day.

    Attributes:
        service: Its name.
        minutes: How long it takes.
        date: The day, ISO.
        day: The day, as it is said.
        free_times: Times of that day, as they are said.
        staff: With whom, if the caller asked for somebody.
        note: Why there are none, and what is free instead.
    """

    service: str
    minutes: int
    date: str
    day: str
    free_times: list[str]
    staff: str = ""
    note: str = ""


@dataclass(frozen=True)
class AppointmentDetails:
    """An appointment, as it is read out to the caller.

    Attributes:
        appointment_id: What the other tools refer to it by.
        service: What it is for.
        date: The day, ISO.
        when: Day and time, as they are said.
        minutes: How long it takes.
        staff: Who will see the customer.
        customer_name: Whom it is for.
    """

    appointment_id: int
    service: str
    date: str
    when: str
    minutes: int
    staff: str
    customer_name: str


class BookingTools:
    """The toolset; give an instance to an agent's ``tools``. One serves all calls.

    Args:
        store: The appointments.
    """

    def __init__(self, store: BookingStore) -> None:
        self.store = store

    @tool
    async def list_services(self) -> list[str]:
        """The services that can be booked, how long each takes, and who does it."""
        business = self.store.business
        lines = []
        for service in business.services:
            with_whom = f", with {' or '.join(business.who_does(service))}" if len(business.staff) > 1 else ""
            lines.append(f"{service.name}, {service.minutes} minutes{with_whom}")
        return lines

    @tool
    async def check_availability(
        self, call: CallContext, date: str, service: str, staff: str | None = None
    ) -> FreeTimes:
        """Which times are free on a day. Call this before you offer or book a time.

        Name two or three of them to the caller, never the whole list.

        Args:
            date: The day: YYYY-MM-DD, 'today', 'tomorrow', a weekday, or a form like 'March 5'.
            service: Name of the service.
            staff: Name of a member of staff, if the caller asks for one. Leave it out otherwise.
        """
        wanted, day = self._service(service), await self._day(date)
        member = self._member(staff, wanted)
        slots = await self.store.free_slots(day, wanted, member)
        return FreeTimes(
            service=wanted.name,
            minutes=wanted.minutes,
            date=day.isoformat(),
            day=spoken_date(day, call.language),
            free_times=[spoken_time(start.time(), call.language) for start in slots],
            staff=member or "",
            note="" if slots else await self._why_none(day, wanted, member),
        )

    @tool
    async def book_appointment(
        self,
        call: CallContext,
        service: str,
        date: str,
        time: str,
        customer_name: str,
        staff: str | None = None,
    ) -> AppointmentDetails:
        """Book an appointment for the caller, once they have agreed to the day and the time.

        Afterwards read back the day and the time of the result.

        Args:
            service: Name of the service.
            date: The day: YYYY-MM-DD, 'today', 'tomorrow', a weekday, or a form like 'March 5'.
            time: When it begins, such as '14:30' or '2:30 PM'.
            customer_name: Name of the customer. Ask for it; do not invent one.
            staff: Name of a member of staff, if the caller asks for one. Leave it out otherwise.
        """
        customer, wanted = self._customer(call, customer_name), self._service(service)
        member = self._member(staff, wanted)
        starts_at = await self._start(date, time, wanted)
        try:
            return self._details(await self.store.book(customer, wanted, starts_at, member), call)
        except BookingError as refusal:
            raise await self._refused(refusal, wanted, starts_at, member) from refusal

    @tool
    async def my_appointments(self, call: CallContext) -> list[AppointmentDetails]:
        """The upcoming appointments of the caller, the next one first. An empty list means none."""
        return [self._details(each, call) for each in await self.store.upcoming(self._identify(call))]

    @tool
    async def move_appointment(
        self,
        call: CallContext,
        date: str,
        time: str,
        appointment_id: int | None = None,
        staff: str | None = None,
    ) -> AppointmentDetails:
        """Give an appointment of the caller another day or time, once they have agreed to it.

        Args:
            date: The new day: YYYY-MM-DD, 'today', 'tomorrow', a weekday, or a form like 'March 5'.
            time: The new time, such as '14:30' or '2:30 PM'.
            appointment_id: Which one, from my_appointments. Leave it out if the caller has only one.
            staff: Name of a member of staff, if the caller wants another one. Leave it out otherwise.
        """
        number = self._identify(call)
        appointment = await self._appointment(number, appointment_id)
        wanted = self.store.booked_service(appointment)
        member = self._member(staff, wanted)
        starts_at = await self._start(date, time, wanted)
        try:
            return self._details(await self.store.move(number, appointment.id, starts_at, member), call)
        except BookingError as refusal:
            raise await self._refused(refusal, wanted, starts_at, member) from refusal

    @tool
    async def cancel_appointment(self, call: CallContext, appointment_id: int | None = None) -> str:
        """Cancel an appointment of the caller, once they have confirmed that they want that.

        Args:
            appointment_id: Which one, from my_appointments. Leave it out if the caller has only one.
        """
        number = self._identify(call)
        appointment = await self._appointment(number, appointment_id)
        try:
            cancelled = self._details(await self.store.cancel(number, appointment.id), call)
        except BookingError as refusal:
            raise ToolError(str(refusal)) from refusal
        return f"Cancelled: {cancelled.service}, {cancelled.when}."

    @tool
    async def join_waiting_list(
        self,
        call: CallContext,
        service: str,
        customer_name: str,
        wishes: str = "",
        staff: str | None = None,
    ) -> str:
        """Have the caller called back when something is free.

        For when no time suits them and no person answers. It books nothing.

        Args:
            service: Name of the service.
            customer_name: Name of the customer. Ask for it; do not invent one.
            wishes: Which days and times suit them, in a few words.
            staff: Name of a member of staff, if the caller asks for one. Leave it out otherwise.
        """
        customer, wanted = self._customer(call, customer_name), self._service(service)
        member = self._member(staff, wanted)
        await self.store.wait_for(customer, wanted, member, _one_line(wishes)[:_LONGEST_WISHES])
        return (
            f"On the waiting list for {wanted.name}. {self.store.business.name} will call this number back."
            " Nothing is booked yet: say so."
        )

    def _customer(self, call: CallContext, name: str) -> Customer:
        number, name = self._identify(call), " ".join(name.split())
        if not 0 < len(name) <= 80 or not name.isprintable():
            raise ToolError("The customer's name is missing or too long. Ask the caller for it.")
        return Customer(number, name, call.language or "")

    def _identify(self, call: CallContext) -> str:
        number = customer_number(call)
        if number is None:
            raise ToolError(
                "The caller's number is withheld, so that nothing can be booked or looked up for them."
                " Say so, and offer to connect them to a person (transfer_call)."
            )
        return number

    def _service(self, name: str) -> Service:
        try:
            return self.store.business.service(name)
        except UnknownServiceError as error:
            raise ToolError(str(error)) from error

    def _member(self, name: str | None, service: Service) -> str | None:
        if name is None or not name.strip():
            return None
        try:
            return self.store.business.member(name, service)
        except UnknownStaffError as error:
            raise ToolError(str(error)) from error

    async def _day(self, text: str) -> Date:
        """Read a day on which something may be booked."""
        today = self.store.today()
        try:
            # In a thread: the first unusual date loads a library, and the audio of calls must not wait.
            day = await asyncio.to_thread(read_date, text, today)
        except UnreadableError as error:
            raise ToolError(str(error)) from error
        if day < today:
            raise ToolError(
                f"{day} is in the past: today is {spoken_date(today)}, {today}. Ask for another day."
            )
        if day > self.store.last_day():
            raise ToolError(f"{day} is too far ahead: appointments are made up to {self.store.last_day()}.")
        return day

    async def _start(self, date: str, time: str, service: Service) -> datetime:
        """Read a day and a time; of two readings of the time, the one within opening hours."""
        day = await self._day(date)
        try:
            readings = read_time(time)
        except UnreadableError as error:
            raise ToolError(str(error)) from error
        offered = set(self.store.business.starts(day, service))
        moments = [moment for at in readings if (moment := self.store.business.opening.moment(day, at))]
        if not moments:
            raise ToolError(
                f"On {spoken_date(day)} the clocks are set forward, and that time does not exist."
            )
        return next((moment for moment in moments if moment in offered), moments[0])

    async def _appointment(self, number: str, appointment_id: int | None) -> Appointment:
        """The appointment of this number that is meant; all that is not theirs does not exist."""
        held = await self.store.upcoming(number)
        if appointment_id is None and len(held) > 1:
            known = "; ".join(f"{each.id}: {self._spoken(each)}" for each in held)
            raise ToolError(f"The caller has several appointments. Ask which one is meant: {known}.")
        for appointment in held:
            if appointment_id in (None, appointment.id):
                return appointment
        if not held:
            raise ToolError("There is no upcoming appointment for this phone number.")
        raise ToolError("The caller has no upcoming appointment with that id; my_appointments lists theirs.")

    async def _why_none(self, day: Date, service: Service, staff: str | None) -> str:
        whose = f" with {staff}" if staff else ""
        reason = await self.store.closed_because(day) or f"Nothing is free on {spoken_date(day)}{whose}."
        day_after = datetime.combine(
            day + timedelta(days=1), datetime.min.time(), self.store.business.opening.zone
        )
        return reason + _offer(await self.store.next_free_slots(service, day_after, _ALTERNATIVES, staff))

    async def _refused(
        self, refusal: BookingError, service: Service, wanted: datetime, staff: str | None
    ) -> ToolError:
        """The refusal with what can be had instead: the nearest times of that day, or the next free ones."""
        if not isinstance(refusal, SlotTakenError | NotOfferedError):
            return ToolError(str(refusal))
        same_day = await self.store.free_slots(
            self.store.business.opening.local(wanted).date(), service, staff
        )
        # Somebody else may be free at the very time at which the customer is not.
        others = [start for start in same_day if start != wanted]
        nearest = sorted(sorted(others, key=lambda start: abs(start - wanted))[:_ALTERNATIVES])
        if not nearest:
            after = max(wanted, self.store.now()) + CELL
            nearest = await self.store.next_free_slots(service, after, _ALTERNATIVES, staff)
        return ToolError(f"Not booked: {refusal}{_offer(nearest)}")

    def _details(self, appointment: Appointment, call: CallContext) -> AppointmentDetails:
        local = self.store.business.opening.local(appointment.starts_at)
        return AppointmentDetails(
            appointment_id=appointment.id,
            service=appointment.service,
            date=local.date().isoformat(),
            when=spoken_moment(local, call.language),
            minutes=appointment.minutes,
            staff=appointment.staff,
            customer_name=appointment.customer_name,
        )

    def _spoken(self, appointment: Appointment) -> str:
        local = self.store.business.opening.local(appointment.starts_at)
        return f"{appointment.service}, {spoken_moment(local)}"


def _one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _offer(starts: list[datetime]) -> str:
    if not starts:
        return (
            " Nothing else is free either. Offer to connect the caller to a person (transfer_call), and if"
            " nobody answers, the waiting list (join_waiting_list)."
        )
    return f" Free instead: {'; '.join(spoken_moment(start) for start in starts)}."
