"""Drafts as operators see them: everything but the message itself."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import Draft


class ShownDraft(NamedTuple):
    """A draft as it stands, with what to look for it by."""

    step: int
    state: str
    generation: int
    subject: str
    recipient: str
    message_id: str
    code: str
    reply: str
    claimed_at: datetime | None
    overdue_at: datetime | None
    sent_at: datetime | None
    who: str
    why: str


async def read_drafts(connection: AsyncConnection, instance_id: str) -> list[ShownDraft]:
    """Read the drafts of an instance, in the order of its steps."""
    columns = (getattr(Draft, name) for name in ShownDraft._fields)
    statement = select(*columns).where(Draft.instance_id == instance_id).order_by(Draft.step, Draft.channel)
    return [ShownDraft(*row) for row in await connection.execute(statement)]
