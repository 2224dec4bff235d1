"""Opening the booking database so that many calls may write at once, on SQLite and PostgreSQL alike.

The rule: a transaction that will write says so at its beginning. SQLite then lets the writers wait for each
other; a transaction that turns from reading to writing half-way would fail at once instead.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import URL, event, make_url, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from tools.booking.models import Base

PATIENCE_S = 10
"""How long a writer waits for the writers before it, and for a server to answer, in seconds."""

_ASYNC_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}
_CREATING_TABLES = (
    0x626F6F6B  # The key of the lock under which workers that start together create the tables.
)


class DatabaseUnavailableError(RuntimeError):
    """The booking database cannot be opened. The message says which one, why, and what to do."""


class Database:
    """A connection pool with one way to read and one way to write.

    Args:
        url: SQLAlchemy URL, ``sqlite+aiosqlite:///file.db`` or ``postgresql+asyncpg://...``; without a
            driver, the asynchronous one is taken.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine: AsyncEngine | None = None

    async def open(self) -> None:
        """Connect, and create the tables that are missing.

        Raises:
            DatabaseUnavailableError: The URL is wrong, a driver is missing, or the server is away.
        """
        if self._engine is not None:
            return
        shown = "given"
        try:
            url = make_url(self._url)
            url = url.set(drivername=_ASYNC_DRIVERS.get(url.drivername, url.drivername))
            shown = url.render_as_string(hide_password=True)
            engine = _create_engine(url)
            try:
                await _create_tables(engine)
            except BaseException:
                await engine.dispose()
                raise
        except (SQLAlchemyError, OSError, ImportError) as exc:
            raise DatabaseUnavailableError(
                f"The booking database {shown} cannot be opened: {str(exc).splitlines()[0]}."
                " Check the URL (BOOKING_DATABASE_URL), that the folder exists or the server runs, and for"
                " PostgreSQL that voiceagent[postgres] is installed."
            ) from exc
        self._engine = engine

    async def close(self) -> None:
        """Close the connections. Closing twice is fine."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A transaction that only reads."""
        async with AsyncSession(self._opened(), expire_on_commit=False) as session, session.begin():
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """A transaction that writes: committed at the end of the block, undone by an exception."""
        engine = self._opened().execution_options(sqlite_begin="IMMEDIATE")
        async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def _opened(self) -> AsyncEngine:
        if self._engine is None:
            raise RuntimeError("the booking database is not open: await store.open() first")
        return self._engine


def _create_engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() != "sqlite":
        waits = (
            {"timeout": PATIENCE_S, "command_timeout": PATIENCE_S}
            if url.get_driver_name() == "asyncpg"
            else {}
        )
        return create_async_engine(url, pool_pre_ping=True, connect_args=waits)
    # Each connection is a thread, and only one of them writes at a time. A database in memory lives in its
    # one connection.
    in_memory = url.database in (None, "", ":memory:")
    engine = create_async_engine(
        url,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1 if in_memory else 4,
        max_overflow=0,
        connect_args={"timeout": PATIENCE_S},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # BEGIN is said below, not by the driver.
        cursor = connection.cursor()
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {mode}")

    return engine


async def _create_tables(engine: AsyncEngine) -> None:
    async with engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CREATING_TABLES})
        await connection.run_sync(Base.metadata.create_all)
