"""One way to read and one way to write, for many calls at once; and errors that say what to do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import MetaData, select, text
from sqlalchemy.exc import DBAPIError

from tests.tools_.storage.library import Book, library
from tests.virtual_time import virtual_time
from tools.storage import Database, DatabaseAgent, DatabaseUnavailableError, Schema


@pytest.fixture
async def database(database_url: str, tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(database_url)
    database.needs(library(tmp_path))
    await database.open()
    yield database
    await database.close()


async def titles(database: Database) -> list[str]:
    async with database.reading() as session:
        return list(await session.scalars(select(Book.title).order_by(Book.id)))


async def test_what_is_written_is_read_and_what_fails_is_undone(database: Database) -> None:
    async with database.writing() as session:
        session.add(Book(title="Emma", language="en"))
    with pytest.raises(RuntimeError, match="hung up"):
        async with database.writing() as session:
            session.add(Book(title="Persuasion", language="en"))
            await session.flush()
            raise RuntimeError("hung up")
    assert await titles(database) == ["Emma"]


async def test_many_write_at_once_and_nothing_is_lost(database: Database) -> None:
    """Each writes what follows from what it reads: two that do not wait would write the same."""
    async with database.writing() as session:
        session.add(Book(title="0", language="en"))

    async def add_one() -> None:
        async with database.writing() as session:
            book = await session.scalar(select(Book).with_for_update())
            assert book is not None
            book.title = str(int(book.title) + 1)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(30):
            tasks.create_task(add_one())
    assert await titles(database) == ["30"]


SLOW = {
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3000000)"
    " SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(1)",
}


async def test_a_writer_that_is_cancelled_holds_up_nobody(database: Database) -> None:
    """A tool is cancelled in the middle of a statement, and its error is still being looked at."""
    begun = asyncio.Event()

    async def interrupted() -> None:
        async with database.writing() as session:
            session.add(Book(title="Persuasion", language="en"))
            await session.flush()
            begun.set()
            await session.execute(text(SLOW[session.get_bind().dialect.name]))

    writer = asyncio.create_task(interrupted())
    await begun.wait()
    await asyncio.sleep(0.05)
    writer.cancel()
    with pytest.raises(asyncio.CancelledError) as error:
        await writer
    async with asyncio.timeout(5), database.writing() as session:
        session.add(Book(title="Emma", language="en"))
    assert await titles(database) == ["Emma"]
    assert error.value is not None


async def test_errors_do_not_show_what_was_to_be_stored(database: Database) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with database.writing() as session:
            session.add(Book(id=1, title="Anna Miller, +15550100", language="en"))
            await session.flush()
            await session.execute(
                text("INSERT INTO books VALUES (1, :title, 'en')"), {"title": "Anna Miller, +15550100"}
            )
    assert "Anna" not in str(caught.value)


@virtual_time
async def _clock_stands(url: str, folder: Path) -> None:
    loop = asyncio.get_running_loop()
    database = Database(url)
    database.needs(library(folder))
    began = loop.time()
    async with asyncio.timeout(0.001):
        await database.open()
        async with database.writing() as session:
            session.add(Book(title="Emma", language="en"))
        assert await titles(database) == ["Emma"]
        await database.close()
    assert loop.time() == began


def test_the_virtual_clock_stands_while_a_database_works(database_url: str, tmp_path: Path) -> None:
    _clock_stands(database_url, tmp_path)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("nonsense", "database given cannot be opened: Could not parse"),
        ("sqlite:////no/such/folder/data.db", "unable to open database file"),
        ("postgresql://anna:hunter2@127.0.0.1:1/calls", r"//anna:\*\*\*@127.0.0.1:1/calls cannot be opened"),
        ("oracle://calls", "another kind than SQLite and PostgreSQL"),
        ("quill://calls", "another kind than SQLite and PostgreSQL"),
    ],
)
async def test_a_database_that_cannot_be_opened_says_why(url: str, named: str) -> None:
    with pytest.raises(DatabaseUnavailableError, match=named) as caught:
        await Database(url).open()
    assert "VOICEAGENT_DATABASE_URL" in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database, and longer than the header of one " * 10)
    with pytest.raises(DatabaseUnavailableError, match="file is not a database"):
        await Database(f"sqlite:///{file}").open()
    assert file.read_text().startswith("not a database")


async def test_using_a_database_that_is_not_open_is_a_clear_error() -> None:
    with pytest.raises(RuntimeError, match="not open"):
        async with Database("sqlite://").reading():
            pass


async def test_opening_and_closing_twice_is_fine(tmp_path: Path) -> None:
    database = Database("sqlite://")
    database.needs(library(tmp_path))
    await database.open()
    await database.open()
    assert await titles(database) == []
    await database.close()
    await database.close()


async def test_what_is_needed_is_said_before_the_database_is_open(tmp_path: Path) -> None:
    database, schema = Database("sqlite://"), library(tmp_path)
    database.needs(schema)
    database.needs(schema)
    with pytest.raises(ValueError, match="two schemas are called 'library'"):
        database.needs(Schema("library", MetaData(), tmp_path))
    await database.open()
    with pytest.raises(RuntimeError, match="'notes'"):
        database.needs(Schema("notes", MetaData(), tmp_path))
    await database.close()


class Librarian(DatabaseAgent):
    database_url = "sqlite:///from_the_class.db"


async def test_an_agent_has_its_database_open_while_the_service_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VOICEAGENT_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    agent = Librarian()
    agent.database.needs(library(tmp_path))
    await agent.on_startup()
    try:
        assert await titles(agent.for_call().database) == []
        assert (tmp_path / "from_the_class.db").is_file()
    finally:
        await agent.on_shutdown()
    with pytest.raises(RuntimeError, match="not open"):
        await titles(agent.database)


async def test_the_environment_names_the_database_of_an_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEAGENT_DATABASE_URL", f"sqlite:///{tmp_path / 'from_the_environment.db'}")
    agent = Librarian()
    await agent.on_startup()
    await agent.on_shutdown()
    assert sorted(os.listdir(tmp_path)) == ["from_the_environment.db"]
