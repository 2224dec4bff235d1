"""An agent that books appointments by phone, for a practice that does not exist.

Subclass :class:`AppointmentBooking` and change the facts; the class says which.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar

from tools.booking import BookingStore, BookingTools, Business, Service, customer_number
from tools.booking.business import WEEKDAYS
from tools.booking.speech import spoken_date, spoken_moment, spoken_time
from tools.booking.store import DEFAULT_URL
from voiceagent import CallContext, VoiceAgent

RIVERSIDE_DENTAL = Business(
    name="Riverside Dental",
    time_zone="America/New_York",
    services=(
        Service("cleaning", 30, also=("dental cleaning", "hygiene", "teeth cleaning")),
        Service("check-up", 30, also=("exam", "examination", "appointment")),
        Service("filling", 60),
        Service("root canal", 90),
    ),
    staff=("Doctor Rivera", "Doctor Chen"),
    # Open every day, so that whoever tries this out on a Friday can book for tomorrow.
    hours=dict.fromkeys(WEEKDAYS, "8:00-18:00"),
)
"""The facts of the fictional practice."""

_INSTRUCTION = """\
You answer the phone for {business}. You book, move and cancel appointments. You are on the phone: speak in
one or two short sentences, without lists, and ask one thing at a time.

Before you offer a time, look with check_availability. Before you book, you need the service, the day, the
time and the caller's name; ask for what is missing, and take a cleaning to be meant if they name no service.
After booking, read back day and time as the tool returned them. Never claim something that a tool did not
confirm. The caller's phone number is known from the line: never ask for it, and never act for another one.

Questions about symptoms, prices or insurance, and callers who want a person: transfer_call. When the caller
is done, say goodbye and call end_call in the same answer.

It is {now} at the practice. Opening hours: {hours}. Services: {services}."""


class AppointmentBooking(VoiceAgent):
    """Books, moves and cancels appointments; greets callers who have one with it.

    Meant to be changed in a subclass:

    * ``business``: name, time zone, services, staff, opening hours.
    * ``voice``, ``language``, ``greeting``, ``model``: how it sounds.
    * ``instruction``: how it behaves; the ``{business}``, ``{now}``, ``{hours}`` and ``{services}`` in it are
      filled in for each call.
    * ``database_url``: where appointments are kept, SQLite or PostgreSQL. The environment variable
      ``BOOKING_DATABASE_URL`` goes before it.
    * the hooks and tools of :class:`voiceagent.VoiceAgent`: add ``@tool`` methods for what else it can do.

    Args:
        now: The clock, an aware moment; replaced in tests.
    """

    business: ClassVar[Business] = RIVERSIDE_DENTAL
    database_url: ClassVar[str] = DEFAULT_URL
    instruction = _INSTRUCTION
    greeting = "The call has just been answered. Greet the caller for the practice and ask how you can help."
    voice = "Zephyr"
    language = "en-US"

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        url = os.environ.get("BOOKING_DATABASE_URL") or self.database_url
        self.store = BookingStore(url, business=self.business, now=now)
        self.tools = (*self.tools, BookingTools(self.store))

    async def on_startup(self) -> None:
        """Open the appointments."""
        await self.store.open()

    async def on_shutdown(self) -> None:
        """Close them."""
        await self.store.close()

    async def on_start(self, call: CallContext) -> None:
        """Look up the caller's next appointment, for the instruction."""
        number = customer_number(call)
        if number is not None:
            call.state["next_appointment"] = await self.store.next_appointment(number)

    def build_instruction(self, call: CallContext) -> str:
        """The instruction with today's date, the facts of the business and what is known of the caller."""
        business = self.business
        now = business.local(self.store.now())
        facts: dict[str, Any] = {
            "business": business.name,
            "now": f"{spoken_date(now.date())}, {now.year}, {spoken_time(now.time())}",
            "hours": business.hours_in_words(),
            "services": ", ".join(f"{s.name} ({s.minutes} minutes)" for s in business.services),
        }
        text = self.instruction
        for name, fact in facts.items():
            # Not str.format: an instruction may contain braces of its own.
            text = text.replace(f"{{{name}}}", fact)
        return f"{text}\n\n{self._about_the_caller(call)}"

    def _about_the_caller(self, call: CallContext) -> str:
        if customer_number(call) is None:
            return (
                "The caller's number is withheld: you can tell them which times are free, but to book they"
                " must be connected to a person."
            )
        known = call.state.get("next_appointment")
        if known is None:
            return "The caller has no upcoming appointment."
        when = spoken_moment(self.business.local(known.starts_at))
        # The name comes from an earlier caller: quoted, so that it is read as a name and not as an order.
        return (
            f"The caller has an upcoming appointment: {known.service}, {when}, for {known.customer_name!r}."
            " Ask first whether they call about it."
        )
