"""What limits on sending ask: when a recipient was written to, and which instants of a sender are taken or kept."""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Date, and_, cast, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.draft import DraftState
from store.locks import lock_sender
from store.recipients import recipient_key
from store.tables import Draft, Instance, SenderSlot

_ON_ITS_WAY = (DraftState.SENT, DraftState.SENDING, DraftState.UNKNOWN)


class Slot(NamedTuple):
    """The place of one draft among the sends of its sender."""

    workspace: str
    sender: str  # lower case
    draft_id: str
    instance_id: str


async def last_sends(
    connection: AsyncConnection, workspace: str, recipient: str, since: datetime, most: int
) -> list[datetime]:
    """List when a recipient was, or may have been, written to after an instant; the newest first, `most` of them."""
    at = func.coalesce(Draft.sent_at, Draft.claimed_at)
    statement = (
        select(at)
        .join(Instance, Instance.id == Draft.instance_id)
        .where(recipient_key(Draft.recipient) == recipient, Instance.workspace == workspace)
        .where(Draft.state.in_(_ON_ITS_WAY), at > since)
    )
    return list((await connection.execute(statement.order_by(at.desc()).limit(most))).scalars())


async def lock_slots(connection: AsyncConnection, slot: Slot) -> None:
    """Let nobody else look for a place among this sender's sends until the transaction ends."""
    await lock_sender(connection, slot.workspace, slot.sender)


def _of_others(slot: Slot) -> ColumnElement[bool]:
    of_sender = and_(SenderSlot.workspace == slot.workspace, SenderSlot.sender == slot.sender)
    return and_(of_sender, SenderSlot.draft_id != slot.draft_id)


async def own_slot(connection: AsyncConnection, slot: Slot) -> datetime | None:
    """Find the instant that is kept for this draft; None when none is."""
    statement = select(SenderSlot.at).where(SenderSlot.draft_id == slot.draft_id, ~SenderSlot.taken)
    return (await connection.execute(statement)).scalar()


async def last_taken(connection: AsyncConnection, slot: Slot, since: datetime) -> datetime | None:
    """Find when this sender sent last, if it was after an instant."""
    statement = select(func.max(SenderSlot.at)).where(_of_others(slot), SenderSlot.at > since, SenderSlot.taken)
    return (await connection.execute(statement)).scalar()


async def full_days(connection: AsyncConnection, slot: Slot, since: datetime, cap: int) -> set[date]:
    """Find the days (UTC) on which so many sends of this sender are taken or kept, from the day of an instant on."""
    day = cast(func.timezone("UTC", SenderSlot.at), Date)
    statement = select(day).where(_of_others(slot), SenderSlot.at >= since).group_by(day)
    return set((await connection.execute(statement.having(func.count() >= cap))).scalars())


_FIRST_FREE = text(
    """
    WITH asked AS (SELECT CAST(:since AS timestamptz) AS since, CAST(:spacing AS interval) AS spacing),
    near AS (
        SELECT at, lead(at) OVER (ORDER BY at) AS next FROM sender_slots
        WHERE workspace = :workspace AND sender = :sender AND draft_id <> :draft_id
          AND at > CAST(:since AS timestamptz) - CAST(:spacing AS interval)
    )
    SELECT CASE
        WHEN NOT EXISTS (SELECT FROM near WHERE at < since + spacing) THEN since
        ELSE (SELECT min(at) + spacing FROM near WHERE next IS NULL OR next >= at + 2 * spacing)
    END
    FROM asked
    """
)


async def first_free(connection: AsyncConnection, slot: Slot, since: datetime, spacing: timedelta) -> datetime:
    """Find the first instant, not before this one, that is no closer to any other send of this sender."""
    values = slot._asdict() | {"since": since, "spacing": spacing}
    found: datetime = (await connection.execute(_FIRST_FREE, values)).scalar_one()
    return found


async def keep_slot(connection: AsyncConnection, slot: Slot, at: datetime, *, taken: bool) -> None:
    """Keep an instant for a draft, or take it: the draft is claimed."""
    statement = insert(SenderSlot).values(**slot._asdict(), at=at, taken=taken)
    await connection.execute(
        statement.on_conflict_do_update(index_elements=[SenderSlot.draft_id], set_={"at": at, "taken": taken})
    )
