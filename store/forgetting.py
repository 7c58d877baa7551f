"""Everything that is known of a person: read for them, or erased, with what counts and what forbids sends kept."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    and_,
    delete,
    func,
    literal_column,
    null,
    or_,
    select,
    union,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.draft import LEGAL_TRANSITIONS
from domain.recipient import recipient_of
from store.recipients import recipient_key
from store.suppressions import covering, forgotten
from store.tables import (
    Base,
    Draft,
    Event,
    Evidence,
    Instance,
    LeadAddress,
    LedgerEntry,
    SenderSlot,
    StoredLead,
    StoredStop,
    Suppression,
    Task,
)

# Whatever more can happen to a draft in one of these, so it can't be emptied.
UNENDED = tuple(sorted({before for before, _ in LEGAL_TRANSITIONS}))


_OF_WORDS = (
    "email_at",
    "name_at",
    "timezone_at",
    "quiet_until",
    "quiet_at",
    "back_day",
    "back_day_at",
    "away_at",
    "back_at",
)


class PersonRows(NamedTuple):
    """The rows of a person, table by table, each as it is stored; `leads` are all that have the address now."""

    leads: list[dict[str, Any]]
    addresses: list[dict[str, Any]]
    instances: list[dict[str, Any]]
    drafts: list[dict[str, Any]]
    tasks: list[dict[str, Any]]
    ledger: list[dict[str, Any]]
    stops: list[dict[str, Any]]
    events: list[dict[str, Any]]
    suppressions: list[dict[str, Any]]
    evidence: list[dict[str, Any]]
    sender_slots: list[dict[str, Any]]


async def find_lead_ids(connection: AsyncConnection, workspace: str, lead_id: str) -> list[str]:
    """Find the ids under which the app knows the person of a lead: those with the same address now; none: unknown.

    Whoever was forgotten has no address, and is nobody else.
    """
    own = select(recipient_key(StoredLead.email)).where(
        StoredLead.workspace == workspace, StoredLead.lead_id == lead_id
    )
    same = and_(StoredLead.email != "", recipient_key(StoredLead.email) == own.scalar_subquery())
    statement = select(StoredLead.lead_id).where(
        StoredLead.workspace == workspace, or_(StoredLead.lead_id == lead_id, same)
    )
    return list((await connection.execute(statement.order_by(StoredLead.lead_id))).scalars())


async def read_person(connection: AsyncConnection, workspace: str, lead_ids: Sequence[str]) -> PersonRows:
    """Read everything known of the leads of a person. Suppressions are those of every address they ever had."""
    tables = (StoredLead, LeadAddress, Instance, StoredStop)
    of_leads = [(table.workspace == workspace) & table.lead_id.in_(lead_ids) for table in tables]
    instances = await _rows(connection, Instance, of_leads[2], Instance.enrolled_at, Instance.id)
    ids = [one["id"] for one in instances]
    drafts = await _rows(connection, Draft, Draft.instance_id.in_(ids), Draft.instance_id, Draft.step)
    addresses = await list_addresses(connection, workspace, lead_ids)
    entries = sorted({entry for address in addresses for entry in covering(workspace, address)})
    listed = and_(Suppression.workspace == workspace, Suppression.address.in_(entries))
    return PersonRows(
        leads=await _rows(connection, StoredLead, of_leads[0], StoredLead.lead_id),
        addresses=await _rows(connection, LeadAddress, of_leads[1], LeadAddress.said_at),
        instances=instances,
        drafts=drafts,
        tasks=await _rows(connection, Task, Task.instance_id.in_(ids), Task.opened_at),
        ledger=await _rows(connection, LedgerEntry, LedgerEntry.instance_id.in_(ids), LedgerEntry.id),
        stops=await _rows(connection, StoredStop, of_leads[3], StoredStop.at),
        events=await _rows(connection, Event, _events_of(workspace, lead_ids), Event.received_at),
        suppressions=await _rows(connection, Suppression, listed, Suppression.address),
        evidence=await _rows(connection, Evidence, Evidence.draft_id.in_([one["id"] for one in drafts])),
        sender_slots=await _rows(connection, SenderSlot, SenderSlot.instance_id.in_(ids), SenderSlot.at),
    )


def _events_of(workspace: str, lead_ids: Sequence[str]) -> ColumnElement[bool]:
    # written out: the index is of just this expression
    lead_id = Event.answer.op("->>")(literal_column("'lead_id'"))
    return (Event.workspace == workspace) & lead_id.in_(lead_ids)


async def _rows(connection: AsyncConnection, table: type[Base], where: Any, *order: Any) -> list[dict[str, Any]]:
    found = await connection.execute(select(table.__table__).where(where).order_by(*order))
    return [dict(row) for row in found.mappings()]


class Unended(NamedTuple):
    """A draft that has not come to its end."""

    instance_id: str
    step: int
    state: str


async def find_unended(connection: AsyncConnection, workspace: str, lead_ids: Sequence[str]) -> list[Unended]:
    """Find the drafts of leads that something may still happen to."""
    statement = select(Draft.instance_id, Draft.step, Draft.state).join(Instance, Instance.id == Draft.instance_id)
    statement = statement.where(
        Instance.workspace == workspace, Instance.lead_id.in_(lead_ids), Draft.state.in_(UNENDED)
    ).order_by(Draft.instance_id, Draft.step)
    return [Unended(*row) for row in await connection.execute(statement)]


async def list_addresses(connection: AsyncConnection, workspace: str, lead_ids: Sequence[str]) -> set[str]:
    """List every address that leads have or had, were written to, or that an event named with them."""
    of_leads = [
        (table.workspace == workspace) & table.lead_id.in_(lead_ids) for table in (StoredLead, LeadAddress, StoredStop)
    ]
    written = select(Draft.recipient).join(Instance, Instance.id == Draft.instance_id)
    event_ids = select("event:" + Event.id).where(_events_of(workspace, lead_ids))
    named = select(Suppression.address).where(
        Suppression.workspace == workspace, Suppression.who.in_(event_ids), Suppression.address.contains("@")
    )
    found: CompoundSelect[Any] = union(
        select(StoredLead.email).where(of_leads[0]),
        select(LeadAddress.address).where(of_leads[1]),
        select(StoredStop.named).where(of_leads[2], StoredStop.named.is_not(None)),
        written.where(Instance.workspace == workspace, Instance.lead_id.in_(lead_ids)),
        named,
    )
    addresses = {recipient_of(address) for address in (await connection.execute(found)).scalars()}
    return {address for address in addresses if not address.startswith("@")} - {""}


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
    """Empty every row of a lead of what tells who they are; returns their instances. Wants the lead's locks held.

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
        update(Instance).where(of_lead).values(variables=null(), variables_at=null(), origin=null()),
        update(StoredLead)
        .where(StoredLead.workspace == workspace, StoredLead.lead_id == lead_id)
        .values(email="", name="", variables={}, timezone="UTC")
        .values(variables_at={}, changed_at=func.now(), **dict.fromkeys(_OF_WORDS, null())),
        delete(LeadAddress).where(LeadAddress.workspace == workspace, LeadAddress.lead_id == lead_id),
        update(StoredStop)
        .where(StoredStop.workspace == workspace, StoredStop.lead_id == lead_id)
        .values(named=null(), recipients=[]),
    ):
        await connection.execute(statement)
    return ids
