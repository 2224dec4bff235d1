"""What calendars know an appointment by, languages, and customers who wait."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

from tools.storage import UtcDateTime

revision = "booking_0002"
down_revision = "booking_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give the appointments that exist an identity of their own, and make the list."""
    with op.batch_alter_table("appointments") as appointments:
        appointments.add_column(sa.Column("uid", sa.String(36)))
        appointments.add_column(sa.Column("sequence", sa.Integer()))
        appointments.add_column(sa.Column("language", sa.String(35)))
    table = sa.table("appointments", *(sa.column(name) for name in ("id", "uid", "sequence", "language")))
    connection = op.get_bind()
    for number in connection.scalars(sa.select(table.c.id)).all():
        values = {"uid": str(uuid.uuid4()), "sequence": 0, "language": ""}
        connection.execute(sa.update(table).where(table.c.id == number).values(values))
    with op.batch_alter_table("appointments") as appointments:
        appointments.alter_column("uid", existing_type=sa.String(36), nullable=False)
        appointments.alter_column("sequence", existing_type=sa.Integer(), nullable=False)
        appointments.alter_column("language", existing_type=sa.String(35), nullable=False)
        appointments.create_unique_constraint("appointments_uid_key", ["uid"])
    op.create_table(
        "waiting_list",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("customer_number", sa.String(64), nullable=False),
        sa.Column("customer_name", sa.String(80), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("service", sa.String(80), nullable=False),
        sa.Column("staff", sa.String(80), nullable=False),
        sa.Column("wishes", sa.String(200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.UniqueConstraint("customer_number", "service"),
    )


def downgrade() -> None:
    """Take that back; who waits is forgotten."""
    op.drop_table("waiting_list")
    with op.batch_alter_table("appointments") as appointments:
        appointments.drop_constraint("appointments_uid_key", type_="unique")
        for name in ("language", "sequence", "uid"):
            appointments.drop_column(name)
