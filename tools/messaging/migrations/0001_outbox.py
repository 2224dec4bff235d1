"""Messages, what goes with them, and their ways through the channels."""

import sqlalchemy as sa
from alembic import op

from tools.storage import UtcDateTime

revision = "messaging_0001"
down_revision = None
branch_labels = ("messaging",)
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "outbox_messages",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("uid", sa.String(36), nullable=False),
        sa.Column("key", sa.String(200)),
        sa.Column("kind", sa.String(80), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("recipient", sa.String(320)),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.UniqueConstraint("uid"),
        sa.UniqueConstraint("key"),
    )
    op.create_index("ix_outbox_messages_created_at", "outbox_messages", ["created_at"])
    op.create_table(
        "outbox_attachments",
        sa.Column("id", sa.Integer(), primary_key=True),
        _message_id(),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("content_type", sa.String(100), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_outbox_attachments_message_id", "outbox_attachments", ["message_id"])
    op.create_table(
        "outbox_deliveries",
        sa.Column("id", sa.Integer(), primary_key=True),
        _message_id(),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=False),
        sa.Column("error", sa.String(200), nullable=False),
        sa.Column("finished_at", UtcDateTime()),
        sa.UniqueConstraint("message_id", "channel"),
    )
    op.create_index("ix_outbox_deliveries_due", "outbox_deliveries", ["state", "next_attempt_at"])


def downgrade() -> None:
    """Drop them."""
    for table in ("outbox_deliveries", "outbox_attachments", "outbox_messages"):
        op.drop_table(table)


def _message_id() -> sa.Column[int]:
    return sa.Column(
        "message_id", sa.Integer(), sa.ForeignKey("outbox_messages.id", ondelete="CASCADE"), nullable=False
    )
