"""A store of monitored calls, on SQLite and PostgreSQL, and a clock that is set by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.tools_.conftest import Clock
from tools.coaching import CoachingStore, CoachingTools
from tools.storage import Database


@pytest.fixture
async def notes(database_url: str, clock: Clock) -> AsyncIterator[CoachingStore]:
    database = Database(database_url)
    store = CoachingStore(database, now=clock)
    await database.open()
    yield store
    await database.close()


@pytest.fixture
def coach(notes: CoachingStore) -> CoachingTools:
    return CoachingTools(notes)
