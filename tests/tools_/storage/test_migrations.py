"""Tables are brought up to date when a database is opened, whoever opens it and whatever is in it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from tests.tools_.storage.library import BREAKS_DOWN, FIRST, SECOND, EarlyBase, library
from tools.storage import Database, DatabaseUnavailableError, Schema
from tools.storage.engine import WRITES, create_engine, parse_url
from tools.storage.migrating import current


@asynccontextmanager
async def opened(url: str, *schemas: Schema) -> AsyncIterator[Database]:
    database = Database(url)
    for schema in schemas:
        database.needs(schema)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def tables(session: AsyncSession) -> set[str]:
    connection = await session.connection()
    return set(await connection.run_sync(lambda c: sa.inspect(c).get_table_names()))


async def run(url: str, *statements: str) -> None:
    """What somebody else does in the database, before it is opened."""
    engine = create_engine(parse_url(url))
    async with engine.execution_options(**WRITES).begin() as connection:
        for statement in statements:
            await connection.exec_driver_sql(statement)
    await engine.dispose()


async def create_all(url: str) -> None:
    """The tables as a program without migrations made them, with a book that is lent."""
    engine = create_engine(parse_url(url))
    async with engine.execution_options(**WRITES).begin() as connection:
        await connection.run_sync(EarlyBase.metadata.create_all)
    await engine.dispose()
    await run(url, "INSERT INTO books VALUES (1, 'Emma')", "INSERT INTO loans VALUES (1, 1)")


async def lent_books(database: Database) -> list[tuple[str, str]]:
    query = "SELECT title, language FROM books JOIN loans ON loans.book_id = books.id"
    async with database.reading() as session:
        return [tuple(row) for row in await session.execute(sa.text(query))]


async def test_a_fresh_database_gets_the_newest_tables(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, library(tmp_path)) as database, database.reading() as session:
        assert await tables(session) == {"books", "loans", "library_version"}


async def test_only_the_packages_that_are_needed_get_tables(database_url: str) -> None:
    async with opened(database_url) as database, database.reading() as session:
        assert await tables(session) == set()


async def test_rows_survive_the_next_revision(database_url: str, tmp_path: Path) -> None:
    """SQLite makes a changed table anew: what refers to its rows must not go with the old one."""
    async with opened(database_url, library(tmp_path, FIRST)) as database, database.writing() as session:
        await session.execute(sa.text("INSERT INTO books VALUES (1, 'Emma')"))
        await session.execute(sa.text("INSERT INTO loans VALUES (1, 1)"))
    async with opened(database_url, library(tmp_path)) as database:
        assert await lent_books(database) == [("Emma", "en")]
        with pytest.raises(IntegrityError):
            async with database.writing() as session:
                await session.execute(sa.text("INSERT INTO loans VALUES (2, 99)"))


async def test_a_revision_that_fails_changes_nothing(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, library(tmp_path, FIRST)):
        pass
    broken = library(tmp_path, FIRST, BREAKS_DOWN)
    with pytest.raises(RuntimeError, match="out of paper"):
        await _needing(database_url, broken).open()
    async with opened(database_url, library(tmp_path, FIRST)) as database, database.reading() as session:
        columns = await (await session.connection()).run_sync(lambda c: sa.inspect(c).get_columns("books"))
        assert [column["name"] for column in columns] == ["id", "title"]


async def test_tables_made_without_migrations_are_taken_over(database_url: str, tmp_path: Path) -> None:
    await create_all(database_url)
    async with opened(database_url, library(tmp_path)) as database:
        assert await lent_books(database) == [("Emma", "en")]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("ALTER TABLE books ADD COLUMN shelf VARCHAR(9)", "remove column books shelf"),
        ("DROP TABLE loans", "add table loans"),
    ],
)
async def test_tables_of_somebody_else_are_left_alone(
    database_url: str, tmp_path: Path, change: str, named: str
) -> None:
    await create_all(database_url)
    await run(database_url, change)
    with pytest.raises(DatabaseUnavailableError, match=f"'library' already.*not as.*{named}.*stamp"):
        await _needing(database_url, library(tmp_path)).open()
    async with opened(database_url) as database, database.reading() as session:
        assert "library_version" not in await tables(session)


async def test_tables_of_a_newer_program_are_left_alone(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, library(tmp_path)):
        pass
    with pytest.raises(
        DatabaseUnavailableError, match=r"'library' have revision library_0002.*up to library_0001.*Update"
    ):
        await _needing(database_url, library(tmp_path, FIRST)).open()
    async with opened(database_url, library(tmp_path)):
        pass


@pytest.mark.parametrize("revisions", [(FIRST, SECOND.replace('"library_0001"', "None"))])
async def test_a_history_with_two_ends_is_named(tmp_path: Path, revisions: tuple[str, ...]) -> None:
    with pytest.raises(DatabaseUnavailableError, match="must end in one, found: library_0001, library_0002"):
        await _needing("sqlite://", library(tmp_path, *revisions)).open()


async def test_a_package_without_revisions_is_named(tmp_path: Path) -> None:
    schema = Schema("library", EarlyBase.metadata, tmp_path)
    with pytest.raises(DatabaseUnavailableError, match=r"'library' in .* must end in one, found: none"):
        await _needing("sqlite://", schema).open()


async def test_workers_that_open_at_once_wait_for_each_other(database_url: str, tmp_path: Path) -> None:
    await create_all(database_url)
    databases = [_needing(database_url, library(tmp_path)) for _ in range(6)]
    async with asyncio.TaskGroup() as tasks:
        for database in databases:
            tasks.create_task(database.open())
    for database in databases:
        assert await lent_books(database) == [("Emma", "en")]
        await database.close()


async def test_processes_that_start_at_once_wait_for_each_other(database_url: str, tmp_path: Path) -> None:
    library(tmp_path)
    program = f"""
import asyncio, sys
from pathlib import Path
from tests.tools_.storage.library import Base
from tools.storage import Database, Schema
async def main():
    database = Database({database_url!r})
    database.needs(Schema("library", Base.metadata, Path({str(tmp_path / "migrations_0")!r})))
    sys.stdin.readline()
    await database.open()
    await database.close()
asyncio.run(main())
"""
    workers = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program,
            stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        )
        for _ in range(3)
    ]
    ended = await asyncio.gather(*(worker.communicate(b"go\n") for worker in workers))
    assert [(worker.returncode, error) for worker, (_, error) in zip(workers, ended, strict=True)] == [
        (0, b"")
    ] * 3


@pytest.mark.parametrize("steps", range(0, 60, 3))
async def test_opening_can_be_cancelled_at_any_moment(tmp_path: Path, steps: int) -> None:
    url = f"sqlite:///{tmp_path / 'data.db'}"
    opening = asyncio.create_task(_needing(url, library(tmp_path)).open())
    for _ in range(steps):
        await asyncio.sleep(0.0001)
    opening.cancel()
    with suppress(asyncio.CancelledError):
        await opening  # Which is over, or was cancelled: nothing else may come of it.
    async with opened(url, library(tmp_path)) as database:
        assert await lent_books(database) == []


async def test_opening_costs_little(tmp_path: Path) -> None:
    schema = library(tmp_path)
    async with opened(f"sqlite:///{tmp_path / 'first.db'}", schema):
        pass  # What is loaded once per process is loaded now.
    began = time.process_time()
    async with opened(f"sqlite:///{tmp_path / 'fresh.db'}", schema):
        fresh = time.process_time() - began
    began = time.process_time()
    async with opened(f"sqlite:///{tmp_path / 'fresh.db'}", schema):
        again = time.process_time() - began
    assert fresh < 0.3
    assert again < 0.1


async def test_the_revision_is_stored_per_package(database_url: str, tmp_path: Path) -> None:
    schema = library(tmp_path, FIRST)
    async with opened(database_url, schema) as database, database.reading() as session:
        connection = await session.connection()
        assert await connection.run_sync(current, schema) == "library_0001"


def _needing(url: str, schema: Schema) -> Database:
    database = Database(url)
    database.needs(schema)
    return database
