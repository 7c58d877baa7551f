"""People: approvals, manual steps, evidence, suppression that can be lifted, threads from elsewhere, senders' slots."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

GUARD_DRAFT = """
CREATE OR REPLACE FUNCTION guard_draft() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF (NEW.id, NEW.instance_id, NEW.step, NEW.channel, NEW.thread_id) IS DISTINCT FROM
       (OLD.id, OLD.instance_id, OLD.step, OLD.channel, OLD.thread_id) THEN
      RAISE EXCEPTION 'draft %: its identity never changes', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF current_setting('followup.forgetting', true) = 'on' AND OLD.state IN ('discarded', 'done', 'refused', 'sent', 'skipped', 'stopped') AND
       NEW.content = '' AND NEW.subject = '' AND NEW.recipient = '' AND NEW.reply = '' AND
       to_jsonb(NEW) - ARRAY['content', 'subject', 'recipient', 'reply'] =
       to_jsonb(OLD) - ARRAY['content', 'subject', 'recipient', 'reply'] THEN
      RETURN NEW;
    END IF;
    IF NOT (OLD.state = 'awaiting_approval' AND NEW.state = 'awaiting_approval') AND
       (NEW.content, NEW.fingerprint, NEW.message_id, NEW.sender, NEW.recipient, NEW.subject) IS DISTINCT FROM
       (OLD.content, OLD.fingerprint, OLD.message_id, OLD.sender, OLD.recipient, OLD.subject) THEN
      RAISE EXCEPTION 'draft %: it is frozen', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> OLD.state AND OLD.state || ' ' || NEW.state NOT IN ('awaiting_approval discarded', 'awaiting_approval pending', 'awaiting_approval stopped', 'pending done', 'pending sending', 'pending skipped', 'pending stopped', 'sending pending', 'sending refused', 'sending sent', 'sending unknown', 'unknown pending', 'unknown refused', 'unknown sent', 'unknown skipped') THEN
      RAISE EXCEPTION 'draft %: % -> % is no legal transition', OLD.id, OLD.state, NEW.state
        USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.generation <> OLD.generation + (NEW.state = 'pending' AND OLD.state IN ('sending', 'unknown'))::int THEN
      RAISE EXCEPTION 'draft %: each release is the next generation, and nothing else is', OLD.id
        USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = OLD.state THEN
      RETURN NEW;
    END IF;
  ELSIF NEW.state NOT IN ('pending', 'awaiting_approval') THEN
    RAISE EXCEPTION 'draft %: begins as %', NEW.id, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO ledger (instance_id, step, subject, from_state, to_state, who, why)
  VALUES (NEW.instance_id, NEW.step, 'draft', CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state, NEW.who, NEW.why);
  RETURN NEW;
END $$"""

GUARD_LEDGER = """
CREATE FUNCTION guard_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('followup.forgetting', true) = 'on' AND OLD.subject = 'note' AND NEW.why = '' AND
     to_jsonb(NEW) - 'why' = to_jsonb(OLD) - 'why' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'ledger is kept: UPDATE is not allowed' USING ERRCODE = 'check_violation';
END $$"""

STATES = (
    "'awaiting_approval', 'pending', 'sending', 'sent', 'refused', 'unknown', 'skipped', 'stopped', 'discarded', 'done'"
)
CHANNELS = "'email', 'task'"
KINDS = "'settle_outcome', 'approve_draft', 'manual_step', 'alarm'"
EVIDENCE = "'reply', 'auto_reply', 'bounce', 'delivery', 'sent_copy'"
PEOPLE_DO_TASKS = (
    "CASE channel WHEN 'task' THEN state IN ('pending', 'done', 'skipped', 'stopped') ELSE state <> 'done' END"
)


def upgrade() -> None:
    _drafts()
    _ledger()
    op.execute("ALTER TABLE tasks DROP CONSTRAINT ck_tasks_kind_known")
    op.create_check_constraint(op.f("ck_tasks_kind_known"), "tasks", f"kind IN ({KINDS})")
    op.add_column("tasks", sa.Column("instructions", sa.Text(), server_default="", nullable=False))
    op.add_column("instances", sa.Column("origin", postgresql.JSONB(), nullable=True))
    op.add_column("instances", sa.Column("variables", postgresql.JSONB(), nullable=True))
    op.add_column("suppressions", sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("suppressions", sa.Column("lifted_by", sa.Text(), nullable=True))
    op.add_column("suppressions", sa.Column("lifted_why", sa.Text(), nullable=True))
    _slots()
    _evidence()
    _link_key()
    _compatibility()


def _ledger() -> None:
    op.execute(GUARD_LEDGER)
    op.execute("DROP TRIGGER guard_kept ON ledger")
    op.execute("CREATE TRIGGER guard_ledger BEFORE UPDATE ON ledger FOR EACH ROW EXECUTE FUNCTION guard_ledger()")
    op.execute("CREATE TRIGGER guard_kept BEFORE DELETE OR TRUNCATE ON ledger EXECUTE FUNCTION guard_kept()")


def _drafts() -> None:
    op.execute(GUARD_DRAFT)
    for column, words in (("state", STATES), ("channel", CHANNELS)):
        op.execute(f"ALTER TABLE drafts DROP CONSTRAINT ck_drafts_{column}_known")
        op.create_check_constraint(op.f(f"ck_drafts_{column}_known"), "drafts", f"{column} IN ({words})")
    op.create_check_constraint(op.f("ck_drafts_people_do_tasks"), "drafts", PEOPLE_DO_TASKS)
    op.drop_index("ix_drafts_message_id", table_name="drafts")
    op.create_index("ix_drafts_message_hash", "drafts", [sa.text("split_part(message_id, '@', 1)")])


def _slots() -> None:
    op.create_table(
        "sender_slots",
        sa.Column("draft_id", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_sender_slots_instances")),
        sa.PrimaryKeyConstraint("draft_id", name=op.f("pk_sender_slots")),
    )
    op.create_index("ix_sender_slots_sender", "sender_slots", ["workspace", "sender", "at"])
    op.create_index("ix_sender_slots_instance", "sender_slots", ["instance_id"])


def _evidence() -> None:
    op.create_table(
        "evidence",
        sa.Column("draft_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint(f"kind IN ({EVIDENCE})", name=op.f("ck_evidence_kind_known")),
        sa.ForeignKeyConstraint(["draft_id"], ["drafts.id"], name=op.f("fk_evidence_drafts")),
        sa.PrimaryKeyConstraint("draft_id", "source", name=op.f("pk_evidence")),
    )


def _link_key() -> None:
    op.create_table(
        "link_keys",
        sa.Column("id", sa.Integer(), server_default="1", autoincrement=False, nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_link_keys_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_keys")),
    )
    # two version 4 UUIDs hold 244 random bits, and PostgreSQL takes them from its strong source
    op.execute(
        "INSERT INTO link_keys (secret)"
        " VALUES (decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'))"
    )


def _compatibility() -> None:
    op.create_table(
        "compatibility",
        sa.Column("id", sa.Integer(), server_default="1", autoincrement=False, nullable=False),
        sa.Column("oldest", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_compatibility_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_compatibility")),
    )
    # earlier code reads no suppressions of domains, and would send to them
    op.execute("INSERT INTO compatibility (oldest) VALUES ('0003')")
