"""A practice with a fixed clock and a real database."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tools.booking import BookingStore, BookingTools, Business, Service
from voiceagent import CallContext

MONDAY_9_AM = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
"""09:00 in New York."""

POSTGRESQL_URL = os.environ.get("BOOKING_TEST_POSTGRESQL_URL")
"""A scratch database, whose tables are dropped: the tests of the store then run on PostgreSQL too."""


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = MONDAY_9_AM

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **delta: float) -> None:
        self.now += timedelta(**delta)


def practice(**changes: object) -> Business:
    facts: dict[str, object] = {
        "name": "Riverside Dental",
        "time_zone": "America/New_York",
        "services": (Service("cleaning", 30), Service("filling", 60), Service("root canal", 90)),
        "staff": ("Doctor Rivera",),
        "hours": dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), "9:00-12:00"),
    }
    return Business(**(facts | changes))  # type: ignore[arg-type]


def calling(number: str | None) -> CallContext:
    return CallContext(call_id="call-1", caller_number=number)


OpenStore = Callable[..., Awaitable[BookingStore]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgresql"] if POSTGRESQL_URL else ["sqlite"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite" or POSTGRESQL_URL is None:
        return f"sqlite+aiosqlite:///{tmp_path / 'bookings.db'}"
    engine = create_async_engine(POSTGRESQL_URL)
    async with engine.begin() as connection:
        await connection.execute(text("DROP TABLE IF EXISTS occupied_cells, appointments, closed_days"))
    await engine.dispose()
    return POSTGRESQL_URL


@pytest.fixture
async def open_store(clock: Clock, database_url: str) -> AsyncIterator[OpenStore]:
    """Opens stores on one database, as several workers do."""
    async with AsyncExitStack() as stack:

        async def opened(**changes: object) -> BookingStore:
            store = BookingStore(database_url, business=practice(**changes), now=clock)
            stack.push_async_callback(store.close)
            await store.open()
            return store

        yield opened


@pytest.fixture
async def store(open_store: OpenStore) -> BookingStore:
    return await open_store()


@pytest.fixture
def toolset(store: BookingStore) -> BookingTools:
    return BookingTools(store)
