"""Leads: their row lock, and what is known of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

import domain.lead
from domain.thread import Origin
from store.tables import Instance, Lead, SequenceVersion


class LockedLead(NamedTuple):
    """A lead whose row is locked until the transaction ends, and one of its instances.

    `definition`, `version` and `steps` change when the instance is upgraded: see `store.facts.lock_step`.
    """

    workspace: str
    lead: domain.lead.Lead
    instance_id: str
    definition: str  # the JSON of the sequence version
    thread_id: str
    steps: int
    now: datetime
    quiet_until: datetime | None = None  # nothing is sent before
    origin: Origin | None = None  # where its thread began, if not with us
    version: str = ""


_LOCK_LEAD = (
    select(
        Instance.workspace,
        Instance.lead_id,
        Instance.thread_id,
        Instance.steps,
        Instance.origin,
        Instance.variables.label("said"),
        SequenceVersion.definition,
        SequenceVersion.version,
        Lead.email,
        Lead.name,
        Lead.timezone,
        Lead.variables,
        Lead.quiet_until,
        func.clock_timestamp().label("now"),
    )
    .join(Lead, (Lead.workspace == Instance.workspace) & (Lead.lead_id == Instance.lead_id))
    .join(
        SequenceVersion,
        (SequenceVersion.workspace == Instance.workspace)
        & (SequenceVersion.name == Instance.sequence)
        & (SequenceVersion.version == Instance.version),
    )
    .where(Instance.id == bindparam("instance_id"))
    .with_for_update(of=Lead)
)


async def lock_lead(connection: AsyncConnection, instance_id: str) -> LockedLead | None:
    """Lock the lead of an instance; None when there is no such instance.

    Every transaction that claims, stops, settles or records begins with this lock and reads what changes in a
    statement after it: what was read before a lock was granted may be old (READ COMMITTED).
    """
    row = (await connection.execute(_LOCK_LEAD, {"instance_id": instance_id})).one_or_none()
    if row is None:
        return None
    return LockedLead(
        workspace=row.workspace,
        # what is stored was checked when it came in; checking it again at every step would refuse what we accepted
        lead=domain.lead.Lead.model_construct(
            lead_id=row.lead_id,
            email=row.email,
            name=row.name,
            timezone=row.timezone,
            variables={**row.variables, **(row.said or {})},
        ),
        instance_id=instance_id,
        definition=row.definition,
        thread_id=row.thread_id,
        steps=row.steps,
        now=row.now,
        quiet_until=row.quiet_until,
        origin=Origin.model_construct(**row.origin) if row.origin else None,
        version=row.version,
    )


_LOCK_KNOWN_LEAD = (
    select(Lead.lead_id, Lead.email, Lead.name, Lead.timezone, Lead.variables)
    .where(Lead.workspace == bindparam("workspace"), Lead.lead_id == bindparam("lead_id"))
    .with_for_update()
)


async def lock_known_lead(connection: AsyncConnection, workspace: str, lead_id: str) -> domain.lead.Lead | None:
    """Lock a lead by its own id; None when it is not known."""
    locked = await connection.execute(_LOCK_KNOWN_LEAD, {"workspace": workspace, "lead_id": lead_id})
    row = locked.mappings().one_or_none()
    return domain.lead.Lead.model_construct(**row) if row else None


async def hold_lead(
    connection: AsyncConnection, workspace: str, lead_id: str, until: datetime | None
) -> datetime | None:
    """Send nothing to a lead before an instant, or a later one that was said before; None ends that. Returns which."""
    statement = update(Lead).where(Lead.workspace == workspace, Lead.lead_id == lead_id)
    later = func.greatest(Lead.quiet_until, until) if until is not None else None
    return (await connection.execute(statement.values(quiet_until=later).returning(Lead.quiet_until))).scalar_one()


_INSERT = insert(Lead)
_SAVE_LEADS = _INSERT.on_conflict_do_update(
    index_elements=[Lead.workspace, Lead.lead_id],
    set_={name: _INSERT.excluded[name] for name in ("email", "name", "timezone", "variables")}
    | {"changed_at": func.now()},
)


async def save_leads(connection: AsyncConnection, workspace: str, leads: Sequence[domain.lead.Lead]) -> None:
    """Store what the app says of these leads now; the newest word wins."""
    if not leads:
        return
    rows = [{"workspace": workspace, **lead.model_dump()} for lead in sorted(leads, key=lambda lead: lead.lead_id)]
    await connection.execute(_SAVE_LEADS, rows)
