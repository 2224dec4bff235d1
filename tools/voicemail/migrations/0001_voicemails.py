"""Missed calls, and the messages left in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tools.storage import UtcDateTime

revision = "voicemail_0001"
down_revision = None
branch_labels = ("voicemail",)
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "missed_calls",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.String(64), nullable=False, unique=True),
        sa.Column("caller_number", sa.String(64)),
        sa.Column("callee_number", sa.String(64)),
        sa.Column("occasion", sa.String(16), nullable=False),
        sa.Column("began_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime, nullable=False),
        sa.Column("ended", sa.String(32), nullable=False),
    )
    op.create_index("ix_missed_calls_caller", "missed_calls", ["caller_number", "began_at"])
    op.create_table(
        "voicemails",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "call_id",
            sa.Integer,
            sa.ForeignKey("missed_calls.id", ondelete="CASCADE"),
            nullable=False,
            unique=True,
        ),
        sa.Column("caller_name", sa.String(80), nullable=False),
        sa.Column("callback_number", sa.String(64)),
        sa.Column("urgency", sa.String(16), nullable=False),
        sa.Column("summary", sa.String(200), nullable=False),
        sa.Column("transcript", sa.Text, nullable=False),
        sa.Column("recording", sa.String(80)),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("adds_to_id", sa.Integer, sa.ForeignKey("voicemails.id", ondelete="SET NULL")),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("voicemails")
    op.drop_table("missed_calls")
