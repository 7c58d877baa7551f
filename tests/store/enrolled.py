"""Leads enrolled for tests of the store and the activities alone: a database, no Temporal, no provider."""

from collections.abc import Sequence as Many
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.instance import InstanceKey, instance_id
from domain.lead import Lead
from domain.lead_facts import LeadFacts
from domain.sequence import Sequence
from store.instances import Enrolment, enroll
from store.leads import save_leads
from store.sequences import save_sequence
from tests.roles import AS_BEFORE, without_guards
from tests.scene import a_lead, a_sequence

WORKSPACE = "w"


async def enroll_leads(connection: AsyncConnection, leads: Many[Lead], sequence: Sequence | None = None) -> list[str]:
    """Enrol leads as the starter's transaction does; returns the ids of their instances, in order."""
    wanted = sequence or a_sequence()
    ids = [instance_id(InstanceKey(WORKSPACE, wanted.name, lead.lead_id)) for lead in leads]
    rows = [Enrolment(one, lead.lead_id, len(wanted.steps), 0.0, one) for one, lead in zip(ids, leads, strict=True)]
    await save_sequence(connection, WORKSPACE, wanted)
    await save_leads(connection, WORKSPACE, [LeadFacts(**lead.model_dump()) for lead in leads])
    await enroll(connection, WORKSPACE, wanted, rows, "starter")
    return ids


async def enroll_one(engine: AsyncEngine, lead_id: str = "lead-1", sequence: Sequence | None = None) -> str:
    """Enrol one lead in a transaction of its own; returns the id of its instance."""
    async with engine.begin() as connection:
        return (await enroll_leads(connection, [a_lead(lead_id)], sequence))[0]


async def put_draft(connection: AsyncConnection, instance: str, step: int = 1, **more: Any) -> str:
    """Insert a draft by hand, as SQL sees it, in any state a claim or an operator could have brought it to.

    Triggers are off while it is made, constraints are not.
    """
    values: dict[str, Any] = {
        "id": f"{instance}/{step}/email",
        "instance_id": instance,
        "step": step,
        "thread_id": instance,
        "state": "pending",
        "message_id": f"<{step}@example.test>",
        "sender": "ada@example.test",
        "recipient": "lead-1@example.test",
        "subject": "Following up",
        "content": b"Hello",
        "fingerprint": "f",
        "who": "test",
        "why": "made by hand",
    } | more
    values = _what_its_state_needs(values["state"]) | values
    columns, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    await without_guards(connection)
    await connection.execute(text(f"INSERT INTO drafts ({columns}) VALUES ({marks})"), values)  # noqa: S608  # ours
    await connection.execute(text("SET LOCAL session_replication_role = origin"))
    await connection.execute(text(AS_BEFORE))
    return str(values["id"])


def _what_its_state_needs(state: str) -> dict[str, Any]:
    claim = {"claim_token": "0" * 32, "claim_run": "run", "claimed_at": "2026-01-01Z", "overdue_at": "2026-01-01Z"}
    sent = {"sent_at": "2026-01-01Z"} if state == "sent" else {}
    done = {"channel": "task"} if state == "done" else {}
    return sent | done | (claim if state in ("sending", "unknown", "sent", "refused") else {})
