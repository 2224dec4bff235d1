"""The notices as they began.

Revision ID: notifications_0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "notifications_0001"
down_revision = None
branch_labels = ("notifications",)
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("number", sa.String(64), nullable=False),
        sa.Column("text", sa.String(600), nullable=False),
        sa.Column("urgency", sa.Integer, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT),
        sa.Column("claimed_by", sa.String(100), index=True),
        sa.Column("claimed_until", _MOMENT),
        sa.Column("comment", sa.String(500), nullable=False),
        sa.Column("settled_at", _MOMENT),
        sa.Column("settled_in", sa.String(100)),
    )
    op.create_index("ix_notices_pending", "notices", ["number", "state", "urgency"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("notices")
