"""What a business offers and when: services, staff, opening hours, time zone.

The rule of this file: facts and calendar arithmetic only, no database and no clock. Times of day are the
business's own; every moment that leaves here is aware of its zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import groupby
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tools.booking.speech import spoken_time

CELL = timedelta(minutes=5)
"""The grid on which time is sold: slots start, and services last, a multiple of this."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""In the order of :meth:`datetime.date.weekday`."""

_INTERVAL = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


class UnknownServiceError(ValueError):
    """The business has no such service. The message lists the ones it has."""


@dataclass(frozen=True)
class Service:
    """Something that can be booked.

    Attributes:
        name: What callers and the model call it.
        minutes: How long it occupies a member of staff; a multiple of 5.
        also: Other names for it.
    """

    name: str
    minutes: int
    also: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.minutes <= 0 or self.duration % CELL:
            raise ValueError(f"service {self.name!r}: minutes must be a multiple of 5, got {self.minutes}")

    @property
    def duration(self) -> timedelta:
        """The time that it takes."""
        return timedelta(minutes=self.minutes)


@dataclass(frozen=True)
class Hours:
    """One stretch of opening hours within a day, in the business's local time."""

    opens: time
    closes: time

    @classmethod
    def parse(cls, text: str) -> tuple[Hours, ...]:
        """Read ``"9:00-12:30, 13:30-18:00"``; an empty text means closed.

        Raises:
            ValueError: The text is not of that form, or the intervals are out of order.
        """
        stretches: list[Hours] = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            match = _INTERVAL.fullmatch(part)
            if match is None:
                raise ValueError(f"opening hours {part!r}: expected a form like '9:00-17:30'")
            opens_h, opens_m, closes_h, closes_m = map(int, match.groups())
            try:
                stretch = cls(time(opens_h, opens_m), time(closes_h, closes_m))
            except ValueError as exc:
                raise ValueError(f"opening hours {part!r}: {exc}") from exc
            if stretch.opens >= stretch.closes:
                raise ValueError(f"opening hours {part!r}: closes before it opens")
            if stretches and stretch.opens < stretches[-1].closes:
                raise ValueError(f"opening hours {text!r}: give the intervals in order, without overlap")
            stretches.append(stretch)
        return tuple(stretches)

    def spoken(self) -> str:
        """Such as ``"9 AM to 5:30 PM"``."""
        return f"{spoken_time(self.opens)} to {spoken_time(self.closes)}"


def _office_hours() -> Mapping[str, str]:
    return dict.fromkeys(WEEKDAYS[:5], "9:00-17:00")


@dataclass(frozen=True)
class Business:
    """The facts that booking needs; every field may be changed.

    Attributes:
        name: As it is said on the phone.
        time_zone: IANA name, such as ``"Europe/Vienna"``.
        services: What can be booked.
        staff: Who does it; each takes one appointment at a time, and everybody does every service.
        hours: Weekday name to intervals, ``{"monday": "9:00-12:00, 13:00-17:00"}``; a day that is not
            named is closed.
        slot_minutes: Appointments start at opening time and every so many minutes after it.
        days_ahead: How far ahead one may book.
        max_upcoming: How many appointments one phone number may hold at a time.
    """

    name: str = "The office"
    time_zone: str = "UTC"
    services: tuple[Service, ...] = (Service("appointment", 30),)
    staff: tuple[str, ...] = ("the office",)
    hours: Mapping[str, str] = field(default_factory=_office_hours)
    slot_minutes: int = 30
    days_ahead: int = 365
    max_upcoming: int = 5

    def __post_init__(self) -> None:
        for what in ("services", "staff"):
            names = [getattr(item, "name", item) for item in getattr(self, what)]
            if not names or len({name.casefold() for name in names}) < len(names):
                raise ValueError(f"{what}: name at least one, and each only once; got {names}")
        if self.slot_minutes <= 0 or timedelta(minutes=self.slot_minutes) % CELL:
            raise ValueError(f"slot_minutes must be a multiple of 5, got {self.slot_minutes}")
        if unknown := set(self.hours) - set(WEEKDAYS):
            raise ValueError(f"hours: {sorted(unknown)} are not weekdays; use {', '.join(WEEKDAYS)}")
        for opening in (hours.opens for day in self._week for hours in day):
            if opening.minute % 5:
                raise ValueError(f"hours: opening at {opening:%H:%M}; use a multiple of 5 minutes")
        _ = self.zone

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

    def service(self, name: str) -> Service:
        """The service that goes by ``name``, in any case and spelling of spaces and hyphens.

        Raises:
            UnknownServiceError: There is none.
        """
        wanted = _key(name)
        for service in self.services:
            if wanted in map(_key, (service.name, *service.also)):
                return service
        offered = ", ".join(service.name for service in self.services)
        raise UnknownServiceError(f"There is no service called {name[:40]!r}. The services are: {offered}.")

    def hours_on(self, day: date) -> tuple[Hours, ...]:
        """The regular opening hours of a date; empty when closed."""
        return self._week[day.weekday()]

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

    def starts(self, day: date, service: Service) -> Iterator[datetime]:
        """Every moment of ``day`` at which ``service`` may begin, booked or not, earliest first."""
        step = timedelta(minutes=self.slot_minutes)
        for hours in self.hours_on(day):
            closes = datetime.combine(day, hours.closes, self.zone).astimezone(UTC)
            wall = datetime.combine(day, hours.opens)
            while wall.date() == day and wall.time() < hours.closes:
                start = self.moment(day, wall.time())
                # The end is reckoned in elapsed time, or a change of the clock would stretch the day.
                if start is not None and start.astimezone(UTC) + service.duration <= closes:
                    yield start
                wall += step

    def hours_in_words(self) -> str:
        """The week as one sentence for the model, days with equal hours taken together."""
        parts = []
        days = zip(WEEKDAYS, self._week, strict=True)
        for hours, group in groupby(days, key=lambda day: day[1]):
            names = [name.capitalize() for name, _ in group]
            when = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
            parts.append(f"{when} {' and '.join(h.spoken() for h in hours) or 'closed'}")
        return "; ".join(parts)


def _key(name: str) -> str:
    return re.sub(r"[\s\-_]+", "", name.casefold())
