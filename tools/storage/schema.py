"""The tables of one tools package, and how they came to be.

The rule: a package changes its own tables only, with a version history of its own. Two packages may live in
one database or in two, so no foreign key leads from one to the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import MetaData


@dataclass(frozen=True)
class Schema:
    """What a store needs to find in its database.

    Attributes:
        name: Of the package, such as ``booking``; also the branch label of its Alembic revisions.
        metadata: The tables, as the models say: ``Base.metadata``.
        migrations: Folder with the Alembic revisions that make these tables, ``0001_....py`` first.
    """

    name: str
    metadata: MetaData = field(repr=False, compare=False)
    migrations: Path = field(repr=False)
