"""When a business is open: weekly hours, holidays, single closed days and days with hours of their own.

The rule: facts and calendar arithmetic only, no database and no clock of its own. Times of day are the
business's own; every moment that leaves here is aware of its zone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tools.hours.speech import phrases, spoken_time

if TYPE_CHECKING:
    from holidays import HolidayBase

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""In the order of :meth:`datetime.date.weekday`."""

_INTERVAL = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_SEARCH_DAYS = 400
"""A business that does not open within so many days has no next opening."""

_MIDNIGHT = time(0)


@dataclass(frozen=True)
class Hours:
    """One stretch of opening hours within a day, in the business's local time.

    Attributes:
        opens: The first minute that belongs to it.
        closes: The first minute that does not; midnight is the end of the day.
    """

    opens: time
    closes: time

    @classmethod
    def parse(cls, text: str) -> tuple[Hours, ...]:
        """Read ``"9:00-12:30, 13:30-18:00"``; an empty text means closed, ``24:00`` the end of the day.

        Raises:
            ValueError: The text is not of that form, or the intervals are out of order.
        """
        stretches: list[Hours] = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            match = _INTERVAL.fullmatch(part)
            if match is None:
                raise ValueError(f"opening hours {part!r}: expected a form like '9:00-17:30'")
            opens_h, opens_m, closes_h, closes_m = map(int, match.groups())
            if (closes_h, closes_m) == (24, 0):
                closes_h = 0
            try:
                stretch = cls(time(opens_h, opens_m), time(closes_h, closes_m))
            except ValueError as exc:
                raise ValueError(f"opening hours {part!r}: {exc}") from exc
            if stretch.closes != _MIDNIGHT and stretch.opens >= stretch.closes:
                raise ValueError(f"opening hours {part!r}: closes before it opens")
            if stretches and (stretches[-1].closes == _MIDNIGHT or stretch.opens < stretches[-1].closes):
                raise ValueError(f"opening hours {text!r}: give the intervals in order, without overlap")
            stretches.append(stretch)
        return tuple(stretches)

    def __contains__(self, at: time) -> bool:
        return self.opens <= at and (self.closes == _MIDNIGHT or at < self.closes)

    def spoken(self, language: str | None = None) -> str:
        """Such as ``"9 AM to 5:30 PM"``."""
        said = phrases(language)
        closes = said.midnight if self.closes == _MIDNIGHT else spoken_time(self.closes, language)
        return said.span.format(spoken_time(self.opens, language), closes)


def _office_hours() -> Mapping[str, str]:
    return dict.fromkeys(WEEKDAYS[:5], "9:00-17:00")


@dataclass(frozen=True)
class OpeningHours:
    """When a business is open.

    What is said of one date beats what is said of many: ``special_hours``, then ``closed_days``, then
    ``holidays``, then the week.

    Attributes:
        time_zone: IANA name, such as ``"Europe/Vienna"``.
        hours: Weekday name to intervals, ``{"monday": "9:00-12:00, 13:00-17:00"}``; a day that is not
            named is closed.
        holidays: Whose public holidays are days off: a country as ISO 3166 has it, with a subdivision if the
            country's parts differ, such as ``"US"``, ``"DE-BY"`` or ``"ES-MD"``. None works through all.
        closed_days: Single dates on which it is closed, and why: ``{date(2026, 12, 24): "Christmas Eve"}``.
        special_hours: Dates with hours of their own, ``{date(2026, 12, 31): "9:00-12:00"}``; a holiday that
            stands here is worked.
    """

    time_zone: str = "UTC"
    hours: Mapping[str, str] = field(default_factory=_office_hours)
    holidays: str | None = None
    closed_days: Mapping[date, str] = field(default_factory=dict)
    special_hours: Mapping[date, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if unknown := set(self.hours) - set(WEEKDAYS):
            raise ValueError(f"hours: {sorted(unknown)} are not weekdays; use {', '.join(WEEKDAYS)}")
        # Read at once, so that a mistake is found when the facts are written, and not by a caller.
        _ = self.zone, self._week, self._special
        self._calendar(None)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone of the business.

        Raises:
            ValueError: The system does not know the name of the zone.
        """
        try:
            return ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as exc:
            raise ValueError(
                f"time_zone {self.time_zone!r} is unknown: use an IANA name such as 'Europe/Vienna'"
                " (a system without time zones needs `pip install tzdata`)"
            ) from exc

    @cached_property
    def _week(self) -> tuple[tuple[Hours, ...], ...]:
        return tuple(Hours.parse(self.hours.get(day, "")) for day in WEEKDAYS)

    @cached_property
    def _special(self) -> Mapping[date, tuple[Hours, ...]]:
        return {day: Hours.parse(text) for day, text in self.special_hours.items()}

    @cached_property
    def _calendars(self) -> dict[str | None, HolidayBase]:
        return {}

    def all_stretches(self) -> tuple[Hours, ...]:
        """Every stretch that these facts name, in no particular order."""
        return tuple(hours for day in (*self._week, *self._special.values()) for hours in day)

    def local(self, moment: datetime) -> datetime:
        """A moment as the clock on the wall of the business shows it."""
        return moment.astimezone(self.zone)

    def moment(self, day: date, at: time) -> datetime | None:
        """The moment when that clock shows ``at`` on ``day``.

        Returns:
            The aware moment; the first of the two when the clock is set back; None when the clock is set
            forward over it, so that it never comes.
        """
        local = datetime.combine(day, at, self.zone)
        return local if local.astimezone(UTC).astimezone(self.zone).time() == at else None

    def closing(self, day: date, hours: Hours) -> datetime:
        """The moment at which a stretch of ``day`` ends, in UTC."""
        last = day + timedelta(days=1) if hours.closes == _MIDNIGHT else day
        return datetime.combine(last, hours.closes, self.zone).astimezone(UTC)

    def hours_on(self, day: date) -> tuple[Hours, ...]:
        """The opening hours of a date; empty when closed."""
        if day in self._special:
            return self._special[day]
        if day in self.closed_days or self.holiday(day) is not None:
            return ()
        return self._week[day.weekday()]

    def holiday(self, day: date, language: str | None = None) -> str | None:
        """The name of the public holiday on a date; None when there is none, or it is worked through.

        Args:
            day: The date.
            language: In which the name is wanted; None is English. The country's own where there is no other.
        """
        calendar = self._calendar(language)
        return None if calendar is None else calendar.get(day)

    def why_closed(self, day: date, language: str | None = None) -> str | None:
        """Why a date is an exception: the reason given for closing, or the holiday; None if it is none."""
        if day in self._special:
            return None
        return self.closed_days.get(day) or self.holiday(day, language)

    def is_open(self, moment: datetime) -> bool:
        """Whether somebody is there at a moment."""
        local = self.local(moment)
        return any(local.time() in hours for hours in self.hours_on(local.date()))

    def next_opening(self, moment: datetime) -> datetime | None:
        """When the business opens next after a moment, in local time.

        Returns:
            The start of the first stretch that begins after it; None when none does within a year.
        """
        today = self.local(moment).date()
        for day in (today + timedelta(days=ahead) for ahead in range(_SEARCH_DAYS)):
            for hours in self.hours_on(day):
                # An opening time that the clock is set forward over comes when the clock has moved.
                opens = datetime.combine(day, hours.opens, self.zone).astimezone(UTC)
                if opens > moment:
                    return opens.astimezone(self.zone)
        return None

    def in_words(self, language: str | None = None) -> str:
        """The week as one sentence, days with equal hours taken together."""
        said = phrases(language)
        parts = []
        days = zip(said.weekdays, self._week, strict=True)
        for hours, group in groupby(days, key=lambda day: day[1]):
            names = [name for name, _ in group]
            when = names[0] if len(names) == 1 else said.span.format(names[0], names[-1])
            times = said.both.join(stretch.spoken(language) for stretch in hours)
            parts.append(f"{when} {times or said.closed}")
        return "; ".join(parts)

    def _calendar(self, language: str | None) -> HolidayBase | None:
        """The public holidays with their names in a language, if the calendar has it.

        Raises:
            ValueError: There is no such country or subdivision.
        """
        if self.holidays is None:
            return None
        if language not in self._calendars:
            # Loading it takes a moment, and most businesses that are set up for a try have no holidays.
            import holidays

            country, _, subdivision = self.holidays.partition("-")
            try:
                known = holidays.country_holidays(country, subdiv=subdivision or None)
            except NotImplementedError as exc:
                raise ValueError(
                    f"holidays {self.holidays!r}: {exc}. Use a country and, if need be, a subdivision of ISO"
                    " 3166, such as 'US', 'US-NY' or 'DE-BY'"
                ) from exc
            wanted = (language or "en").split("-")[0].casefold()
            names = next((n for n in known.supported_languages if n.split("_")[0] == wanted), None)
            # Said in any case: the library would take the language of the machine.
            calendar = holidays.country_holidays(
                country, subdiv=subdivision or None, language=names or known.default_language
            )
            self._calendars[language] = calendar
        return self._calendars[language]
