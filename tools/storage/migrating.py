"""Bringing tables up to date: each schema's Alembic revisions, in the order of its own history.

The rules: workers that start at once do it one after the other, in one transaction each, so that tables are
never seen half changed; and what is not understood (tables of a newer program, tables of somebody else) is
left as it is, with an error that says so.
"""

from __future__ import annotations

import asyncio
import threading
from argparse import Namespace
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tools.storage.engine import WRITES
from tools.storage.schema import Schema
from tools.storage.types import UtcDateTime

MIGRATION_PATIENCE_S = 300.0
"""How long a worker waits for another one that changes the tables, and for each change, in seconds."""

_ENVIRONMENT = Path(__file__).parent / "environment"
_ADVISORY_LOCK = 0x626F6F6B
_alembic = threading.Lock()


class MigrationError(Exception):
    """The tables of a schema cannot be brought up to date. The message says why, and what to do."""


def version_table(schema: Schema) -> str:
    """Name of the table that says which revision the tables of a schema have."""
    return f"{schema.name}_version"


def configuration(schema: Schema, connection: Connection | None = None) -> Config:
    """Alembic's configuration for the revisions of one schema."""
    config = Config(cmd_opts=Namespace(quiet=True))
    for option, value in {
        "script_location": str(_ENVIRONMENT),
        "version_locations": str(schema.migrations),
        "path_separator": "newline",
        "version_path_separator": "newline",
    }.items():
        config.set_main_option(option, value.replace("%", "%%"))
    config.attributes["configure"] = {
        "connection": connection,
        "target_metadata": schema.metadata,
        "version_table": version_table(schema),
        "include_name": lambda name, kind, _parents: kind != "table" or name in schema.metadata.tables,
        "render_as_batch": True,
        "render_item": _render_type,
    }
    return config


def head(schema: Schema) -> str:
    """The newest revision of a schema.

    Raises:
        MigrationError: There is none, or there are two.
    """
    heads = scripts(schema.migrations).get_heads()
    if len(heads) != 1:
        found = ", ".join(heads) or "none"
        raise MigrationError(
            f"the revisions of {schema.name!r} in {schema.migrations} must end in one, found: {found}"
        )
    return heads[0]


def revisions(schema: Schema) -> list[str]:
    """The revisions of a schema, the newest first."""
    return [script.revision for script in scripts(schema.migrations).walk_revisions()]


def differences(connection: Connection, schema: Schema) -> list[object]:
    """What the tables lack, or have too much, for the models; within :func:`migrating`, after an upgrade."""
    options = configuration(schema, connection).attributes["configure"]
    context = MigrationContext.configure(connection, opts=options)
    return list(compare_metadata(context, schema.metadata))


async def up_to_date(engine: AsyncEngine, schemas: Iterable[Schema]) -> bool:
    """Whether the tables of all schemas have their newest revision. Connects, and changes nothing.

    Raises:
        MigrationError: A table is newer than this program.
    """
    async with engine.connect() as connection, connection.begin():
        versions = await connection.run_sync(lambda c: [current(c, schema) for schema in schemas])
    return all(version == head(schema) for version, schema in zip(versions, schemas, strict=True))


async def migrate(engine: AsyncEngine, schemas: Iterable[Schema]) -> None:
    """Bring the tables of all schemas to their newest revision, or change nothing.

    Raises:
        MigrationError: Tables are there that these revisions did not make.
    """
    async with migrating(engine) as connection:
        for schema in schemas:
            await connection.run_sync(upgrade, schema)


@asynccontextmanager
async def migrating(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction that changes tables, and that no other worker changes meanwhile.

    Raises:
        MigrationError: Alembic refuses what was asked of it, or a row would refer to one that is gone.
    """
    async with (
        _alembic_for_ourselves(),
        engine.execution_options(**WRITES).connect() as connection,
        _foreign_keys_off(connection),
        connection.begin(),
    ):
        if connection.dialect.name == "postgresql":
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        try:
            yield connection
        except CommandError as error:
            raise MigrationError(str(error)) from error
        except Exception as error:
            # Alembic tidies up when it is cancelled, cannot, and says that instead.
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise asyncio.CancelledError from error
            raise
        if connection.dialect.name == "sqlite":
            violated = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).fetchall()
            if violated:
                raise MigrationError(f"rows of {violated[0][0]!r} would refer to rows that do not exist")


def current(connection: Connection, schema: Schema) -> str | None:
    """The revision that the tables of a schema have; None where nobody said.

    Raises:
        MigrationError: It is not among the revisions of this program.
    """
    name = version_table(schema)
    if not sa.inspect(connection).has_table(name):
        return None
    column: sa.ColumnClause[str] = sa.column("version_num", sa.String)
    versions = connection.scalars(sa.select(column).select_from(sa.table(name))).all()
    if unknown := set(versions) - set(revisions(schema)):
        raise MigrationError(
            f"the tables of {schema.name!r} have revision {', '.join(sorted(unknown))}, and this program"
            f" knows up to {head(schema)}: they were made by a newer version. Update this program"
        )
    return versions[0] if versions else None


def upgrade(connection: Connection, schema: Schema) -> None:
    """Bring the tables of a schema to their newest revision, within :func:`migrating`."""
    if current(connection, schema) is None:
        _adopt(connection, schema)
    command.upgrade(configuration(schema, connection), "head")


def _adopt(connection: Connection, schema: Schema) -> None:
    """Take over tables that are there without a revision, if they are those of the first one."""
    there = set(sa.inspect(connection).get_table_names())
    if not there & schema.metadata.tables.keys():
        return
    first = scripts(schema.migrations).get_base()
    assert first is not None, "head() was asked before"
    expected = _tables_of(schema, first)
    same_database = connection.dialect.name == "sqlite"
    context = MigrationContext.configure(
        connection,
        opts={
            # The expected tables were read out of SQLite, whose types have other names.
            "compare_type": same_database,
            "include_name": lambda name, kind, _parents: kind != "table" or name in expected.tables,
        },
    )
    if found := compare_metadata(context, expected):
        raise MigrationError(
            f"it has tables of {schema.name!r} already ({', '.join(sorted(there & expected.tables.keys()))}),"
            f" but not as its first revision makes them (to be done: {_in_words(found[0])}). Choose another"
            " database, or change them by hand and mark them with `python -m tools.storage stamp`"
        )
    command.stamp(configuration(schema, connection), first)


def _tables_of(schema: Schema, revision: str) -> sa.MetaData:
    """The tables of a revision, read out of a scratch database."""
    engine = sa.create_engine("sqlite://")
    tables = sa.MetaData()
    try:
        with engine.begin() as connection:
            command.upgrade(configuration(schema, connection), revision)
            tables.reflect(connection, only=lambda name, _: name != version_table(schema))
    finally:
        engine.dispose()
    return tables


def _in_words(difference: object) -> str:
    """What would have to be done to the tables, such as ``add column books language``."""
    while isinstance(difference, list):
        difference = difference[0]
    assert isinstance(difference, tuple)
    kind, *parts = difference
    names = (getattr(part, "name", part) for part in parts)
    return " ".join([kind.replace("_", " "), *(name for name in names if isinstance(name, str))])


@lru_cache
def scripts(migrations: Path) -> ScriptDirectory:
    """The revisions in a folder, read once."""
    return ScriptDirectory(_ENVIRONMENT, version_locations=[migrations])


def _render_type(kind: str, item: object, context: AutogenContext) -> str | bool:
    """How a column type of ours is written into a new revision."""
    if kind == "type" and isinstance(item, UtcDateTime):
        context.imports.add("from tools.storage import UtcDateTime")
        return "UtcDateTime()"
    return False


@asynccontextmanager
async def _alembic_for_ourselves() -> AsyncIterator[None]:
    """Revisions speak to ``alembic.op``, of which a process has one: one migration at a time.

    Asked for again and again instead of waited for, so that the loop goes on, whichever thread holds it.
    """
    while not _alembic.acquire(blocking=False):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        _alembic.release()


@asynccontextmanager
async def _foreign_keys_off(connection: AsyncConnection) -> AsyncIterator[None]:
    """SQLite changes a table by making it anew; dropping the old one must not delete what refers to it."""
    if connection.dialect.name != "sqlite":
        yield
        return
    raw = (await connection.get_raw_connection()).driver_connection
    assert raw is not None
    await raw.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    except BaseException:
        await connection.invalidate()  # Nobody is to use it as it is.
        raise
    await raw.execute("PRAGMA foreign_keys = ON")
