"""A database that many calls write at once, SQLite and PostgreSQL alike.

The rule: a transaction that will write says so at its beginning. SQLite then lets the writers wait for each
other; a transaction that turns from reading to writing half-way would fail at once instead.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from tools.storage.engine import WRITES, create_engine, in_memory, parse_url, reach
from tools.storage.migrating import MIGRATION_PATIENCE_S, MigrationError, migrate, up_to_date
from tools.storage.schema import Schema

DEFAULT_URL = "sqlite+aiosqlite:///voiceagent.db"
"""Where data is kept unless somebody says otherwise."""


class DatabaseUnavailableError(RuntimeError):
    """The database cannot be opened. The message says which one, why, and what to do."""


@contextmanager
def explained(text: str) -> Iterator[URL]:
    """Parse the URL of a database, and turn what goes wrong with it into one kind of error.

    Raises:
        DatabaseUnavailableError: Within the block the database could not be used.
    """
    shown = "given"
    try:
        url = parse_url(text)
        shown = url.render_as_string(hide_password=True)
        yield url
    except MigrationError as exc:
        raise DatabaseUnavailableError(f"The database {shown} cannot be used: {exc}.") from exc
    except (SQLAlchemyError, sqlite3.Error, OSError, ImportError) as exc:
        raise DatabaseUnavailableError(
            f"The database {shown} cannot be opened: {str(exc).splitlines()[0]}."
            " Check the URL (VOICEAGENT_DATABASE_URL), that the folder exists or the server runs, and"
            " for PostgreSQL that voiceagent[postgres] is installed."
        ) from exc


class Database:
    """A connection pool with one way to read and one way to write.

    Several stores may share one; each says in its constructor what it :meth:`needs`, before :meth:`open`.

    Args:
        url: SQLAlchemy URL, ``sqlite+aiosqlite:///file.db`` or ``postgresql+asyncpg://...``; without a
            driver, the asynchronous one is taken.
    """

    def __init__(self, url: str = DEFAULT_URL) -> None:
        self._url = url
        self._schemas: dict[str, Schema] = {}
        self._engine: AsyncEngine | None = None

    def needs(self, schema: Schema) -> None:
        """Have :meth:`open` bring these tables up to date. Asking for the same twice is fine.

        Raises:
            RuntimeError: The database is open already.
            ValueError: Another schema has this name.
        """
        known = self._schemas.get(schema.name)
        if known is not None:
            if known != schema:
                raise ValueError(f"two schemas are called {schema.name!r}; each needs a name of its own")
            return
        if self._engine is not None:
            raise RuntimeError(f"the database is open already: make what needs {schema.name!r} before that")
        self._schemas[schema.name] = schema

    async def open(self) -> None:
        """Connect, and bring the tables that are needed up to date. Opening twice is fine.

        Raises:
            DatabaseUnavailableError: The URL is wrong, a driver is missing, the server is away, or the
                tables are not those of this program.
        """
        if self._engine is not None:
            return
        with explained(self._url) as url:
            self._engine = await self._opened_at(url)

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
        engine = self._opened().execution_options(**WRITES)
        async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def _opened(self) -> AsyncEngine:
        if self._engine is None:
            raise RuntimeError("the database is not open: await database.open() first")
        return self._engine

    async def _opened_at(self, url: URL) -> AsyncEngine:
        schemas = list(self._schemas.values())
        engine = create_engine(url)
        try:
            await reach(engine)
            if not await up_to_date(engine, schemas):
                patient = engine if in_memory(url) else create_engine(url, patience=MIGRATION_PATIENCE_S)
                try:
                    await migrate(patient, schemas)
                finally:
                    if patient is not engine:
                        await patient.dispose()
        except BaseException:
            await engine.dispose()
            raise
        return engine
