"""Copies: what an audit asks of the messages that were seen in a Sent folder."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.evidence import EvidenceKind
from store.tables import Draft, Evidence


class SentCopy(NamedTuple):
    """A message of ours that lay in a Sent folder. `source` says where."""

    instance_id: str
    step: int
    message_id: str
    source: str
    seen_at: datetime


async def find_copies(connection: AsyncConnection, instance_ids: Sequence[str]) -> list[SentCopy]:
    """Find the copies that were seen of these instances' messages, in the order in which they were seen."""
    columns = (Draft.instance_id, Draft.step, Draft.message_id, Evidence.source, Evidence.seen_at)
    statement = select(*columns).join(Draft, Draft.id == Evidence.draft_id)
    statement = statement.where(Draft.instance_id.in_(instance_ids), Evidence.kind == EvidenceKind.SENT_COPY)
    rows = await connection.execute(statement.order_by(Evidence.seen_at, Evidence.source))
    return [SentCopy(*row) for row in rows]
