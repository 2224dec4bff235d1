"""What ``python -m tools.storage`` does, each function for one command."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.script import Script
from sqlalchemy.engine import Connection

import tools
from tools.storage import migrating
from tools.storage.database import explained
from tools.storage.engine import create_engine, in_memory, reach
from tools.storage.schema import Schema

T = TypeVar("T")


def schema_names() -> list[str]:
    """The packages in ``tools`` that have tables."""
    folders = [Path(place) for place in tools.__path__]
    return sorted(found.parent.name for place in folders for found in place.glob("*/migrations"))


def find_schemas() -> dict[str, Schema]:
    """The schemas of the packages in ``tools``, by the name of the package."""
    found = ((name, _schema_in(name)) for name in schema_names())
    return {name: schema for name, schema in found if schema is not None}


def find_schema(name: str) -> Schema:
    """A schema by the name of its package in ``tools``, or as ``MODULE:NAME``.

    Raises:
        ValueError: There is none; the text says which there are.
    """
    if ":" in name:
        module, _, attribute = name.partition(":")
        try:
            schema = getattr(import_module(module), attribute, None)
        except ImportError as error:
            raise ValueError(f"{name} cannot be imported: {error}") from error
        if isinstance(schema, Schema):
            return schema
        raise ValueError(f"{name} is no Schema")
    schema = _schema_in(name) if name in schema_names() else None
    if schema is None:
        there = ", ".join(schema_names())
        raise ValueError(f"no package of tools with tables is called {name!r}; there are: {there}")
    return schema


def _schema_in(package: str) -> Schema | None:
    """``SCHEMA`` of a package, or of its models."""
    for module in (f"tools.{package}", f"tools.{package}.models"):
        schema = getattr(import_module(module), "SCHEMA", None)
        if isinstance(schema, Schema):
            return schema
    return None


def current(url: str, names: Iterable[str] = ()) -> list[str]:
    """A line for each of these packages, or of those in ``tools``: its tables' revision, and the newest."""
    asked = [find_schema(name) for name in names]

    def look(connection: Connection) -> list[str]:
        return [_line(connection, schema) for schema in asked or find_schemas().values()]

    return _run(url, look)


def upgrade(url: str, names: Iterable[str]) -> list[str]:
    """Bring the tables of these packages, or of those in use there, to their newest revision."""
    asked = [find_schema(name) for name in names]

    def change(connection: Connection) -> list[str]:
        in_use = [each for each in find_schemas().values() if migrating.current(connection, each)]
        for schema in asked or in_use:
            migrating.upgrade(connection, schema)
        return [_line(connection, schema) for schema in asked or in_use]

    return _run(url, change, make=bool(asked)) or ["No package has tables there; name the ones to make."]


def downgrade(url: str, name: str, revision: str) -> str:
    """Bring the tables of a package back to an earlier revision."""
    schema = find_schema(name)

    def change(connection: Connection) -> str:
        command.downgrade(migrating.configuration(schema, connection), revision)
        return _line(connection, schema)

    return _run(url, change)


def stamp(url: str, name: str, revision: str) -> str:
    """Note that the tables of a package have a revision."""
    schema = find_schema(name)

    def change(connection: Connection) -> str:
        command.stamp(migrating.configuration(schema, connection), revision)
        return _line(connection, schema)

    return _run(url, change)


def revision(name: str, message: str) -> str:
    """Write the next revision of a package, and return its path.

    Raises:
        ValueError: Its revisions make what its models say already.
    """
    schema = find_schema(name)
    engine = sa.create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            number = len(migrating.revisions(schema)) + 1
            if number > 1:
                command.upgrade(migrating.configuration(schema, connection), "head")
                if not migrating.differences(connection, schema):
                    raise ValueError(f"the revisions of {name} make what its models say: nothing to write")
            config = migrating.configuration(schema, connection)
            config.set_main_option("file_template", f"{number:04d}_%%(slug)s")
            written = command.revision(
                config,
                message,
                autogenerate=True,
                rev_id=f"{schema.name}_{number:04d}",
                branch_label=schema.name if number == 1 else None,
            )
    finally:
        engine.dispose()
        migrating.scripts.cache_clear()
    assert isinstance(written, Script)
    return f"Wrote {written.path}. Read it: what happens to the rows that exist?"


def _line(connection: Connection, schema: Schema) -> str:
    has, newest = migrating.current(connection, schema), migrating.head(schema)
    if has is None:
        return f"{schema.name}: no tables"
    return f"{schema.name}: {has}" + (" (newest)" if has == newest else f", the newest is {newest}")


def _run(url: str, work: Callable[[Connection], T], *, make: bool = False) -> T:
    """Do something with the tables of a database, in one transaction."""

    async def run() -> T:
        with explained(url) as parsed:
            if not make and _is_missing(parsed):
                raise FileNotFoundError("there is no such file")
            engine = create_engine(parsed, patience=migrating.MIGRATION_PATIENCE_S)
            try:
                await reach(engine)
                async with migrating.migrating(engine) as connection:
                    return await connection.run_sync(work)
            finally:
                await engine.dispose()

    return asyncio.run(run())


def _is_missing(url: sa.URL) -> bool:
    """Whether this is a file that connecting would make."""
    if url.get_backend_name() != "sqlite" or in_memory(url):
        return False
    return not Path(str(url.database)).is_file()
