"""Stops: which recipients one reaches, and the end of the follow-ups that it ends."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.cause import Cause
from domain.instance import Reason
from domain.lead_facts import LeadFacts, address_at
from domain.recipient import recipient_of
from domain.sequence import Sequence, StopKind
from store.leads import lock_lead, read_addresses
from store.stops import RecordedStop, RunningInstance, find_running
from transactions.drafting import parse_sequence
from transactions.locked_step import LockedStep
from transactions.moves import stop, stop_instance


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
        why, cause = _why(stop, one), Cause.STOPPED
        await stop_instance(connection, one.instance_id, Reason(stop.kind), by=by, why=why, cause=cause)
    return [one.instance_id for one in ended]


def _why(stop: RecordedStop, running: RunningInstance) -> str:
    return (
        str(stop.kind) if running.lead_id == stop.lead_id else f"{stop.kind}: lead {stop.lead_id} has the same address"
    )


async def stop_row(connection: AsyncConnection, instance_id: str, step: int, by: str, how: str) -> None:
    """Stop one in the tables, for no workflow will; one that begins now heeds it like any stop."""
    locked = await lock_lead(connection, instance_id)
    if locked is not None:
        await stop(LockedStep(connection, locked, step, by), Reason.OPERATOR, Cause.STOPPED, how)
