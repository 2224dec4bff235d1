"""Every package of tools: its revisions make what its models say."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy.engine import Connection

from tools.storage import Schema
from tools.storage.commands import find_schema, find_schemas, schema_names
from tools.storage.engine import create_engine, parse_url
from tools.storage.migrating import configuration, differences, migrating, upgrade, version_table

every_package = pytest.mark.parametrize("name", schema_names())


async def migrated(url: str, schema: Schema, *works: object) -> None:
    engine = create_engine(parse_url(url))
    async with migrating(engine) as connection:
        await connection.run_sync(upgrade, schema)
        for work in works:
            await connection.run_sync(work)  # type: ignore[arg-type]
    await engine.dispose()


@every_package
async def test_the_revisions_make_what_the_models_say(name: str, database_url: str) -> None:
    schema = find_schema(name)
    found: list[object] = []
    await migrated(database_url, schema, lambda connection: found.extend(differences(connection, schema)))
    assert found == [], f"write the next revision: python -m tools.storage revision {name} 'what changed'"


@every_package
async def test_the_revisions_can_be_taken_back(name: str, database_url: str) -> None:
    schema = find_schema(name)
    left: list[str] = []

    def take_back(connection: Connection) -> None:
        command.downgrade(configuration(schema, connection), "base")
        left.extend(sa.inspect(connection).get_table_names())

    await migrated(database_url, schema, take_back)
    assert left == [version_table(schema)]


async def test_all_packages_fit_into_one_database(database_url: str) -> None:
    schemas = find_schemas().values()
    engine = create_engine(parse_url(database_url))
    async with migrating(engine) as connection:
        for schema in schemas:
            await connection.run_sync(upgrade, schema)
        for schema in schemas:
            assert await connection.run_sync(differences, schema) == []
    await engine.dispose()


def test_no_two_packages_have_a_table_of_the_same_name() -> None:
    tables = [table for schema in find_schemas().values() for table in schema.metadata.tables]
    assert sorted(set(tables)) == sorted(tables)


@every_package
def test_a_schema_has_the_name_of_its_package_and_its_revisions_too(name: str) -> None:
    schema = find_schema(name)
    assert schema.name == name
    assert schema.migrations.parent.name == name


def test_a_forgotten_revision_is_noticed() -> None:
    """The check above, with a model that has a column more than the revisions make."""
    schema = find_schema("messaging")
    models = sa.MetaData()
    for table in schema.metadata.tables.values():
        table.to_metadata(models)
    models.tables["outbox_messages"].append_column(sa.Column("forgotten", sa.Integer()))
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        changed = Schema(schema.name, models, schema.migrations)
        upgrade(connection, changed)
        assert [difference[0] for difference in differences(connection, changed)] == ["add_column"]  # type: ignore[index]
    engine.dispose()


async def test_appointments_stored_without_migrations_are_kept(database_url: str) -> None:
    """Booking once made its tables without migrations."""
    from tools.booking.models import SCHEMA

    engine = create_engine(parse_url(database_url))
    async with migrating(engine) as connection:
        await connection.run_sync(_earliest_booking().create_all)
        for statement in (
            "INSERT INTO appointments VALUES (7, '+15550100', 'Anna', 'cleaning', 'Doctor Rivera',"
            " '2026-03-03 15:00:00', '2026-03-03 15:30:00', '2026-03-02 15:00:00')",
            "INSERT INTO occupied_cells VALUES ('Doctor Rivera', '2026-03-03 15:00:00', 7)",
            "INSERT INTO closed_days VALUES ('2026-12-25', 'Christmas')",
        ):
            await connection.exec_driver_sql(statement)
    async with migrating(engine) as connection:
        await connection.run_sync(upgrade, SCHEMA)
        assert await connection.run_sync(differences, SCHEMA) == []
        query = "SELECT customer_name, reason FROM appointments, closed_days, occupied_cells"
        assert (await connection.exec_driver_sql(query)).fetchall() == [("Anna", "Christmas")]
    await engine.dispose()


def _earliest_booking() -> sa.MetaData:
    tables = sa.MetaData()
    moment = sa.DateTime(timezone=True)
    sa.Table(
        "appointments",
        tables,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("customer_number", sa.String(64), nullable=False),
        sa.Column("customer_name", sa.String(80), nullable=False),
        sa.Column("service", sa.String(80), nullable=False),
        sa.Column("staff", sa.String(80), nullable=False),
        sa.Column("starts_at", moment, nullable=False),
        sa.Column("ends_at", moment, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.UniqueConstraint("customer_number", "customer_name", "starts_at"),
        sa.Index("ix_appointments_upcoming", "customer_number", "starts_at"),
    )
    sa.Table(
        "occupied_cells",
        tables,
        sa.Column("staff", sa.String(80), primary_key=True),
        sa.Column("starts_at", moment, primary_key=True),
        sa.Column(
            "appointment_id",
            sa.Integer,
            sa.ForeignKey("appointments.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
    )
    sa.Table(
        "closed_days",
        tables,
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("reason", sa.String(200), nullable=False),
    )
    return tables
