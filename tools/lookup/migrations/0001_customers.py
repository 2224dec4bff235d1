"""The customer records as they began.

Revision ID: lookup_0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "lookup_0001"
down_revision = None
branch_labels = ("lookup",)
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def _of_customer(*, index: bool = True) -> sa.Column[int]:
    owner = sa.ForeignKey("lookup_customers.id", ondelete="CASCADE")
    return sa.Column("customer_id", sa.Integer, owner, nullable=False, index=index)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "lookup_customers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("address", sa.String(200), nullable=False),
        sa.Column("balance_cents", sa.Integer, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("code_hash", sa.String(200)),
    )
    op.create_table(
        "lookup_customer_numbers",
        sa.Column("number", sa.String(64), primary_key=True),
        _of_customer(),
    )
    op.create_table(
        "lookup_orders",
        sa.Column("id", sa.Integer, primary_key=True),
        _of_customer(),
        sa.Column("items", sa.String(200), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("ordered_on", sa.Date, nullable=False),
        sa.Column("due_on", sa.Date),
    )
    op.create_table(
        "lookup_payments",
        sa.Column("id", sa.Integer, primary_key=True),
        _of_customer(),
        sa.Column("amount_cents", sa.Integer, nullable=False),
        sa.Column("method", sa.String(80), nullable=False),
        sa.Column("paid_on", sa.Date, nullable=False),
    )
    op.create_table(
        "lookup_tickets",
        sa.Column("id", sa.Integer, primary_key=True),
        _of_customer(),
        sa.Column("call_id", sa.String(100)),
        sa.Column("subject", sa.String(120), nullable=False),
        sa.Column("details", sa.String(500), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("opened_at", _MOMENT, nullable=False),
        sa.UniqueConstraint("customer_id", "call_id", "subject"),
    )
    op.create_table(
        "lookup_leads",
        sa.Column("number", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("first_called_at", _MOMENT, nullable=False),
        sa.Column("last_called_at", _MOMENT, nullable=False),
    )
    op.create_table(
        "lookup_code_attempts",
        sa.Column("id", sa.Integer, primary_key=True),
        _of_customer(index=False),
        sa.Column("call_id", sa.String(100), nullable=False),
        sa.Column("tried_at", _MOMENT, nullable=False),
        sa.Column("succeeded", sa.Boolean, nullable=False),
    )
    op.create_index("ix_lookup_code_attempts_recent", "lookup_code_attempts", ["customer_id", "tried_at"])


def downgrade() -> None:
    """Drop them."""
    for table in (
        "lookup_code_attempts",
        "lookup_leads",
        "lookup_tickets",
        "lookup_payments",
        "lookup_orders",
        "lookup_customer_numbers",
        "lookup_customers",
    ):
        op.drop_table(table)
