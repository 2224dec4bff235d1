"""A small tools package with a history: a library lends books, and later wants to know their language."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tools.storage import Schema

FIRST = """\
import sqlalchemy as sa
from alembic import op

revision = "library_0001"
down_revision = None
branch_labels = ("library",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "books",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("title", sa.String(80), nullable=False),
    )
    op.create_table(
        "loans",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("book_id", sa.Integer(), sa.ForeignKey("books.id", ondelete="CASCADE"), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("loans")
    op.drop_table("books")
"""

SECOND = """\
import sqlalchemy as sa
from alembic import op

revision = "library_0002"
down_revision = "library_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("books") as books:
        books.add_column(sa.Column("language", sa.String(35), nullable=True))
    op.execute("UPDATE books SET language = 'en'")
    with op.batch_alter_table("books") as books:
        books.alter_column("language", existing_type=sa.String(35), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("books") as books:
        books.drop_column("language")
"""

BREAKS_DOWN = SECOND.replace("def downgrade", "    raise RuntimeError('out of paper')\n\n\ndef downgrade")


class EarlyBase(DeclarativeBase):
    pass


class EarlyBook(EarlyBase):
    __tablename__ = "books"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(80))


class EarlyLoan(EarlyBase):
    __tablename__ = "loans"

    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"))


class Base(DeclarativeBase):
    pass


class Book(Base):
    __tablename__ = "books"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(80))
    language: Mapped[str] = mapped_column(String(35))


class Loan(Base):
    __tablename__ = "loans"

    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"))


def library(folder: Path, *revisions: str) -> Schema:
    """The package as it was when it had so many revisions: two by default."""
    migrations = folder / f"migrations_{len(revisions)}"
    migrations.mkdir(exist_ok=True)
    for number, text in enumerate(revisions or (FIRST, SECOND), start=1):
        (migrations / f"{number:04d}_books.py").write_text(text)
    return Schema("library", (EarlyBase if len(revisions) == 1 else Base).metadata, migrations)
