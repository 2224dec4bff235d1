"""When to call somebody back: a wish in words becomes a moment at which somebody is there.

The rule: nothing is promised outside business hours. A wish that falls outside them becomes the next opening
after it.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from tools.hours import OpeningHours, UnreadableError, read_date, read_time, spoken_date

FARTHEST_DAYS = 60
"""Callbacks are promised so far ahead."""

SOON = timedelta(minutes=30)
"""Who wants to be called back soon is called back after so long, if somebody is there then."""


class NoSuchTimeError(ValueError):
    """Nobody can call back then. The message is a sentence for the model."""


def callback_time(hours: OpeningHours, now: datetime, day: str = "", at: str = "") -> datetime:
    """The moment for a callback.

    Args:
        hours: When somebody is there.
        now: The present moment.
        day: A day in words, such as ``tomorrow``; empty is the first that suits.
        at: A time in words, such as ``half past ten``; empty is as early as possible.

    Returns:
        A moment within business hours, in the local time of the business.

    Raises:
        NoSuchTimeError: It cannot be read, has passed, or is too far ahead; the message says what to give.
    """
    try:
        times = read_time(at) if at.strip() else ()
        wanted = read_date(day, hours.local(now).date()) if day.strip() else None
    except UnreadableError as error:
        raise NoSuchTimeError(str(error)) from error
    today = hours.local(now).date()
    if wanted is not None and wanted < today:
        raise NoSuchTimeError(f"{spoken_date(wanted)} has passed. Ask for another day.")
    if wanted is not None and wanted > today + timedelta(days=FARTHEST_DAYS):
        raise NoSuchTimeError(f"Callbacks are made up to {FARTHEST_DAYS} days ahead. Ask for an earlier day.")
    if times:
        return _at(hours, now, wanted, times)
    return _open_from(hours, now + SOON if wanted in (None, today) else _midnight(hours, wanted))


def _at(hours: OpeningHours, now: datetime, wanted: date | None, times: tuple[time, ...]) -> datetime:
    """The first reading of a time that suits; without a day, on the first day on which one does."""
    today = hours.local(now).date()
    days = [wanted] if wanted is not None else [today + timedelta(days=ahead) for ahead in range(14)]
    possible = [
        moment
        for day in days
        for at in times
        if (moment := hours.moment(day, at)) is not None and moment > now
    ]
    for moment in possible:
        if hours.is_open(moment):
            return moment
    if not possible:
        raise NoSuchTimeError("That time has passed. Ask for a later one, or for another day.")
    return _open_from(hours, possible[0])


def _open_from(hours: OpeningHours, moment: datetime) -> datetime:
    """The first moment from this one on at which somebody is there."""
    if hours.is_open(moment):
        return hours.local(moment)
    opening = hours.next_opening(moment)
    if opening is None:
        raise NoSuchTimeError("No time can be promised: there are no opening hours. Take the wish only.")
    return opening


def _midnight(hours: OpeningHours, day: date) -> datetime:
    return datetime.combine(day, time(), hours.zone)
