"""Evidence: what was seen of drafts' messages outside, and which drafts wait to be seen."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, collate, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.draft import DraftState
from domain.evidence import EvidenceKind
from store.tables import Draft, Evidence, Instance

# Written out: the indexes are of just these expressions.
_LEFT_PART = func.split_part(Draft.message_id, literal_column("'@'"), literal_column("1"))
_UNKNOWN = Draft.state == literal_column(f"'{DraftState.UNKNOWN}'")


_RECIPIENT = func.lower(collate(Draft.recipient, "C"))
_MAY_HAVE_ARRIVED = (DraftState.SENT, DraftState.SENDING, DraftState.UNKNOWN)
_NAMED = select(
    func.substr(_LEFT_PART, 2),
    Draft.id,
    Draft.instance_id,
    Draft.step,
    Instance.lead_id,
    Draft.sender,
    Draft.recipient,
    Draft.claimed_at,
).join(Instance, Instance.id == Draft.instance_id)


class Seen(NamedTuple):
    """One piece of evidence. `source` names what saw it, the same each time, and no person."""

    kind: EvidenceKind
    source: str
    seen_at: datetime


class Named(NamedTuple):
    """A draft that somebody outside named by its Message-ID. A recipient that was forgotten has no `@`."""

    message_hash: str
    draft_id: str
    instance_id: str
    step: int
    lead_id: str
    sender: str
    recipient: str
    claimed_at: datetime | None  # when it was sent last, if at all; nobody can have answered it before


async def add_evidence(connection: AsyncConnection, workspace: str, draft_id: str, seen: Seen, by: str) -> bool:
    """Keep what was seen of a draft's message; False when the same source said so before."""
    statement = insert(Evidence).values(workspace=workspace, draft_id=draft_id, who=by, **seen._asdict())
    added = await connection.execute(statement.on_conflict_do_nothing().returning(Evidence.draft_id))
    return added.one_or_none() is not None


async def mark_settling(connection: AsyncConnection, draft_id: str, source: str) -> None:
    """Keep that a piece of evidence settled its draft."""
    of_source = (Evidence.draft_id == draft_id, Evidence.source == source)
    await connection.execute(update(Evidence).where(*of_source).values(settled=True))


async def has_settled(connection: AsyncConnection, draft_id: str, source: str) -> bool:
    """Say whether a piece of evidence settled its draft."""
    statement = select(Evidence.settled).where(Evidence.draft_id == draft_id, Evidence.source == source)
    return bool((await connection.execute(statement)).scalar())


async def find_evidence(connection: AsyncConnection, draft_id: str) -> list[Seen]:
    """Find what was seen of a draft's message, the oldest first."""
    statement = select(Evidence.kind, Evidence.source, Evidence.seen_at).where(Evidence.draft_id == draft_id)
    found = await connection.execute(statement.order_by(Evidence.seen_at, Evidence.source))
    return [Seen(EvidenceKind(row.kind), row.source, row.seen_at) for row in found]


async def find_named(connection: AsyncConnection, workspace: str, message_hashes: Sequence[str]) -> list[Named]:
    """Find the drafts of a workspace that these hashes name, in the order of the hashes."""
    statement = _NAMED.where(_LEFT_PART.in_([f"<{one}" for one in message_hashes]), Instance.workspace == workspace)
    found = [Named(*row) for row in await connection.execute(statement)]
    return sorted(found, key=lambda named: message_hashes.index(named.message_hash))


async def find_written_to(
    connection: AsyncConnection, workspace: str, addresses: Sequence[str], since: datetime
) -> Named | None:
    """Find the newest draft that went to one of these addresses, or may have, since an instant."""
    statement = _NAMED.where(
        _RECIPIENT.in_(sorted({one.lower() for one in addresses})),
        Instance.workspace == workspace,
        Draft.state.in_(_MAY_HAVE_ARRIVED),
        Draft.claimed_at >= since,
    )
    row = (await connection.execute(statement.order_by(Draft.claimed_at.desc(), Draft.id).limit(1))).one_or_none()
    return Named(*row) if row else None


class UnknownDraft(NamedTuple):
    """A draft that may have been sent. Nobody else's draft of its thread may be so, too."""

    thread_id: str
    draft_id: str
    message_hash: str


async def list_unknown(connection: AsyncConnection, workspace: str, after: str, limit: int) -> list[UnknownDraft]:
    """List drafts that may have been sent, by their threads; `after` is the last thread of the page before."""
    statement = (
        select(Draft.thread_id, Draft.id, func.substr(_LEFT_PART, 2))
        .join(Instance, Instance.id == Draft.instance_id)
        .where(_UNKNOWN, Draft.thread_id > bindparam("after"), Instance.workspace == workspace)
        .order_by(Draft.thread_id)
        .limit(limit)
    )
    return [UnknownDraft(*row) for row in await connection.execute(statement, {"after": after})]
