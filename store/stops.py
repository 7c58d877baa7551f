"""Stops: recorded for good, found by whoever enrols, and what they end."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ARRAY, Text, bindparam, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.instance import FINAL
from domain.sequence import StopKind
from store.instances import DEFINITION
from store.recipients import recipient_key
from store.tables import Instance, StoredLead, StoredStop


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedStop:
    """A stop of a lead, when the app says it happened, and when we knew (None: it is being recorded).

    `named` is the address that the app names with it, `recipients` all those that it reaches; both as recipients are
    compared.
    """

    event_id: str
    lead_id: str
    kind: StopKind
    occurred_at: datetime
    named: str | None = None
    recipients: tuple[str, ...] = ()
    recorded_at: datetime | None = None

    def reaching(self, recipients: Sequence[str]) -> "RecordedStop":
        """Return the stop with other recipients."""
        return replace(self, recipients=tuple(recipients))


class RunningInstance(NamedTuple):
    """An instance that has not ended."""

    instance_id: str
    lead_id: str
    sequence: str
    step: int
    definition: str  # the JSON of its sequence version
    status: str
    reason: str
    said_at: datetime  # the instant of the word that enrolled it


_RECORD = insert(StoredStop)


async def record_stop(connection: AsyncConnection, workspace: str, stop: RecordedStop) -> None:
    """Record a stop, whether or not there is such a lead."""
    said = {"event_id": stop.event_id, "lead_id": stop.lead_id, "kind": stop.kind, "occurred_at": stop.occurred_at}
    reach = {"named": stop.named, "recipients": list(stop.recipients)}
    await connection.execute(_RECORD, {"workspace": workspace} | said | reach)


_REACH = (
    update(StoredStop)
    .where(StoredStop.workspace == bindparam("of_workspace"), StoredStop.event_id == bindparam("of_event"))
    .values(recipients=bindparam("reached", type_=ARRAY(Text)))
)


async def let_reach(connection: AsyncConnection, workspace: str, stop: RecordedStop) -> None:
    """Let a stop reach its recipients: since it was recorded, it became known which addresses its lead had."""
    values = {"of_workspace": workspace, "of_event": stop.event_id, "reached": list(stop.recipients)}
    await connection.execute(_REACH, values)


_FIND_STOPS = (
    select(
        StoredStop.event_id,
        StoredStop.lead_id,
        StoredStop.kind,
        StoredStop.occurred_at,
        StoredStop.named,
        StoredStop.recipients,
        StoredStop.at,
    )
    .where(
        StoredStop.workspace == bindparam("workspace"),
        or_(
            StoredStop.lead_id.in_(bindparam("lead_ids", expanding=True)),
            StoredStop.recipients.overlap(bindparam("recipients", type_=ARRAY(Text))),
        ),
    )
    .order_by(StoredStop.occurred_at, StoredStop.event_id)
)


async def find_stops(
    connection: AsyncConnection, workspace: str, lead_ids: Sequence[str], recipients: Sequence[str]
) -> list[RecordedStop]:
    """Find the stops of these leads, and those that reach one of these addresses; oldest first."""
    values = {"workspace": workspace, "lead_ids": lead_ids, "recipients": [one for one in recipients if one]}
    return [
        RecordedStop(
            event_id=row.event_id,
            lead_id=row.lead_id,
            kind=StopKind(row.kind),
            occurred_at=row.occurred_at,
            named=row.named,
            recipients=tuple(row.recipients),
            recorded_at=row.at,
        )
        for row in await connection.execute(_FIND_STOPS, values)
    ]


_FIND_RUNNING = (
    select(
        Instance.id,
        Instance.lead_id,
        Instance.sequence,
        Instance.step,
        DEFINITION.scalar_subquery(),
        Instance.status,
        Instance.reason,
        Instance.said_at,
    )
    .join(StoredLead, (StoredLead.workspace == Instance.workspace) & (StoredLead.lead_id == Instance.lead_id))
    .where(
        StoredLead.workspace == bindparam("workspace"),
        or_(
            StoredLead.lead_id == bindparam("lead_id"),
            recipient_key(StoredLead.email).in_(bindparam("recipients", expanding=True)),
        ),
        Instance.status.not_in(FINAL),
    )
    .order_by(Instance.id)
)


async def find_running(
    connection: AsyncConnection, workspace: str, lead_id: str, recipients: Sequence[str] = ()
) -> list[RunningInstance]:
    """Find the instances of a lead, and of leads with one of these addresses, that have not ended.

    Wants the lead's name and the recipients locked.
    """
    values = {"workspace": workspace, "lead_id": lead_id, "recipients": [one for one in recipients if one]}
    return [RunningInstance(*row) for row in await connection.execute(_FIND_RUNNING, values)]
