"""What a business offers and who does it: services, staff, opening hours.

The rule of this file: facts and calendar arithmetic only, no database and no clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from tools.hours import OpeningHours

CELL = timedelta(minutes=5)
"""The grid on which time is sold: slots start, and services last, a multiple of this."""

_TITLES = frozenset({"doctor", "dr", "doc", "mr", "mrs", "ms", "miss", "mister", "professor", "prof"})


class UnknownServiceError(ValueError):
    """The business has no such service. The message lists the ones it has."""


class UnknownStaffError(ValueError):
    """Nobody of that name works here, or not for that service. The message says who does."""


@dataclass(frozen=True)
class Service:
    """Something that can be booked.

    Attributes:
        name: What callers and the model call it.
        minutes: How long it occupies a member of staff; a multiple of 5.
        also: Other names for it.
        staff: Who does it; empty means everybody.
    """

    name: str
    minutes: int
    also: tuple[str, ...] = ()
    staff: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.minutes <= 0 or self.duration % CELL:
            raise ValueError(f"service {self.name!r}: minutes must be a multiple of 5, got {self.minutes}")

    @property
    def duration(self) -> timedelta:
        """The time that it takes."""
        return timedelta(minutes=self.minutes)


@dataclass(frozen=True)
class Business:
    """The facts that booking needs; every field may be changed.

    Attributes:
        name: As it is said on the phone.
        services: What can be booked.
        staff: Who does it; each takes one appointment at a time.
        opening: When it is open, in which time zone, with which holidays.
        slot_minutes: Appointments start at opening time and every so many minutes after it.
        days_ahead: How far ahead one may book.
        max_upcoming: How many appointments one phone number may hold at a time.
        email: Where the business is written to; the organizer in the calendar files.
        address: Where it is; the location in the calendar files.
    """

    name: str = "The office"
    services: tuple[Service, ...] = (Service("appointment", 30),)
    staff: tuple[str, ...] = ("the office",)
    opening: OpeningHours = field(default_factory=OpeningHours)
    slot_minutes: int = 30
    days_ahead: int = 365
    max_upcoming: int = 5
    email: str = "office@example.com"
    address: str = ""

    def __post_init__(self) -> None:
        for what in ("services", "staff"):
            names = [getattr(item, "name", item) for item in getattr(self, what)]
            if not names or len({name.casefold() for name in names}) < len(names):
                raise ValueError(f"{what}: name at least one, and each only once; got {names}")
        for service in self.services:
            if unknown := set(service.staff) - set(self.staff):
                raise ValueError(
                    f"service {service.name!r}: {sorted(unknown)} are not among the staff; use"
                    f" {', '.join(self.staff)}"
                )
        if self.slot_minutes <= 0 or timedelta(minutes=self.slot_minutes) % CELL:
            raise ValueError(f"slot_minutes must be a multiple of 5, got {self.slot_minutes}")
        for opens in (hours.opens for hours in self.opening.all_stretches()):
            if opens.minute % 5:
                raise ValueError(f"opening: opening at {opens:%H:%M}; use a multiple of 5 minutes")

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

    def who_does(self, service: Service) -> tuple[str, ...]:
        """The staff who do a service, in the order of the business."""
        return tuple(name for name in self.staff if not service.staff or name in service.staff)

    def member(self, name: str, service: Service) -> str:
        """The member of staff who goes by ``name`` and does ``service``.

        ``Chen``, ``Dr. Chen`` and ``doctor chen`` are all Doctor Chen, as long as there is one Chen.

        Raises:
            UnknownStaffError: There is none, or more than one.
        """
        wanted = _names(name)
        found = [each for each in self.staff if wanted and wanted <= _names(each)]
        able = self.who_does(service)
        if len(found) == 1 and found[0] in able:
            return found[0]
        if len(found) == 1:
            problem = f"{found[0]} does not do this: {service.name}."
        elif found:
            problem = f"{name[:40]!r} may be {' or '.join(found)}: ask which one is meant."
        else:
            problem = f"Nobody called {name[:40]!r} works here."
        raise UnknownStaffError(f"{problem} For {service.name} there is: {', '.join(able)}.")

    def starts(self, day: date, service: Service) -> Iterator[datetime]:
        """Every moment of ``day`` at which ``service`` may begin, booked or not, earliest first."""
        step = timedelta(minutes=self.slot_minutes)
        for hours in self.opening.hours_on(day):
            closes = self.opening.closing(day, hours)
            wall = datetime.combine(day, hours.opens)
            while wall.date() == day and wall.time() in hours:
                start = self.opening.moment(day, wall.time())
                # The end is reckoned in elapsed time, or a change of the clock would stretch the day.
                if start is not None and start.astimezone(UTC) + service.duration <= closes:
                    yield start
                wall += step


def _key(name: str) -> str:
    return re.sub(r"[\s\-_]+", "", name.casefold())


def _names(name: str) -> frozenset[str]:
    """The parts of a person's name that tell one from another."""
    parts = re.findall(r"[^\W_]+", name.casefold())
    # "the office" and "Doctor" alone are names too, where nothing else is left.
    return frozenset(part for part in parts if part not in _TITLES) or frozenset(parts)
