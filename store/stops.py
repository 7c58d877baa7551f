"""Stops: recorded for good, found by whoever enrols, and what they end."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.instance import FINAL
from domain.sequence import StopKind
from store.tables import Instance, SequenceVersion, Stop


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


async def record_stop(connection: AsyncConnection, workspace: str, event_id: str, stop: RecordedStop) -> None:
    """Record a stop, whether or not there is such a lead."""
    lead_id, kind, occurred_at, _ = stop
    identity = {"workspace": workspace, "event_id": event_id}
    await connection.execute(insert(Stop).values(**identity, lead_id=lead_id, kind=kind, occurred_at=occurred_at))


async def find_stops(connection: AsyncConnection, workspace: str, lead_ids: Sequence[str]) -> list[RecordedStop]:
    """Find the stops of these leads, oldest first."""
    statement = select(Stop.lead_id, Stop.kind, Stop.occurred_at, Stop.at).where(
        Stop.workspace == workspace, Stop.lead_id.in_(lead_ids)
    )
    found = await connection.execute(statement.order_by(Stop.occurred_at))
    return [RecordedStop(row.lead_id, StopKind(row.kind), row.occurred_at, row.at) for row in found]


async def find_running(connection: AsyncConnection, workspace: str, lead_id: str) -> list[Running]:
    """Find the instances of a lead that have not ended. Wants the lead's row lock held."""
    # one look-up an instance; a join might read every version there is
    definition = select(SequenceVersion.definition).where(
        SequenceVersion.workspace == Instance.workspace,
        SequenceVersion.name == Instance.sequence,
        SequenceVersion.version == Instance.version,
    )
    statement = select(Instance.id, definition.scalar_subquery(), Instance.status, Instance.reason).where(
        Instance.workspace == workspace, Instance.lead_id == lead_id, Instance.status.not_in(FINAL)
    )
    statement = statement.order_by(Instance.id)
    return [Running(*row) for row in await connection.execute(statement)]
