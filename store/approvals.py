"""What may be changed of a draft that awaits its approval: what it says. Wants the lead's lock held."""

from typing import NamedTuple

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.draft import DraftState
from store.tables import Draft


class Rewritten(NamedTuple):
    """What a draft says now: frozen again, so that an approval of what it said before is void.

    `subject` is None where it stays: an answer has that of its thread, stored without the `Re:` it is sent with.
    """

    subject: str | None
    content: bytes
    fingerprint: str


async def rewrite_draft(connection: AsyncConnection, draft_id: str, seen: str, new: Rewritten) -> bool:
    """Let a draft say something else; False when it awaits no approval, or is not the one that was seen any more.

    `seen` is the fingerprint of that one. The guard of drafts refuses this in every other state.
    """
    statement = update(Draft).where(
        Draft.id == draft_id, Draft.state == DraftState.AWAITING_APPROVAL, Draft.fingerprint == seen
    )
    changed = {name: value for name, value in new._asdict().items() if value is not None}
    return (await connection.execute(statement.values(changed))).rowcount == 1
