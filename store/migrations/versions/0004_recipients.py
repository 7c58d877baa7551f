"""Recipients and words: a person is an address, and each fact of a lead has the instant of the word that set it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

KINDS = "'settle_outcome', 'approve_draft', 'manual_step', 'shared_recipient', 'alarm'"
LEAD_RECIPIENT = 'lower(email COLLATE "C")'
DRAFT_RECIPIENT = 'lower(recipient COLLATE "C")'


def upgrade() -> None:
    _leads()
    _instances()
    _stops()
    op.create_index("ix_drafts_recipient", "drafts", [sa.text(DRAFT_RECIPIENT), "sent_at"])
    op.create_index("ix_suppressions_who", "suppressions", ["workspace", "who"])
    op.create_index("ix_events_lead", "events", ["workspace", sa.text("(answer ->> 'lead_id')")])
    op.execute("ALTER TABLE tasks DROP CONSTRAINT ck_tasks_kind_known")
    op.create_check_constraint(op.f("ck_tasks_kind_known"), "tasks", f"kind IN ({KINDS})")


def _leads() -> None:
    for name in ("email_at", "name_at", "timezone_at", "quiet_at", "back_day_at", "away_at", "back_at"):
        op.add_column("leads", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("leads", sa.Column("back_day", sa.Date(), nullable=True))
    op.add_column("leads", sa.Column("variables_at", postgresql.JSONB(), server_default="{}", nullable=False))
    # when what is stored was said is not known any more; it was stored by then
    op.execute("""
        UPDATE leads SET email_at = changed_at, quiet_at = CASE WHEN quiet_until IS NOT NULL THEN changed_at END,
            back_day = (quiet_until AT TIME ZONE 'UTC')::date + 1,
            back_day_at = CASE WHEN quiet_until IS NOT NULL THEN changed_at END,
            name_at = CASE WHEN name <> '' THEN changed_at END,
            timezone_at = CASE WHEN timezone <> 'UTC' THEN changed_at END,
            variables_at = (SELECT coalesce(jsonb_object_agg(key, changed_at), '{}') FROM jsonb_each(variables))
        WHERE email <> ''
    """)
    op.create_index("ix_leads_recipient", "leads", ["workspace", sa.text(LEAD_RECIPIENT)])
    op.create_table(
        "lead_addresses",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "lead_id", "said_at", "address", name=op.f("pk_lead_addresses")),
    )
    op.create_index("ix_lead_addresses_address", "lead_addresses", ["workspace", "address"])


def _instances() -> None:
    now = sa.text("now()")
    op.add_column("instances", sa.Column("said_at", sa.DateTime(timezone=True), server_default=now, nullable=False))
    op.add_column("instances", sa.Column("variables_at", postgresql.JSONB(), nullable=True))
    op.execute("UPDATE instances SET said_at = enrolled_at")


def _stops() -> None:
    op.add_column("stops", sa.Column("named", sa.Text(), nullable=True))
    recipients = postgresql.ARRAY(sa.Text())
    op.add_column("stops", sa.Column("recipients", recipients, server_default="{}", nullable=False))
    op.execute("""
        UPDATE stops SET recipients = ARRAY[lower(leads.email COLLATE "C")] FROM leads
        WHERE leads.workspace = stops.workspace AND leads.lead_id = stops.lead_id AND leads.email <> ''
    """)
    op.create_index("ix_stops_recipients", "stops", ["recipients"], postgresql_using="gin")
