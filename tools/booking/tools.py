"""Booking as the model sees it: tools that check, book, move and cancel appointments of whoever is calling.

The rule: identity comes from the line. No tool has a parameter for a phone number, so that the model, and
whoever talks it into something, cannot name another customer.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import date as Date
from datetime import datetime, timedelta

from tools.booking.business import Service, UnknownServiceError
from tools.booking.models import Appointment
from tools.booking.speech import (
    UnreadableError,
    read_date,
    read_time,
    spoken_date,
    spoken_moment,
    spoken_time,
)
from tools.booking.store import BookingError, BookingStore, NotOfferedError, SlotTakenError
from voiceagent import CallContext, ToolError, tool

_WITHHELD = frozenset({"", "anonymous", "unknown", "restricted", "private", "unavailable", "withheld"})
_ALTERNATIVES = 3


@dataclass(frozen=True)
class FreeTimes:
    """When a service can begin on a day.

    Attributes:
        service: Its name.
        minutes: How long it takes.
        date: The day, ISO.
        day: The day, as it is said.
        free_times: Times of that day, as they are said.
        note: Why there are none, and what is free instead.
    """

    service: str
    minutes: int
    date: str
    day: str
    free_times: list[str]
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


def customer_number(call: CallContext) -> str | None:
    """The caller's number in one spelling, or None where the line does not tell it."""
    number = (call.caller_number or "").strip().casefold().removeprefix("tel:")
    if number in _WITHHELD:
        return None
    return re.sub(r"[\s().\-]", "", number) if re.fullmatch(r"\+?[\d\s().\-]+", number) else number


class BookingTools:
    """The toolset; give an instance to an agent's ``tools``. One serves all calls.

    Args:
        store: The appointments; opened and closed by whoever made it.
    """

    def __init__(self, store: BookingStore) -> None:
        self.store = store

    @tool
    async def list_services(self) -> list[str]:
        """The services that can be booked, and how long each takes."""
        return [f"{service.name}, {service.minutes} minutes" for service in self.store.business.services]

    @tool
    async def check_availability(self, date: str, service: str) -> FreeTimes:
        """Which times are free on a day. Call this before you offer or book a time.

        Name two or three of them to the caller, never the whole list.

        Args:
            date: The day: YYYY-MM-DD, 'today', 'tomorrow', a weekday, or a form like 'March 5'.
            service: Name of the service.
        """
        wanted, day = self._service(service), await self._day(date)
        slots = await self.store.free_slots(day, wanted)
        return FreeTimes(
            service=wanted.name,
            minutes=wanted.minutes,
            date=day.isoformat(),
            day=spoken_date(day),
            free_times=[spoken_time(start.time()) for start in slots],
            note="" if slots else await self._why_none(day, wanted),
        )

    @tool
    async def book_appointment(
        self, call: CallContext, service: str, date: str, time: str, customer_name: str
    ) -> AppointmentDetails:
        """Book an appointment for the caller, once they have agreed to the day and the time.

        Afterwards read back the day and the time of the result.

        Args:
            service: Name of the service.
            date: The day: YYYY-MM-DD, 'today', 'tomorrow', a weekday, or a form like 'March 5'.
            time: When it begins, such as '14:30' or '2:30 PM'.
            customer_name: Name of the customer. Ask for it; do not invent one.
        """
        number, wanted = self._identify(call), self._service(service)
        name = " ".join(customer_name.split())
        if not 0 < len(name) <= 80 or not name.isprintable():
            raise ToolError("The customer's name is missing or too long. Ask the caller for it.")
        starts_at = await self._start(date, time, wanted)
        try:
            return self._details(await self.store.book(number, name, wanted, starts_at))
        except BookingError as refusal:
            raise await self._refused(refusal, wanted, starts_at) from refusal

    @tool
    async def my_appointments(self, call: CallContext) -> list[AppointmentDetails]:
        """The upcoming appointments of the caller, the next one first. An empty list means none."""
        return [self._details(appointment) for appointment in await self.store.upcoming(self._identify(call))]

    @tool
    async def move_appointment(
        self, call: CallContext, date: str, time: str, appointment_id: int | None = None
    ) -> AppointmentDetails:
        """Give an appointment of the caller another day or time, once they have agreed to it.

        Args:
            date: The new day: YYYY-MM-DD, 'today', 'tomorrow', a weekday, or a form like 'March 5'.
            time: The new time, such as '14:30' or '2:30 PM'.
            appointment_id: Which one, from my_appointments. Leave it out if the caller has only one.
        """
        number = self._identify(call)
        appointment = await self._appointment(number, appointment_id)
        wanted = Service(appointment.service, _minutes(appointment))
        starts_at = await self._start(date, time, wanted)
        try:
            return self._details(await self.store.move(number, appointment.id, starts_at))
        except BookingError as refusal:
            raise await self._refused(refusal, wanted, starts_at) from refusal

    @tool
    async def cancel_appointment(self, call: CallContext, appointment_id: int | None = None) -> str:
        """Cancel an appointment of the caller, once they have confirmed that they want that.

        Args:
            appointment_id: Which one, from my_appointments. Leave it out if the caller has only one.
        """
        number = self._identify(call)
        appointment = await self._appointment(number, appointment_id)
        try:
            cancelled = self._details(await self.store.cancel(number, appointment.id))
        except BookingError as refusal:
            raise ToolError(str(refusal)) from refusal
        return f"Cancelled: {cancelled.service}, {cancelled.when}."

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
        moments = [moment for at in readings if (moment := self.store.business.moment(day, at))]
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

    async def _why_none(self, day: Date, service: Service) -> str:
        reason = await self.store.closed_because(day) or f"Nothing is free on {spoken_date(day)}."
        day_after = datetime.combine(day + timedelta(days=1), datetime.min.time(), self.store.business.zone)
        return reason + _offer(await self.store.next_free_slots(service, day_after, _ALTERNATIVES))

    async def _refused(self, refusal: BookingError, service: Service, wanted: datetime) -> ToolError:
        """The refusal with what can be had instead: the nearest times of that day, or the next free ones."""
        if not isinstance(refusal, SlotTakenError | NotOfferedError):
            return ToolError(str(refusal))
        same_day = await self.store.free_slots(self.store.business.local(wanted).date(), service)
        nearest = sorted(sorted(same_day, key=lambda start: abs(start - wanted))[:_ALTERNATIVES])
        if not nearest:
            after = max(wanted, self.store.now())
            nearest = await self.store.next_free_slots(service, after, _ALTERNATIVES)
        return ToolError(f"Not booked: {refusal}{_offer(nearest)}")

    def _details(self, appointment: Appointment) -> AppointmentDetails:
        local = self.store.business.local(appointment.starts_at)
        return AppointmentDetails(
            appointment_id=appointment.id,
            service=appointment.service,
            date=local.date().isoformat(),
            when=spoken_moment(local),
            minutes=_minutes(appointment),
            staff=appointment.staff,
            customer_name=appointment.customer_name,
        )

    def _spoken(self, appointment: Appointment) -> str:
        return f"{appointment.service}, {spoken_moment(self.store.business.local(appointment.starts_at))}"


def _minutes(appointment: Appointment) -> int:
    return int((appointment.ends_at - appointment.starts_at).total_seconds()) // 60


def _offer(starts: list[datetime]) -> str:
    if not starts:
        return " Offer to connect the caller to a person (transfer_call)."
    return f" Free instead: {'; '.join(spoken_moment(start) for start in starts)}."
