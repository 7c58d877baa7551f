"""App events: each taken once, the stops they bring, and until when a lead is out of office."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("workspace", "id", name=op.f("pk_events")),
    )
    op.create_table(
        "stops",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint(
            "kind IN ('replied', 'booked', 'unsubscribed', 'bounced', 'closed')", name=op.f("ck_stops_kind_known")
        ),
        sa.PrimaryKeyConstraint("workspace", "event_id", name=op.f("pk_stops")),
    )
    op.create_index("ix_stops_lead", "stops", ["workspace", "lead_id", "occurred_at"], unique=False)
    op.add_column("leads", sa.Column("quiet_until", sa.DateTime(timezone=True), nullable=True))
