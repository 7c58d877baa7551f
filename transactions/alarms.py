"""Alarms that a person has looked into: their tasks close, and the person's words are kept."""

from sqlalchemy.ext.asyncio import AsyncEngine

from store.leads import lock_lead
from store.ledger import add_note
from store.tasks import close_alarms


async def look_into(engine: AsyncEngine, instance_id: str, *, by: str, note: str) -> list[int]:
    """Close the alarms of a follow-up's steps that wait for nothing any more; returns which steps those were."""
    async with engine.begin() as connection:
        await lock_lead(connection, instance_id)
        steps = await close_alarms(connection, instance_id, by=by, why=f"looked into by {by}")
        for step in steps:
            await add_note(connection, instance_id, step, "close", by=by, why=note)
    return steps
