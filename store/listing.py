"""Instances as operators see them: listed a page at a time, found by the beginning of an id, and how one ended."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.draft import DraftState
from domain.instance import FINAL, InstanceStatus
from store.tables import Draft, Instance, LedgerEntry


class Listed(NamedTuple):
    """An instance as operators see it."""

    instance_id: str
    lead_id: str
    sequence: str
    status: str
    reason: str
    step: int
    steps: int
    until: datetime | None
    enrolled_at: datetime
    started_at: datetime | None  # None: Temporal has not confirmed its workflow yet


LISTED: tuple[Any, ...] = tuple(
    Instance.id if name == "instance_id" else getattr(Instance, name) for name in Listed._fields
)


async def list_instances(
    connection: AsyncConnection,
    workspace: str,
    status: InstanceStatus | None = None,
    limit: int = 1000,
    sequence: str | None = None,
    after: Listed | None = None,
) -> list[Listed]:
    """List the newest instances of a workspace, those of one status or sequence if asked.

    `after` is the last one of the page before: an instance's place never changes, so each is listed once.
    """
    statement = select(*LISTED).where(Instance.workspace == workspace)
    if status is not None:
        statement = statement.where(Instance.status == status)
    if sequence is not None:
        statement = statement.where(Instance.sequence == sequence)
    if after is not None:
        place = tuple_(Instance.enrolled_at, Instance.id)
        statement = statement.where(place < tuple_(after.enrolled_at, after.instance_id))
    statement = statement.order_by(Instance.enrolled_at.desc(), Instance.id.desc()).limit(limit)
    return [Listed(*row) for row in await connection.execute(statement)]


async def find_by_prefix(connection: AsyncConnection, prefix: str, limit: int = 5) -> list[Listed]:
    """Find the instances whose id begins with this; an exact match comes alone."""
    pattern = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    # one condition, so that an index leads to the prefix; an `or` beside it made a broad one read all ids before it
    statement = select(*LISTED).where(Instance.id.like(pattern))
    found = [Listed(*row) for row in await connection.execute(statement.order_by(Instance.id).limit(limit))]
    exact = [one for one in found if one.instance_id == prefix]
    return exact or found


class End(NamedTuple):
    """How an instance ended, and since when."""

    status: str
    since: datetime


_UNSETTLED = select(Draft.id).where(
    Draft.instance_id == Instance.id, Draft.state.in_((DraftState.SENDING, DraftState.UNKNOWN))
)
_END = select(Instance.status, LedgerEntry.at).join(
    LedgerEntry, (LedgerEntry.instance_id == Instance.id) & (LedgerEntry.to_state == Instance.status)
)
_END = _END.where(Instance.status.in_(FINAL), LedgerEntry.subject == "instance", ~_UNSETTLED.exists())


async def find_end(connection: AsyncConnection, instance_id: str) -> End | None:
    """Find how an instance ended; None while something can still be said of it, an uncertain send for one."""
    statement = _END.where(Instance.id == instance_id).order_by(LedgerEntry.id.desc()).limit(1)
    found = (await connection.execute(statement)).one_or_none()
    return None if found is None else End(*found)
