"""Escalations and callbacks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tools.storage import UtcDateTime

revision = "escalation_0001"
down_revision = None
branch_labels = ("escalation",)
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "callbacks",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("number", sa.String(64), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("wish", sa.String(300), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("done_at", UtcDateTime()),
        sa.UniqueConstraint("call_id"),
    )
    op.create_index("ix_callbacks_number", "callbacks", ["number"])
    op.create_index("ix_callbacks_due_at", "callbacks", ["due_at"])
    op.create_table(
        "escalations",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("caller_number", sa.String(64)),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("summary", sa.String(1000), nullable=False),
        sa.Column("transcript", sa.JSON(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("note", sa.String(80), nullable=False),
        sa.Column("callback_id", sa.Integer(), sa.ForeignKey("callbacks.id", ondelete="SET NULL")),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("settled_at", UtcDateTime()),
    )
    op.create_index("ix_escalations_call_id", "escalations", ["call_id"])
    op.create_index("ix_escalations_caller_number", "escalations", ["caller_number"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("escalations")
    op.drop_table("callbacks")
