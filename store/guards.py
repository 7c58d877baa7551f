"""What the database itself guards by triggers: legal transitions, frozen drafts, and the append-only ledger.

I8 is a trigger and not a habit: whoever changes a state, a psql session at night included, leaves a row in the ledger,
and an illegal change is refused with SQLSTATE 23514 (check_violation). Each looks for names in our schema alone, where
who runs the application can make none: a temporary table `ledger` of a session's own would take the rows otherwise.

One thing may be taken back: what is known of a person who is to be forgotten. A transaction that has said
`SET LOCAL followup.forgetting = 'on'` may empty drafts that have ended, of what they say and to whom, and operators'
words in the ledger; nothing else, so that everything still counts.
"""

from domain.draft import LEGAL_TRANSITIONS, DraftState
from domain.instance import FINAL

_LEGAL = ", ".join(sorted(f"'{before} {after}'" for before, after in LEGAL_TRANSITIONS))
_ENDED = ", ".join(
    sorted(f"'{state}'" for state in DraftState if all(before is not state for before, _ in LEGAL_TRANSITIONS))
)
_FINAL = ", ".join(f"'{status}'" for status in FINAL)

FUNCTIONS = {
    "guard_draft": f"""
CREATE FUNCTION guard_draft() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF (NEW.id, NEW.instance_id, NEW.step, NEW.channel, NEW.thread_id) IS DISTINCT FROM
       (OLD.id, OLD.instance_id, OLD.step, OLD.channel, OLD.thread_id) THEN
      RAISE EXCEPTION 'draft %: its identity never changes', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    IF current_setting('followup.forgetting', true) = 'on' AND OLD.state IN ({_ENDED}) AND
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
    IF NEW.state <> OLD.state AND OLD.state || ' ' || NEW.state NOT IN ({_LEGAL}) THEN
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
END $$""",
    "guard_instance": f"""
CREATE FUNCTION guard_instance() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF (NEW.status, NEW.reason) IS NOT DISTINCT FROM (OLD.status, OLD.reason) AND
       (NEW.cause <> 'skipped' OR OLD.cause = 'skipped') THEN
      RETURN NEW;
    END IF;
    IF OLD.status IN ({_FINAL}) THEN
      RAISE EXCEPTION 'instance %: % is final', OLD.id, OLD.status USING ERRCODE = 'check_violation';
    END IF;
  END IF;
  INSERT INTO ledger (instance_id, step, subject, from_state, to_state, who, why, cause)
  VALUES (NEW.id, NEW.step, 'instance', CASE WHEN TG_OP = 'UPDATE' THEN OLD.status END, NEW.status, NEW.who, NEW.why,
          NEW.cause);
  RETURN NEW;
END $$""",
    "guard_task": """
CREATE FUNCTION guard_task() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.state = OLD.state THEN
    RETURN NEW;
  END IF;
  INSERT INTO ledger (instance_id, step, subject, from_state, to_state, who, why, cause)
  VALUES (NEW.instance_id, NEW.step, 'task', CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state, NEW.who, NEW.why,
          NEW.cause);
  RETURN NEW;
END $$""",
    "guard_ledger": """
CREATE FUNCTION guard_ledger() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF current_setting('followup.forgetting', true) = 'on' AND OLD.subject = 'note' AND NEW.why = '' AND
     to_jsonb(NEW) - 'why' = to_jsonb(OLD) - 'why' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'ledger is kept: UPDATE is not allowed' USING ERRCODE = 'check_violation';
END $$""",
    "guard_kept": """
CREATE FUNCTION guard_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% is kept: % is not allowed', TG_TABLE_NAME, TG_OP USING ERRCODE = 'check_violation';
END $$""",
}

# after, so that a row refused by a constraint leaves nothing in the ledger; the guards change nothing in the row
TRIGGERS = {
    "drafts": "CREATE TRIGGER guard_draft AFTER INSERT OR UPDATE ON drafts FOR EACH ROW EXECUTE FUNCTION guard_draft()",
    "instances": "CREATE TRIGGER guard_instance AFTER INSERT OR UPDATE ON instances"
    " FOR EACH ROW EXECUTE FUNCTION guard_instance()",
    "tasks": "CREATE TRIGGER guard_task AFTER INSERT OR UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION guard_task()",
    "drafts kept": "CREATE TRIGGER guard_kept BEFORE DELETE OR TRUNCATE ON drafts EXECUTE FUNCTION guard_kept()",
    "ledger": "CREATE TRIGGER guard_ledger BEFORE UPDATE ON ledger FOR EACH ROW EXECUTE FUNCTION guard_ledger()",
    "ledger kept": "CREATE TRIGGER guard_kept BEFORE DELETE OR TRUNCATE ON ledger EXECUTE FUNCTION guard_kept()",
    "versions kept": "CREATE TRIGGER guard_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON sequence_versions"
    " EXECUTE FUNCTION guard_kept()",
}
STATEMENTS = [*FUNCTIONS.values(), *TRIGGERS.values()]
