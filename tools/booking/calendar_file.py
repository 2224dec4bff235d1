"""An appointment as an iCalendar file, which calendars add, change and remove by themselves.

The rule (RFC 5546): a file for the same appointment has the same UID, and each later one a higher SEQUENCE;
METHOD is REQUEST for what is booked or moved, CANCEL for what is not to take place.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from icalendar import Calendar, vCalAddress, vText
from icalendar import Event as CalendarEvent

from tools.booking.business import Business
from tools.booking.models import Appointment

_AROUND = timedelta(days=366)
"""The file says when the clocks change that long before and after the appointment."""


def content_type(*, cancelled: bool) -> str:
    """Of the file in a mail: mail programs look here for what it asks of them (RFC 6047)."""
    return f"text/calendar; charset=utf-8; method={_method(cancelled)}"


def _method(cancelled: bool) -> str:
    return "CANCEL" if cancelled else "REQUEST"


def calendar_file(appointment: Appointment, business: Business, now: datetime, *, cancelled: bool) -> bytes:
    """The file that tells a calendar of an appointment.

    Args:
        appointment: As it is now; of a cancelled one, as it was.
        business: The organizer.
        now: When this is said, aware.
        cancelled: Whether it is off.

    Returns:
        A VCALENDAR with one VEVENT and the time zone of the business.
    """
    opening = business.opening
    event = CalendarEvent()
    event.add("uid", f"{appointment.uid}@{business.email.rpartition('@')[2]}")
    # A cancellation is one more change, of which the appointment's row is not there to keep count.
    event.add("sequence", appointment.sequence + cancelled)
    event.add("dtstamp", now)
    event.add("dtstart", opening.local(appointment.starts_at))
    event.add("dtend", opening.local(appointment.ends_at))
    event.add("summary", f"{business.name}: {appointment.service}")
    event.add(
        "description", f"{appointment.service} with {appointment.staff} for {appointment.customer_name}"
    )
    if business.address:
        event.add("location", business.address)
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    event.add("organizer", _address(f"mailto:{business.email}", business.name))
    event.add("attendee", _address(_uri(appointment.customer_number), appointment.customer_name))

    calendar = Calendar()
    calendar.add("prodid", "-//voiceagent//booking//EN")
    calendar.add("version", "2.0")
    calendar.add("method", _method(cancelled))
    calendar.add_component(event)
    calendar.add_missing_timezones(
        first_date=(appointment.starts_at - _AROUND).date(),
        last_date=(appointment.starts_at + _AROUND).date(),
    )
    file: bytes = calendar.to_ical()
    return file


def _address(uri: str, name: str) -> vCalAddress:
    address = vCalAddress(uri)
    # A parameter cannot hold double quotes, whatever is done to them.
    address.params["CN"] = vText(name.replace('"', "'"))
    return address


def _uri(number: str) -> str:
    return number if ":" in number else f"tel:{number}"
