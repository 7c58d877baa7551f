"""Events: each one's facts once, and whether its workflows have been told."""

from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import Event


class StoredEvent(NamedTuple):
    """An event whose facts are stored. `answer` is what it was answered; `told`: its workflows know."""

    type: str
    answer: dict[str, Any]
    told: bool


_FIND = select(Event.type, Event.answer, Event.told_at).where(
    Event.workspace == bindparam("workspace"), Event.id == bindparam("event_id")
)


async def find_event(connection: AsyncConnection, workspace: str, event_id: str) -> StoredEvent | None:
    """Find an event by its id; None when its facts are not stored."""
    row = (await connection.execute(_FIND, {"workspace": workspace, "event_id": event_id})).one_or_none()
    return StoredEvent(row.type, row.answer, row.told_at is not None) if row else None


_SAVE = insert(Event)


async def save_event(
    connection: AsyncConnection, workspace: str, event_id: str, event_type: str, answer: dict[str, Any]
) -> None:
    """Store that the facts of an event are in the tables, and what it is answered. Wants the event's lock held."""
    values = {"workspace": workspace, "id": event_id, "type": event_type, "answer": answer}
    await connection.execute(_SAVE, values)


_MARK_TOLD = (
    update(Event)
    .where(Event.workspace == bindparam("of_workspace"), Event.id == bindparam("event_id"), Event.told_at.is_(None))
    .values(told_at=func.now())
)


async def mark_told(connection: AsyncConnection, workspace: str, event_id: str) -> None:
    """Note that the workflows of an event have been started or signalled."""
    await connection.execute(_MARK_TOLD, {"of_workspace": workspace, "event_id": event_id})
