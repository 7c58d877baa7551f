"""Stops: which recipients one reaches, and the end of the follow-ups that it ends."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from activities.drafting import parse_sequence
from domain.cause import Cause
from domain.instance import InstanceStatus, Reason
from domain.lead_facts import LeadFacts, address_at
from domain.recipient import recipient_of
from domain.sequence import Sequence, StopKind
from store.drafts import stop_pending
from store.instances import set_status
from store.leads import read_addresses
from store.stops import RecordedStop, Running, find_running


def ends(stop: RecordedStop, sequence: Sequence, said_at: datetime) -> bool:
    """Say whether a stop ends a follow-up that was enrolled by a word of an instant: an older stop ends nothing.

    Many apps write whole seconds: such a stop, of the second in which somebody was enrolled, is no older.
    """
    since = said_at if stop.occurred_at.microsecond else said_at.replace(microsecond=0)
    return stop.occurred_at >= since and sequence.stops_on(stop.kind)


async def reach_of(
    connection: AsyncConnection, workspace: str, stop: RecordedStop, known: LeadFacts | None
) -> tuple[str, ...]:
    """Find the recipients that a stop reaches: whom its lead was when it happened, and whom it names itself.

    What bounced is the address that a bounce names, and no other.
    """
    if stop.kind is StopKind.BOUNCED and stop.named:
        return (stop.named,)
    said = await read_addresses(connection, workspace, stop.lead_id) if known else []
    current = [(known.email_at, recipient_of(known.email))] if known else []
    had = address_at(stop.occurred_at, [*said, *current])
    return tuple(dict.fromkeys(one for one in (had, stop.named) if one))


async def end_reached(connection: AsyncConnection, workspace: str, stop: RecordedStop, by: str) -> list[str]:
    """I4: end what a stop ends, under whichever lead id. Wants the lead's name and the recipients locked."""
    running = await find_running(connection, workspace, stop.lead_id, stop.recipients)
    ended = [one for one in running if ends(stop, parse_sequence(one.definition), one.said_at)]
    for one in ended:
        await end(connection, one.instance_id, Reason(stop.kind), by, _why(stop, one))
    return [one.instance_id for one in ended]


async def end(connection: AsyncConnection, instance_id: str, reason: Reason, by: str, why: str) -> None:
    """End a follow-up; what was not claimed yet never will be."""
    status, cause = InstanceStatus.STOPPED, Cause.STOPPED
    await stop_pending(connection, instance_id, by=by, why=why, cause=cause)
    await set_status(connection, instance_id, status, reason, by=by, why=why, cause=cause)


def _why(stop: RecordedStop, running: Running) -> str:
    return (
        str(stop.kind) if running.lead_id == stop.lead_id else f"{stop.kind}: lead {stop.lead_id} has the same address"
    )
