"""Messages that say what has been booked: to the customer's phone, and to the mailbox of the business.

The rule: a customer is written to at the number they called from, never at an address that was spoken: a
misheard letter, or a caller who means ill, would send their name and appointment to a stranger. What is to be
sent is stored in the transaction of the booking, so that neither goes without the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from tools.booking.business import Business
from tools.booking.calendar_file import calendar_file, content_type
from tools.booking.models import Appointment, WaitingCustomer
from tools.booking.store import Event
from tools.hours import spoken_moment
from tools.messaging import Attachment, Message, Outbox
from tools.storage import utc_now

Texts = Mapping[Event, str]
"""What a customer is told of each event, with ``{business}``, ``{service}``, ``{staff}`` and ``{when}``."""

TEXTS: Mapping[str, Texts] = {
    "en": {
        Event.BOOKED: "{business}: your appointment for {service} with {staff} is booked: {when}.",
        Event.MOVED: "{business}: your appointment for {service} with {staff} has moved. It is now {when}.",
        Event.CANCELLED: "{business}: your appointment for {service}, {when}, is cancelled.",
        Event.WAITING: "{business}: you are on the waiting list for {service}. We will call you back.",
    },
    "de": {
        Event.BOOKED: "{business}: Ihr Termin für {service} bei {staff} ist gebucht: {when}.",
        Event.MOVED: "{business}: Ihr Termin für {service} bei {staff} ist verlegt, und zwar auf {when}.",
        Event.CANCELLED: "{business}: Ihr Termin für {service}, {when}, ist abgesagt.",
        Event.WAITING: "{business}: Sie stehen auf der Warteliste für {service}. Wir rufen Sie zurück.",
    },
}
"""By language; the first is the default."""


class Confirmations:
    """Writes the messages for each event; give :meth:`announce` to a booking store.

    Each event makes two messages of the kind ``appointment_booked`` (``_moved``, ``_cancelled``) or
    ``waiting_list_joined``: one to the customer's number, which a webhook hands to a text-message gateway,
    and one to the mailbox of the business. Both carry the calendar file.

    Args:
        outbox: Where messages wait until they are sent.
        business: Whose appointments they are.
        texts: What customers are told, by language; the first is the default.
        now: The clock, an aware moment; replaced in tests.
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        business: Business,
        texts: Mapping[str, Texts] = TEXTS,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._outbox = outbox
        self._business = business
        self._texts = texts
        self._now = now

    async def announce(
        self, session: AsyncSession, event: Event, subject: Appointment | WaitingCustomer
    ) -> None:
        """Store the messages for an event, in its transaction."""
        if isinstance(subject, Appointment):
            await self._appointment(session, event, subject)
        else:
            await self._waiting(session, subject)

    async def _appointment(self, session: AsyncSession, event: Event, appointment: Appointment) -> None:
        starts_at = self._business.opening.local(appointment.starts_at)
        data = {
            "appointment_id": appointment.id,
            "uid": appointment.uid,
            "sequence": appointment.sequence,
            "service": appointment.service,
            "staff": appointment.staff,
            "starts_at": starts_at.isoformat(),
            "ends_at": self._business.opening.local(appointment.ends_at).isoformat(),
            "customer_name": appointment.customer_name,
        }
        cancelled = event is Event.CANCELLED
        file = Attachment(
            "appointment.ics",
            content_type(cancelled=cancelled),
            calendar_file(appointment, self._business, self._now(), cancelled=cancelled),
        )
        text = self._text(
            event,
            appointment,
            staff=appointment.staff,
            when=spoken_moment(starts_at, self._language(appointment)),
        )
        await self._add(session, f"appointment_{event.value}", text, appointment.customer_number, data, file)

        lines = [
            f"{event.value.capitalize()}: {appointment.service} with {appointment.staff}, "
            f"{spoken_moment(starts_at)}.",
            f"Customer: {appointment.customer_name}, {appointment.customer_number}",
        ]
        if cancelled:
            lines += await self._who_waits(session, appointment.service)
        await self._add(session, f"appointment_{event.value}", "\n".join(lines), None, data, file)

    async def _waiting(self, session: AsyncSession, waiting: WaitingCustomer) -> None:
        data = {
            "waiting_id": waiting.id,
            "service": waiting.service,
            "staff": waiting.staff,
            "wishes": waiting.wishes,
            "customer_name": waiting.customer_name,
        }
        text = self._text(Event.WAITING, waiting)
        await self._add(session, "waiting_list_joined", text, waiting.customer_number, data)
        await self._add(session, "waiting_list_joined", f"Please call back: {_line(waiting)}", None, data)

    async def _who_waits(self, session: AsyncSession, service: str) -> list[str]:
        query = select(WaitingCustomer).where(WaitingCustomer.service == service)
        waiting = await session.scalars(query.order_by(WaitingCustomer.created_at, WaitingCustomer.id))
        lines = [_line(each) for each in waiting]
        return ["On the waiting list for it:", *lines] if lines else []

    async def _add(
        self,
        session: AsyncSession,
        kind: str,
        text: str,
        to: str | None,
        data: dict[str, Any],
        *attachments: Attachment,
    ) -> None:
        subject = f"{self._business.name}: {kind.replace('_', ' ')}"
        await self._outbox.add(session, Message(kind, subject, text, to, data, attachments))

    def _text(self, event: Event, subject: Appointment | WaitingCustomer, **more: str) -> str:
        text = self._texts[self._language(subject)][event]
        return text.format(business=self._business.name, service=subject.service, **more)

    def _language(self, subject: Appointment | WaitingCustomer) -> str:
        """The customer's language if there are texts in it, or else the first of the texts."""
        wanted = subject.language.split("-")[0].casefold()
        return wanted if wanted in self._texts else next(iter(self._texts))


def _line(waiting: WaitingCustomer) -> str:
    asked = f" with {waiting.staff}" if waiting.staff else ""
    wishes = f" ({waiting.wishes})" if waiting.wishes else ""
    return f"{waiting.customer_name}, {waiting.customer_number}, for {waiting.service}{asked}{wishes}"
