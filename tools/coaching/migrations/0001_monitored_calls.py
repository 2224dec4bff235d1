"""Monitored calls, their notes and their suggestions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tools.storage import UtcDateTime

revision = "coaching_0001"
down_revision = None
branch_labels = ("coaching",)
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "monitored_calls",
        sa.Column("call_id", sa.String(), primary_key=True),
        sa.Column("caller_number", sa.String(64)),
        sa.Column("callee_number", sa.String(64)),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("announced_at", UtcDateTime()),
        sa.Column("connected_at", UtcDateTime()),
        sa.Column("ended_at", UtcDateTime()),
        sa.Column("ended", sa.String(40)),
        sa.Column("monitored_seconds", sa.Float(), nullable=False),
        sa.Column("words_of_caller", sa.Integer(), nullable=False),
        sa.Column("words_of_agent", sa.Integer(), nullable=False),
        sa.Column("words_of_parties", sa.Integer(), nullable=False),
        sa.Column("sentiment", sa.Float()),
        sa.Column("suggestions_played", sa.Integer(), nullable=False),
    )
    op.create_index("ix_monitored_calls_began_at", "monitored_calls", ["began_at"])
    op.create_table(
        "sentiment_notes",
        sa.Column("id", sa.Integer(), primary_key=True),
        _call_id(),
        sa.Column("speaker", sa.String(10), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
    )
    op.create_index("ix_sentiment_notes_call", "sentiment_notes", ["call_id", "at"])
    op.create_table(
        "topic_notes",
        sa.Column("id", sa.Integer(), primary_key=True),
        _call_id(),
        sa.Column("key", sa.String(60), nullable=False),
        sa.Column("topic", sa.String(60), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.UniqueConstraint("call_id", "key"),
    )
    op.create_table(
        "suggestions",
        sa.Column("id", sa.Integer(), primary_key=True),
        _call_id(),
        sa.Column("text", sa.String(200), nullable=False),
        sa.Column("heard", sa.String(500), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("settled_at", UtcDateTime()),
    )
    op.create_index("ix_suggestions_call", "suggestions", ["call_id", "asked_at"])


def downgrade() -> None:
    """Drop them."""
    for table in ("suggestions", "topic_notes", "sentiment_notes", "monitored_calls"):
        op.drop_table(table)


def _call_id() -> sa.Column[str]:
    return sa.Column(
        "call_id", sa.String(), sa.ForeignKey("monitored_calls.call_id", ondelete="CASCADE"), nullable=False
    )
