"""Engines for SQLite and PostgreSQL that many calls can use at once."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing, suppress
from typing import Any

from sqlalchemy import URL, event, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

PATIENCE_S = 10
"""How long a writer waits for the writers before it, and for a server to answer, in seconds."""

WRITES: dict[str, Any] = {"sqlite_begin": "IMMEDIATE"}
"""Execution options of a transaction that will write."""

_ASYNC_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}


class _Connection(sqlite3.Connection):
    """Set up within the one step that opens it, so that a cancellation cannot come in between."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.isolation_level = None  # BEGIN is said by the engine, not by the driver.
        try:
            for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
                self.execute(f"PRAGMA {pragma}").close()
        except BaseException:
            self.close()
            raise


def parse_url(text: str) -> URL:
    """The URL, with an asynchronous driver where it names none.

    Raises:
        sqlalchemy.exc.ArgumentError: It is none, or one of another kind of database.
    """
    url = make_url(text)
    if url.get_backend_name() not in ("sqlite", "postgresql", "postgres"):
        raise ArgumentError("it is of another kind than SQLite and PostgreSQL")
    return url.set(drivername=_ASYNC_DRIVERS.get(url.drivername, url.drivername))


def in_memory(url: URL) -> bool:
    """Whether this is an SQLite database that lives in its one connection."""
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def create_engine(url: URL, *, patience: float = PATIENCE_S) -> AsyncEngine:
    """An engine; it connects when it is first used.

    Args:
        url: With an asynchronous driver.
        patience: How long a statement may take, waiting for others included, in seconds.

    Raises:
        ImportError: The driver is not installed.
        sqlalchemy.exc.SQLAlchemyError: There is no such driver.
    """
    if url.get_backend_name() != "sqlite":
        waits = {"timeout": PATIENCE_S, "command_timeout": patience}
        return create_async_engine(
            url,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args=waits if url.get_driver_name() == "asyncpg" else {},
        )
    # Each connection is a thread, and only one of them writes at a time.
    engine = create_async_engine(
        url,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1 if in_memory(url) else 4,
        max_overflow=0,
        hide_parameters=True,  # Rows hold names and numbers, and errors end up in logs.
        connect_args={"timeout": patience, "factory": _Connection},
    )

    @event.listens_for(engine.sync_engine, "invalidate")
    def _roll_back(connection: Any, _record: object, _error: BaseException | None) -> None:
        # A writer was cancelled. SQLite does not end the transaction of a connection that is closed while a
        # statement of it lives on, as in the traceback of the cancellation: nobody else could write then.
        with suppress(SQLAlchemyError, sqlite3.Error):
            connection.rollback()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {mode}")

    return engine


async def reach(engine: AsyncEngine) -> None:
    """Open and close an SQLite file, so that a wrong path is known before a pool has to deal with it.

    Raises:
        sqlite3.Error: It cannot be opened, or is no database.
    """
    if engine.dialect.name != "sqlite" or in_memory(engine.url):
        return
    arguments, options = engine.dialect.create_connect_args(engine.url)

    def probe() -> None:
        with closing(_Connection(*arguments, **options, timeout=PATIENCE_S)):
            pass

    await asyncio.to_thread(probe)
