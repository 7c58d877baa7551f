"""Stops: recorded for good, found by whoever enrols, and what they end."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.instance import FINAL
from domain.sequence import StopKind
from store.instances import DEFINITION
from store.tables import Instance, Stop


class RecordedStop(NamedTuple):
    """A stop of a lead, when the app says it happened, and when we knew (None: it is being recorded)."""

    lead_id: str
    kind: StopKind
    occurred_at: datetime
    recorded_at: datetime | None = None


class Running(NamedTuple):
    """An instance that has not ended."""

    instance_id: str
    definition: str  # the JSON of its sequence version
    status: str
    reason: str


_RECORD = insert(Stop)


async def record_stop(connection: AsyncConnection, workspace: str, event_id: str, stop: RecordedStop) -> None:
    """Record a stop, whether or not there is such a lead."""
    lead_id, kind, occurred_at, _ = stop
    identity = {"workspace": workspace, "event_id": event_id}
    await connection.execute(_RECORD, identity | {"lead_id": lead_id, "kind": kind, "occurred_at": occurred_at})


_FIND_STOPS = (
    select(Stop.lead_id, Stop.kind, Stop.occurred_at, Stop.at)
    .where(Stop.workspace == bindparam("workspace"), Stop.lead_id.in_(bindparam("lead_ids", expanding=True)))
    .order_by(Stop.occurred_at)
)


async def find_stops(connection: AsyncConnection, workspace: str, lead_ids: Sequence[str]) -> list[RecordedStop]:
    """Find the stops of these leads, oldest first."""
    found = await connection.execute(_FIND_STOPS, {"workspace": workspace, "lead_ids": lead_ids})
    return [RecordedStop(row.lead_id, StopKind(row.kind), row.occurred_at, row.at) for row in found]


_FIND_RUNNING = (
    select(Instance.id, DEFINITION.scalar_subquery(), Instance.status, Instance.reason)
    .where(
        Instance.workspace == bindparam("workspace"),
        Instance.lead_id == bindparam("lead_id"),
        Instance.status.not_in(FINAL),
    )
    .order_by(Instance.id)
)


async def find_running(connection: AsyncConnection, workspace: str, lead_id: str) -> list[Running]:
    """Find the instances of a lead that have not ended. Wants the lead's row lock held."""
    rows = await connection.execute(_FIND_RUNNING, {"workspace": workspace, "lead_id": lead_id})
    return [Running(*row) for row in rows]
