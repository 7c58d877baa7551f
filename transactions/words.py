"""What an operator says of a follow-up, kept in the ledger: in PostgreSQL alone, for it may name people."""

from sqlalchemy.ext.asyncio import AsyncEngine

from store.ledger import NOT_DONE, add_note, last_change
from store.listing import End, find_end


async def keep_words(
    engine: AsyncEngine, instance_id: str, step: int, command: str, *, by: str, note: str
) -> End | int:
    """Keep what is said with a command; of a follow-up that has ended nothing is kept, and its end is returned.

    Returns the number of the last thing that happened to the follow-up, the same until something does.
    """
    async with engine.begin() as connection:
        if end := await find_end(connection, instance_id):
            return end
        last = await last_change(connection, instance_id)
        await add_note(connection, instance_id, step, command, by=by, why=note)
        return last


async def keep_refusal(engine: AsyncEngine, instance_id: str, step: int, sentence: str) -> None:
    """Keep why a workflow refused a command."""
    async with engine.begin() as connection:
        await add_note(connection, instance_id, step, NOT_DONE, by="workflow", why=sentence)
