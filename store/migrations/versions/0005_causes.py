"""Causes: by what a draft, a task or an instance changed, beside the text for people; and what settled a draft."""
# ruff: noqa: S608  # the SQL is put together from this file's own words

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

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
  INSERT INTO ledger (instance_id, step, subject, from_state, to_state, who, why, cause)
  VALUES (NEW.instance_id, NEW.step, 'draft', CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state, NEW.who, NEW.why,
          NEW.cause);
  RETURN NEW;
END $$
"""
GUARD_INSTANCE = """
CREATE OR REPLACE FUNCTION guard_instance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF (NEW.status, NEW.reason) IS NOT DISTINCT FROM (OLD.status, OLD.reason) AND
       (NEW.cause <> 'skipped' OR OLD.cause = 'skipped') THEN
      RETURN NEW;
    END IF;
    IF OLD.status IN ('completed', 'stopped') THEN
      RAISE EXCEPTION 'instance %: % is final', OLD.id, OLD.status USING ERRCODE = 'check_violation';
    END IF;
  END IF;
  INSERT INTO ledger (instance_id, step, subject, from_state, to_state, who, why, cause)
  VALUES (NEW.id, NEW.step, 'instance', CASE WHEN TG_OP = 'UPDATE' THEN OLD.status END, NEW.status, NEW.who, NEW.why,
          NEW.cause);
  RETURN NEW;
END $$
"""
GUARD_TASK = """
CREATE OR REPLACE FUNCTION guard_task() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.state = OLD.state THEN
    RETURN NEW;
  END IF;
  INSERT INTO ledger (instance_id, step, subject, from_state, to_state, who, why, cause)
  VALUES (NEW.instance_id, NEW.step, 'task', CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state, NEW.who, NEW.why,
          NEW.cause);
  RETURN NEW;
END $$
"""
# Words that were written before there were causes, as far as code reads them
DRAFT_CAUSES = """
    CASE
      WHEN why LIKE 'its message was seen: %' THEN 'seen'
      WHEN why LIKE 'approved by %' THEN 'approved'
      WHEN why LIKE 'rejected by %' THEN 'rejected'
      WHEN why LIKE 'done by %' THEN 'done'
      WHEN why LIKE 'skipped by %' OR why LIKE '% says skip' THEN 'skipped'
      WHEN state = 'sending' THEN 'claimed'
      ELSE 'by_hand'
    END
"""


def upgrade() -> None:
    for table in ("drafts", "instances", "tasks"):
        op.add_column(table, sa.Column("cause", sa.Text(), server_default="by_hand", nullable=False))
    op.add_column("ledger", sa.Column("cause", sa.Text(), nullable=True))
    op.add_column("evidence", sa.Column("settled", sa.Boolean(), server_default=sa.false(), nullable=False))
    for function in (GUARD_DRAFT, GUARD_INSTANCE, GUARD_TASK):
        op.execute(function)
    _read_words()


def _read_words() -> None:
    op.execute(f"UPDATE drafts SET cause = {DRAFT_CAUSES}")
    op.execute("""
        UPDATE evidence SET settled = true FROM drafts
        WHERE drafts.id = evidence.draft_id AND drafts.state = 'sent'
          AND drafts.why = 'its message was seen: ' || evidence.kind || ', ' || evidence.source
    """)
    # the ledger is kept as it is, but for a column that it did not have
    op.execute("ALTER TABLE ledger DISABLE TRIGGER guard_ledger")
    op.execute("UPDATE ledger SET cause = 'skipped' WHERE subject = 'instance' AND why LIKE 'skipped%'")
    op.execute("ALTER TABLE ledger ENABLE TRIGGER guard_ledger")
