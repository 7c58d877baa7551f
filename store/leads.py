"""Leads: what is known of them, and the locks under which it is read and changed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

import domain.lead
from domain.lead_facts import LeadFacts, Variables
from domain.recipient import recipient_of
from domain.thread import Origin
from store.locks import lock_leads, lock_recipients
from store.recipients import locked_recipients
from store.tables import Instance, LeadAddress, SequenceVersion, StoredLead


class LockedLead(NamedTuple):
    """A lead whose row is locked until the transaction ends, as its recipients are, and one of its instances.

    `definition`, `version` and `steps` change when the instance is upgraded: see `store.facts.lock_step`.
    """

    workspace: str
    lead: domain.lead.Lead
    instance_id: str
    definition: str  # the JSON of the sequence version
    thread_id: str
    steps: int
    now: datetime
    origin: Origin | None = None  # where its thread began, if not with us
    version: str = ""

    @property
    def recipient(self) -> str:
        """Whom its next message goes to."""
        return recipient_of(self.lead.email)


# A lead, and what one of its instances says beside it: what `lead_of` reads.
_FACTS: tuple[Any, ...] = tuple(getattr(StoredLead, name) for name in LeadFacts.__dataclass_fields__)
LEAD_OF_INSTANCE = (
    *_FACTS,
    Instance.variables.label("own_variables"),
    Instance.variables_at.label("own_variables_at"),
)
_LOCKED = locked_recipients()
_LOCK_LEAD = (
    select(
        Instance.workspace,
        Instance.thread_id,
        Instance.steps,
        Instance.origin,
        SequenceVersion.definition,
        SequenceVersion.version,
        *LEAD_OF_INSTANCE,
        select(func.array_agg(_LOCKED.c.recipient, type_=ARRAY(Text))).scalar_subquery().label("locked"),
        func.clock_timestamp().label("now"),
    )
    .join(StoredLead, (StoredLead.workspace == Instance.workspace) & (StoredLead.lead_id == Instance.lead_id))
    .join(
        SequenceVersion,
        (SequenceVersion.workspace == Instance.workspace)
        & (SequenceVersion.name == Instance.sequence)
        & (SequenceVersion.version == Instance.version),
    )
    # a condition of the whole statement: recipients are locked before any row is looked for
    .where(Instance.id == bindparam("instance_id"), select(func.count()).select_from(_LOCKED).scalar_subquery() > 0)
    .with_for_update(of=StoredLead)
)


async def lock_lead(connection: AsyncConnection, instance_id: str) -> LockedLead | None:
    """Lock the recipients of an instance, then its lead; None when there is no such instance.

    Every transaction that claims, stops, settles or records begins with these locks and reads what changes in a
    statement after them: what was read before a lock was granted may be old (READ COMMITTED). While they were waited
    for, the lead may have moved to another address; then that one is locked, too.
    """
    while True:
        row = (await connection.execute(_LOCK_LEAD, {"instance_id": instance_id})).mappings().one_or_none()
        if row is None:
            return None
        if recipient_of(row["email"]) in row["locked"]:
            return _locked_lead(instance_id, row)


def _locked_lead(instance_id: str, row: Mapping[Any, Any]) -> LockedLead:
    origin = row["origin"]
    return LockedLead(
        workspace=row["workspace"],
        lead=lead_of(row),
        instance_id=instance_id,
        definition=row["definition"],
        thread_id=row["thread_id"],
        steps=row["steps"],
        now=row["now"],
        origin=Origin.model_construct(**origin) if origin else None,
        version=row["version"],
    )


def lead_of(row: Mapping[Any, Any]) -> domain.lead.Lead:
    """Read the lead of an instance, as its templates see them."""
    return _facts(row).lead_with(read_variables(row["own_variables"], row["own_variables_at"]))


def read_variables(texts: Mapping[str, str] | None, said_at: Mapping[str, str] | None) -> Variables:
    """Read variables as JSON has them; those without an instant count as older than any."""
    instants = {name: datetime.fromisoformat(at) for name, at in (said_at or {}).items()}
    return Variables(texts or {}, instants)


def written_instants(said_at: Mapping[str, datetime]) -> dict[str, str]:
    """Write the instants of variables for JSON."""
    return {name: at.isoformat() for name, at in said_at.items()}


def _facts(row: Mapping[Any, Any]) -> LeadFacts:
    stored = {name: row[name] for name in LeadFacts.__dataclass_fields__}
    variables = read_variables(stored["variables"], stored["variables_at"])
    return LeadFacts(**{**stored, "variables": variables.texts, "variables_at": variables.said_at})


_READ_FACTS = select(*_FACTS).where(
    StoredLead.workspace == bindparam("workspace"), StoredLead.lead_id.in_(bindparam("lead_ids", expanding=True))
)


async def read_lead_facts(connection: AsyncConnection, workspace: str, lead_ids: Sequence[str]) -> dict[str, LeadFacts]:
    """Read what is known of these leads; those of whom nothing is are left out.

    Wants their names locked (`store.locks.lock_leads`): then nobody changes it.
    """
    rows = await connection.execute(_READ_FACTS, {"workspace": workspace, "lead_ids": list(lead_ids)})
    return {row["lead_id"]: _facts(row) for row in rows.mappings()}


_LOCK_ROWS = (
    select(StoredLead.lead_id)
    .where(
        StoredLead.workspace == bindparam("workspace"), StoredLead.lead_id.in_(bindparam("lead_ids", expanding=True))
    )
    .order_by(StoredLead.lead_id)
    .with_for_update()
)


async def lock_lead_rows(connection: AsyncConnection, workspace: str, lead_ids: Sequence[str]) -> None:
    """Lock the rows of leads, after their names and their recipients."""
    await connection.execute(_LOCK_ROWS, {"workspace": workspace, "lead_ids": list(lead_ids)})


_INSERT = insert(StoredLead)
_DERIVED = ("quiet_until", "quiet_at")
_SAVED = (*(name for name in LeadFacts.__dataclass_fields__ if name != "lead_id"), *_DERIVED)
_SAVE_LEADS = _INSERT.on_conflict_do_update(
    index_elements=[StoredLead.workspace, StoredLead.lead_id],
    set_={name: _INSERT.excluded[name] for name in _SAVED} | {"changed_at": func.now()},
)


async def save_leads(connection: AsyncConnection, workspace: str, leads: Sequence[LeadFacts]) -> None:
    """Store what is known of these leads now. Wants their names locked."""
    if not leads:
        return
    rows = [
        {
            "workspace": workspace,
            **asdict(facts),
            **{name: getattr(facts, name) for name in _DERIVED},
            "variables_at": written_instants(facts.variables_at),
        }
        for facts in sorted(leads, key=lambda facts: facts.lead_id)
    ]
    await connection.execute(_SAVE_LEADS, rows)


_KEEP_ADDRESS = insert(LeadAddress).on_conflict_do_nothing()


async def keep_addresses(
    connection: AsyncConnection, workspace: str, lead_id: str, said: Sequence[tuple[datetime, str]]
) -> None:
    """Keep addresses that were said of a lead who has another one, each with the instant at which it was said."""
    rows = [{"workspace": workspace, "lead_id": lead_id, "said_at": at, "address": address} for at, address in said]
    await connection.execute(_KEEP_ADDRESS, rows)


_READ_ADDRESSES = select(LeadAddress.said_at, LeadAddress.address).where(
    LeadAddress.workspace == bindparam("workspace"), LeadAddress.lead_id == bindparam("lead_id")
)


async def read_addresses(connection: AsyncConnection, workspace: str, lead_id: str) -> list[tuple[datetime, str]]:
    """Read the addresses that were kept of a lead, each with the instant at which it was said."""
    rows = await connection.execute(_READ_ADDRESSES, {"workspace": workspace, "lead_id": lead_id})
    return [(row.said_at, row.address) for row in rows]


_LIST_FORMER = (
    select(LeadAddress.address)
    .distinct()
    .where(
        LeadAddress.workspace == bindparam("workspace"), LeadAddress.lead_id.in_(bindparam("lead_ids", expanding=True))
    )
)


async def list_former(connection: AsyncConnection, workspace: str, lead_ids: Sequence[str]) -> list[str]:
    """List the addresses that were kept of these leads: a stop that is heard late may be about one of them."""
    return list(
        (await connection.execute(_LIST_FORMER, {"workspace": workspace, "lead_ids": list(lead_ids)})).scalars()
    )


async def lock_person(connection: AsyncConnection, workspace: str, lead_id: str, *also: str) -> LeadFacts | None:
    """Lock a lead, the recipients it has or had, and further ones; returns what is known of it, None for nothing.

    It comes before any other lock but that of an event. What is said of a lead late may be about an address it had.
    """
    await lock_leads(connection, workspace, [lead_id])
    known = (await read_lead_facts(connection, workspace, [lead_id])).get(lead_id)
    current = [recipient_of(known.email)] if known else []
    had = await list_former(connection, workspace, [lead_id]) if known else []
    await lock_recipients(connection, workspace, [*current, *had, *also])
    await lock_lead_rows(connection, workspace, [lead_id])
    return known
