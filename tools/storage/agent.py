"""An agent that keeps its data in a database."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar

from tools.storage.database import DEFAULT_URL, Database
from voiceagent import VoiceAgent


def utc_now() -> datetime:
    """The time, aware, in UTC."""
    return datetime.now(UTC)


class DatabaseAgent(VoiceAgent):
    """A :class:`voiceagent.VoiceAgent` with a database that is open while the service runs.

    A subclass makes its stores in ``__init__``, so that their tables are there when the first call rings:

        class Reception(DatabaseAgent):
            def __init__(self, *, now: Callable[[], datetime] = utc_now) -> None:
                super().__init__(now=now)
                self.store = BookingStore(self.database, now=now)
                self.tools = (*self.tools, BookingTools(self.store))

    Attributes:
        database_url: SQLAlchemy URL of the database, SQLite or PostgreSQL. The environment variable
            ``VOICEAGENT_DATABASE_URL`` goes before it.
        database: The database, shared by all calls.
        now: The clock, an aware moment.

    Args:
        now: The clock, an aware moment; replaced in tests.
    """

    database_url: ClassVar[str] = DEFAULT_URL

    def __init__(self, *, now: Callable[[], datetime] = utc_now) -> None:
        self.now = now
        self.database = Database(os.environ.get("VOICEAGENT_DATABASE_URL") or self.database_url)

    async def on_startup(self) -> None:
        """Open the database, its tables up to date."""
        await self.database.open()

    async def on_shutdown(self) -> None:
        """Close it."""
        await self.database.close()
