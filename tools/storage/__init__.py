"""Where agents and tools keep their data: SQLite by default, PostgreSQL by URL.

A tools package with tables has ``models.py`` (its ``Base`` and tables), ``migrations/`` (the Alembic
revisions that make them) and a ``SCHEMA``; its store takes the database and says that it needs them:

    SCHEMA = Schema("booking", Base.metadata, Path(__file__).parent / "migrations")

    class BookingStore:
        def __init__(self, database: Database) -> None:
            database.needs(SCHEMA)
            self._database = database

An agent is a subclass of :class:`DatabaseAgent`, which opens and closes the database.
"""

from tools.storage.agent import DatabaseAgent, utc_now
from tools.storage.database import DEFAULT_URL, Database, DatabaseUnavailableError
from tools.storage.schema import Schema
from tools.storage.types import UtcDateTime

__all__ = [
    "DEFAULT_URL",
    "Database",
    "DatabaseAgent",
    "DatabaseUnavailableError",
    "Schema",
    "UtcDateTime",
    "utc_now",
]
