"""Events: each one's facts once, and whether its workflows have been told."""

from typing import Any, NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import Event


class StoredEvent(NamedTuple):
    """An event whose facts are stored. `answer` is what it was answered; `told`: its workflows know."""

    type: str
    answer: dict[str, Any]
    told: bool


async def find_event(connection: AsyncConnection, workspace: str, event_id: str) -> StoredEvent | None:
    """Find an event by its id; None when its facts are not stored."""
    statement = select(Event.type, Event.answer, Event.told_at).where(
        Event.workspace == workspace, Event.id == event_id
    )
    row = (await connection.execute(statement)).one_or_none()
    return StoredEvent(row.type, row.answer, row.told_at is not None) if row else None


async def save_event(
    connection: AsyncConnection, workspace: str, event_id: str, event_type: str, answer: dict[str, Any]
) -> None:
    """Store that the facts of an event are in the tables, and what it is answered. Wants the event's lock held."""
    values = {"workspace": workspace, "id": event_id, "type": event_type, "answer": answer}
    await connection.execute(insert(Event).values(values))


async def mark_told(connection: AsyncConnection, workspace: str, event_id: str) -> None:
    """Note that the workflows of an event have been started or signalled."""
    statement = update(Event).where(Event.workspace == workspace, Event.id == event_id, Event.told_at.is_(None))
    await connection.execute(statement.values(told_at=func.now()))
