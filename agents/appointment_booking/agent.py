"""An agent that books appointments by phone, for a practice that does not exist.

Subclass :class:`AppointmentBooking` and change the facts; the class says which.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import ClassVar

from sqlalchemy.exc import SQLAlchemyError

from agents.appointment_booking.texts import GREETING, INSTRUCTION, LINES
from tools.booking import (
    TEXTS,
    Appointment,
    BookingStore,
    BookingTools,
    Business,
    Confirmations,
    Service,
    Texts,
)
from tools.callers import customer_number
from tools.hours import WEEKDAYS, OpeningHours, spoken_date, spoken_moment, spoken_time
from tools.messaging import MessagingAgent
from tools.storage import utc_now
from voiceagent import CallContext, ToolError, Words, tool

logger = logging.getLogger(__name__)

RIVERSIDE_DENTAL = Business(
    name="Riverside Dental",
    services=(
        Service("cleaning", 30, also=("dental cleaning", "hygiene", "teeth cleaning")),
        Service("check-up", 30, also=("exam", "examination", "appointment")),
        Service("filling", 60),
        Service("root canal", 90, staff=("Doctor Chen",)),
    ),
    staff=("Doctor Rivera", "Doctor Chen"),
    # Open every day, holidays too, so that whoever tries this out can book for tomorrow.
    opening=OpeningHours(time_zone="America/New_York", hours=dict.fromkeys(WEEKDAYS, "8:00-18:00")),
    email="appointments@riverside-dental.example",
    address="12 River Street, Springfield",
)
"""The facts of the fictional practice."""


class AppointmentBooking(MessagingAgent):
    """Books, moves and cancels appointments; greets callers who have one with it.

    Meant to be changed in a subclass:

    * ``business``: name, services, staff, opening hours with time zone and holidays.
    * ``voice``, ``language``, ``model``: how it sounds. A call may be in another language: set
      ``call.language`` in ``on_incoming``.
    * ``instruction``, ``greeting``, ``lines``: how it behaves, in English and German. What :meth:`facts`
      returns is filled in for ``{business}``, ``{now}``, ``{hours}``, ``{services}`` and more; what is known
      of the caller is added.
    * ``confirmations``: what customers are sent, by language.
    * ``ring_seconds``: how long the phone at the desk rings.
    * ``database_url``: where appointments are kept, SQLite or PostgreSQL; ``mail``: where mail to the
      business goes; ``webhook``: where messages to customers go, such as a text-message gateway. The
      environment goes before them.
    * the hooks and tools of :class:`voiceagent.VoiceAgent`: add ``@tool`` methods for what else it can do.

    Attributes:
        store: The appointments.

    Args:
        now: The clock, an aware moment; replaced in tests.
    """

    business: ClassVar[Business] = RIVERSIDE_DENTAL
    confirmations: ClassVar[Mapping[str, Texts]] = TEXTS
    instruction: Words = INSTRUCTION
    greeting: Words | None = GREETING
    lines: ClassVar[Mapping[str, Words]] = LINES
    voice = "Zephyr"
    language = "en-US"
    ring_seconds = 25

    def __init__(self, *, now: Callable[[], datetime] = utc_now) -> None:
        super().__init__(now=now)
        confirmations = Confirmations(self.outbox, business=self.business, texts=self.confirmations, now=now)
        self.store = BookingStore(
            self.database, business=self.business, now=now, announce=confirmations.announce
        )
        self.tools = (*self.tools, BookingTools(self.store))

    # What the model is told ----------------------------------------------------------------------------

    def facts(self, call: CallContext) -> Mapping[str, object]:
        """Today's date, the facts of the business and what is known of the caller."""
        business, language = self.business, call.language
        now = business.opening.local(self.now())
        known: Appointment | None = call.state.get("next_appointment")
        facts: dict[str, object] = {
            "business": business.name,
            "now": f"{spoken_date(now.date(), language)}, {now.year}, {spoken_time(now.time(), language)}",
            "hours": business.opening.in_words(language),
            "services": ", ".join(
                f"{service.name} ({service.minutes} min, {' / '.join(business.who_does(service))})"
                for service in business.services
            ),
            "usual_service": business.services[0].name,
        }
        if known is not None:
            facts |= {
                "service": known.service,
                "staff": known.staff,
                "when": spoken_moment(business.opening.local(known.starts_at), language),
                "name": repr(known.customer_name),
            }
        return facts

    def build_instruction(self, call: CallContext) -> str:
        """The instruction with the facts of this call, and what is known of who calls."""
        if customer_number(call) is None:
            caller = "withheld"
        else:
            caller = "known" if call.state.get("next_appointment") else "unknown"
        return f"{super().build_instruction(call)}\n\n{self.line(caller, call)}"

    # Tools ---------------------------------------------------------------------------------------------

    @tool(requires="transfer")
    async def transfer_call(self, call: CallContext, reason: str = "") -> str:
        """Connect the caller to a person. Tell the caller first, in the same answer.

        Args:
            reason: Why the caller is put through, in a few words.
        """
        if closed := await self._desk_closed(call):
            raise ToolError(closed)
        result = await call.transfer(note=reason)
        return self.line("desk_unanswered", call) if result.code == "CALL_UNANSWERED" else result

    async def _desk_closed(self, call: CallContext) -> str | None:
        """A sentence that says when somebody will be there; None while somebody is."""
        try:
            is_open, opens = await self.store.is_open(), await self.store.next_opening()
        except (SQLAlchemyError, OSError) as error:
            # Without the database a person is all that the caller can be offered.
            logger.warning("days off are not known: %s", type(error).__name__)
            hours, now = self.business.opening, self.now()
            is_open, opens = hours.is_open(now), hours.next_opening(now)
        if is_open:
            return None
        when = "-" if opens is None else spoken_moment(opens, call.language)
        return self.line("desk_closed", call).replace("{opens}", when)

    # Hooks ---------------------------------------------------------------------------------------------

    async def on_start(self, call: CallContext) -> None:
        """Look up the caller's next appointment, for the instruction."""
        number = customer_number(call)
        if number is not None:
            call.state["next_appointment"] = await self.store.next_appointment(number)
