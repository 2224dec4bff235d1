"""A practice with a fixed clock and a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from tools.booking import BookingStore, BookingTools, Business, Service
from tools.hours import WEEKDAYS, OpeningHours
from tools.storage import Database
from voiceagent import CallContext

MONDAY_9_AM = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
"""09:00 in New York."""


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = MONDAY_9_AM

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **delta: float) -> None:
        self.now += timedelta(**delta)


def practice(**changes: object) -> Business:
    """A small practice, open on weekday mornings; ``changes`` may be of its opening hours as well."""
    opening: dict[str, object] = {
        "time_zone": "America/New_York",
        "hours": dict.fromkeys(WEEKDAYS[:5], "9:00-12:00"),
    }
    opening |= {name: changes.pop(name) for name in set(changes) & set(OpeningHours.__dataclass_fields__)}
    facts: dict[str, object] = {
        "name": "Riverside Dental",
        "opening": OpeningHours(**opening),  # type: ignore[arg-type]
        "services": (Service("cleaning", 30), Service("filling", 60), Service("root canal", 90)),
        "staff": ("Doctor Rivera",),
    }
    return Business(**(facts | changes))  # type: ignore[arg-type]


def calling(number: str | None) -> CallContext:
    return CallContext(call_id="call-1", caller_number=number)


OpenStore = Callable[..., Awaitable[BookingStore]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def open_store(clock: Clock, database_url: str) -> AsyncIterator[OpenStore]:
    """Opens stores on one database, as several workers do."""
    async with AsyncExitStack() as stack:

        async def opened(**changes: object) -> BookingStore:
            database = Database(database_url)
            store = BookingStore(database, business=practice(**changes), now=clock)
            stack.push_async_callback(database.close)
            await database.open()
            return store

        yield opened


@pytest.fixture
async def store(open_store: OpenStore) -> BookingStore:
    return await open_store()


@pytest.fixture
def toolset(store: BookingStore) -> BookingTools:
    return BookingTools(store)
