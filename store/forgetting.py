"""Everything that is known of a person: read for them, or erased, with what counts and what forbids sends kept."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import and_, delete, func, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.draft import LEGAL_TRANSITIONS
from store.suppressions import covering, forgotten
from store.tables import Base, Draft, Evidence, Instance, Lead, LedgerEntry, SenderSlot, Stop, Suppression, Task

# Whatever more can happen to a draft in one of these, so it can't be emptied.
UNENDED = tuple(sorted({before for before, _ in LEGAL_TRANSITIONS}))


class Person(NamedTuple):
    """The rows of a lead, table by table, each as it is stored."""

    lead: dict[str, Any]
    instances: list[dict[str, Any]]
    drafts: list[dict[str, Any]]
    tasks: list[dict[str, Any]]
    ledger: list[dict[str, Any]]
    stops: list[dict[str, Any]]
    suppressions: list[dict[str, Any]]
    evidence: list[dict[str, Any]]
    sender_slots: list[dict[str, Any]]


async def read_person(connection: AsyncConnection, workspace: str, lead_id: str) -> Person | None:
    """Read everything known of a lead; None when there is no such lead. Suppressions are those of every address."""
    of_lead = [(table.workspace == workspace) & (table.lead_id == lead_id) for table in (Lead, Instance, Stop)]
    leads = await _rows(connection, Lead, of_lead[0])
    if not leads:
        return None
    instances = await _rows(connection, Instance, of_lead[1], Instance.enrolled_at, Instance.id)
    ids = [one["id"] for one in instances]
    drafts = await _rows(connection, Draft, Draft.instance_id.in_(ids), Draft.instance_id, Draft.step)
    addresses = {leads[0]["email"], *(draft["recipient"] for draft in drafts)} - {""}
    entries = sorted({entry for address in addresses for entry in covering(workspace, address)})
    listed = and_(Suppression.workspace == workspace, Suppression.address.in_(entries))
    return Person(
        lead=leads[0],
        instances=instances,
        drafts=drafts,
        tasks=await _rows(connection, Task, Task.instance_id.in_(ids), Task.opened_at),
        ledger=await _rows(connection, LedgerEntry, LedgerEntry.instance_id.in_(ids), LedgerEntry.id),
        stops=await _rows(connection, Stop, of_lead[2], Stop.at),
        suppressions=await _rows(connection, Suppression, listed, Suppression.address),
        evidence=await _rows(connection, Evidence, Evidence.draft_id.in_([one["id"] for one in drafts])),
        sender_slots=await _rows(connection, SenderSlot, SenderSlot.instance_id.in_(ids), SenderSlot.at),
    )


async def _rows(connection: AsyncConnection, table: type[Base], where: Any, *order: Any) -> list[dict[str, Any]]:
    found = await connection.execute(select(table.__table__).where(where).order_by(*order))
    return [dict(row) for row in found.mappings()]


class Unended(NamedTuple):
    """A draft that has not come to its end."""

    instance_id: str
    step: int
    state: str


async def find_unended(connection: AsyncConnection, workspace: str, lead_id: str) -> list[Unended]:
    """Find the drafts of a lead that something may still happen to."""
    statement = select(Draft.instance_id, Draft.step, Draft.state).join(Instance, Instance.id == Draft.instance_id)
    statement = statement.where(
        Instance.workspace == workspace, Instance.lead_id == lead_id, Draft.state.in_(UNENDED)
    ).order_by(Draft.instance_id, Draft.step)
    return [Unended(*row) for row in await connection.execute(statement)]


async def list_addresses(connection: AsyncConnection, workspace: str, lead_id: str) -> set[str]:
    """List the addresses a lead has or was written to."""
    own = select(Lead.email).where(Lead.workspace == workspace, Lead.lead_id == lead_id)
    written = select(Draft.recipient).join(Instance, Instance.id == Draft.instance_id)
    written = written.where(Instance.workspace == workspace, Instance.lead_id == lead_id)
    return {address.lower() for address in (await connection.execute(own.union(written))).scalars()} - {""}


async def suppress_forgotten(connection: AsyncConnection, workspace: str, addresses: Iterable[str], by: str) -> None:
    """Suppress addresses by their hashes alone, whether or not they were suppressed; lifted ones too."""
    wanted = sorted(addresses)
    plain = and_(Suppression.workspace == workspace, Suppression.address.in_(wanted))
    await connection.execute(delete(Suppression).where(plain))
    rows = [
        {"workspace": workspace, "address": forgotten(workspace, one), "who": by, "why": "forgotten"} for one in wanted
    ]
    if not rows:
        return
    in_force = dict.fromkeys(("lifted_at", "lifted_by", "lifted_why"), null())
    statement = insert(Suppression).values(rows)
    await connection.execute(
        statement.on_conflict_do_update(index_elements=[Suppression.workspace, Suppression.address], set_=in_force)
    )


async def erase(connection: AsyncConnection, workspace: str, lead_id: str) -> Sequence[str]:
    """Empty every row of a lead of what tells who they are; returns their instances. Wants the lead's lock held.

    Raises IntegrityError for a draft that has not ended.
    """
    await connection.execute(select(func.set_config("followup.forgetting", "on", True)))
    of_lead = and_(Instance.workspace == workspace, Instance.lead_id == lead_id)
    ids = list((await connection.execute(select(Instance.id).where(of_lead).order_by(Instance.id))).scalars())
    told = or_(Draft.recipient != "", Draft.content != b"", Draft.subject != "", Draft.reply != "")
    for statement in (
        update(Draft).where(Draft.instance_id.in_(ids), told).values(content=b"", subject="", recipient="", reply=""),
        update(LedgerEntry)
        .where(LedgerEntry.instance_id.in_(ids), LedgerEntry.subject == "note", LedgerEntry.why != "")
        .values(why=""),
        update(Task).where(Task.instance_id.in_(ids)).values(instructions=""),
        update(Instance).where(of_lead).values(variables=null(), origin=null()),
        update(Lead)
        .where(Lead.workspace == workspace, Lead.lead_id == lead_id)
        .values(email="", name="", variables={}, timezone="UTC", quiet_until=null(), changed_at=func.now()),
    ):
        await connection.execute(statement)
    return ids
