"""Dates, times and opening hours as they are said on the phone, in several languages.

The rule: short forms that sound right when a model or a voice reads them out. A language is a BCP-47 code,
of which the first part counts; one that is not known here is spoken to in English.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time


def _twelve_hours(at: time) -> str:
    return f"{at.hour % 12 or 12}{f':{at:%M}' if at.minute else ''} {'AM' if at.hour < 12 else 'PM'}"


def _twenty_four_hours(at: time) -> str:
    return f"{at.hour}:{at:%M}" if at.minute else str(at.hour)


@dataclass(frozen=True)
class Phrases:
    """How one language says a day, a time and a week of opening hours.

    Attributes:
        weekdays: Monday first.
        months: January first.
        date: Of ``weekday``, ``day`` and ``month``.
        clock: The time alone.
        time: What is put around the time where it is said alone.
        moment: Of ``date`` and ``time``.
        span: From one weekday or time to another.
        both: Between two stretches of one day.
        closed: Of a day without hours.
        midnight: The end of a day.
    """

    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    date: str
    clock: Callable[[time], str]
    time: str
    moment: str
    span: str
    both: str
    closed: str
    midnight: str


_PHRASES = {
    "en": Phrases(
        weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        months=tuple(
            "January February March April May June July August September October November December".split()
        ),
        date="{weekday}, {month} {day}",
        clock=_twelve_hours,
        time="{}",
        moment="{date}, at {time}",
        span="{} to {}",
        both=" and ",
        closed="closed",
        midnight="midnight",
    ),
    "de": Phrases(
        weekdays=("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
        months=tuple(
            "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split()
        ),
        date="{weekday}, {day}. {month}",
        clock=_twenty_four_hours,
        time="{} Uhr",
        moment="{date}, um {time}",
        span="{} bis {}",
        both=" und ",
        closed="geschlossen",
        midnight="Mitternacht",
    ),
    "es": Phrases(
        weekdays=("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
        months=tuple(
            "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split()
        ),
        date="{weekday}, {day} de {month}",
        clock=lambda at: f"{at.hour}:{at:%M}",
        time="{}",
        moment="{date}, a las {time}",
        span="{} a {}",
        both=" y ",
        closed="cerrado",
        midnight="medianoche",
    ),
}


def phrases(language: str | None) -> Phrases:
    """The phrases of a language; those of English where it is None or not known."""
    return _PHRASES.get((language or "en").split("-")[0].casefold(), _PHRASES["en"])


def spoken_date(day: date, language: str | None = None) -> str:
    """Such as ``"Thursday, March 5"`` or ``"Donnerstag, 5. März"``."""
    said = phrases(language)
    return said.date.format(
        weekday=said.weekdays[day.weekday()], day=day.day, month=said.months[day.month - 1]
    )


def spoken_time(at: time, language: str | None = None) -> str:
    """Such as ``"10 AM"``, ``"2:30 PM"`` or ``"14:30 Uhr"``."""
    said = phrases(language)
    return said.time.format(said.clock(at))


def spoken_moment(local: datetime, language: str | None = None) -> str:
    """Such as ``"Thursday, March 5, at 10 AM"``; ``local`` shows the wall clock to speak of."""
    return phrases(language).moment.format(
        date=spoken_date(local.date(), language), time=spoken_time(local.time(), language)
    )
