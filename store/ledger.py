"""The ledger: read by everybody, written by the triggers, and by operators' words."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import LedgerEntry

# What a note is called that says why an operator's command was refused.
NOT_DONE = "not_done"


class Entry(NamedTuple):
    """One transition, or a note (`subject` is then `note`)."""

    at: datetime
    step: int | None
    subject: str
    from_state: str | None
    to_state: str
    who: str
    why: str
    cause: str | None


async def read_ledger(connection: AsyncConnection, instance_id: str) -> list[Entry]:
    """Read the story of an instance, oldest first."""
    columns = (getattr(LedgerEntry, name) for name in Entry._fields)
    statement = select(*columns).where(LedgerEntry.instance_id == instance_id).order_by(LedgerEntry.id)
    return [Entry(*row) for row in await connection.execute(statement)]


async def last_change(connection: AsyncConnection, instance_id: str) -> int:
    """Number the last thing that happened to an instance; it stays the same while operators merely say something."""
    happened = or_(LedgerEntry.subject != "note", LedgerEntry.to_state == NOT_DONE)
    statement = select(LedgerEntry.id).where(LedgerEntry.instance_id == instance_id, happened)
    found = await connection.execute(statement.order_by(LedgerEntry.id.desc()).limit(1))
    return found.scalar() or 0


async def was_noted(connection: AsyncConnection, instance_id: str, step: int, what: str, since: datetime) -> bool:
    """Say whether a note of this name was added about a step since an instant."""
    statement = select(LedgerEntry.id).where(
        LedgerEntry.instance_id == instance_id,
        LedgerEntry.step == step,
        LedgerEntry.subject == "note",
        LedgerEntry.to_state == what,
        LedgerEntry.at >= since,
    )
    return (await connection.execute(statement.limit(1))).scalar() is not None


async def add_note(
    connection: AsyncConnection, instance_id: str, step: int | None, what: str, *, by: str, why: str
) -> None:
    """Keep an operator's words, in the order they were said. `what` is the decision they were said with."""
    statement = insert(LedgerEntry).values(
        instance_id=instance_id, step=step, subject="note", to_state=what, who=by, why=why
    )
    await connection.execute(statement)
