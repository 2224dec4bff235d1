"""Appointments, the time they occupy, and days off."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tools.storage import UtcDateTime

revision = "booking_0001"
down_revision = None
branch_labels = ("booking",)
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "appointments",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("customer_number", sa.String(64), nullable=False),
        sa.Column("customer_name", sa.String(80), nullable=False),
        sa.Column("service", sa.String(80), nullable=False),
        sa.Column("staff", sa.String(80), nullable=False),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.UniqueConstraint("customer_number", "customer_name", "starts_at"),
    )
    op.create_index("ix_appointments_upcoming", "appointments", ["customer_number", "starts_at"])
    op.create_table(
        "occupied_cells",
        sa.Column("staff", sa.String(80), primary_key=True),
        sa.Column("starts_at", UtcDateTime(), primary_key=True),
        sa.Column(
            "appointment_id",
            sa.Integer(),
            sa.ForeignKey("appointments.id", ondelete="CASCADE"),
            nullable=False,
        ),
    )
    op.create_index("ix_occupied_cells_appointment_id", "occupied_cells", ["appointment_id"])
    op.create_table(
        "closed_days",
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("reason", sa.String(200), nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("closed_days", "occupied_cells", "appointments"):
        op.drop_table(table)
