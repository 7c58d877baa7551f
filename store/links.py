"""What the links in mails lead to."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import Draft, Instance, LinkKey, StoredLead, Suppression


class Linked(NamedTuple):
    """The draft a link leads to: whom it was written to, and when that was last allowed again by an operator."""

    draft_id: str
    recipient: str
    lead_id: str
    lifted_at: datetime | None


async def read_link_key(connection: AsyncConnection) -> bytes:
    """Read the key that signs links. It never changes: links in old mails must be good for years."""
    return bytes((await connection.execute(select(LinkKey.secret))).scalar_one())


async def find_by_hash(connection: AsyncConnection, workspace: str, message_hash: str) -> Linked | None:
    """Find the draft of a workspace whose Message-ID begins with a hash; None when there is none."""
    of_these = Suppression.address.in_([func.lower(Draft.recipient), func.lower(StoredLead.email)])
    lifted = select(func.max(Suppression.lifted_at)).where(Suppression.workspace == workspace, of_these)
    # written out: the index is of just this expression
    left_part = func.split_part(Draft.message_id, literal_column("'@'"), literal_column("1"))
    statement = (
        select(Draft.id, Draft.recipient, StoredLead.lead_id, lifted.scalar_subquery())
        .join(Instance, Instance.id == Draft.instance_id)
        .join(StoredLead, (StoredLead.workspace == Instance.workspace) & (StoredLead.lead_id == Instance.lead_id))
        .where(left_part == bindparam("left_part"), Instance.workspace == workspace)
    )
    row = (await connection.execute(statement, {"left_part": f"<{message_hash}"})).one_or_none()
    return Linked(*row) if row else None
