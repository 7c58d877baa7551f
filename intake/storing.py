"""The facts of enrolments: leads, instances, and stops that came before them, in the caller's one transaction."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from activities.drafting import parse_sequence
from domain import sequence as sequences
from domain.enrolling import Known, Refusal, refusal
from domain.instance import InstanceStatus, Reason
from domain.lead import Lead
from domain.schedule import after
from domain.sequence import StopKind
from domain.thread import Origin
from store.facts import find_thread
from store.instances import Enrolled, Enrolment, enroll, find_enrolled, find_others, set_status
from store.leads import save_leads
from store.locks import lock_leads
from store.sequences import save_sequence
from store.stops import RecordedStop, find_stops
from store.suppressions import suppress


class Wanted(NamedTuple):
    """A lead to be enrolled, the id of the instance, and the message it answers, if it answers one."""

    lead: Lead
    instance_id: str
    origin: Origin | None = None


class Stored(NamedTuple):
    """What became of enrolments; `refused` says of which instances that they may not be."""

    enrolled: list[Enrolled]
    refused: dict[str, Refusal]


class Enrolling(NamedTuple):
    """Who enrols whom in what; `at` is the instant at which that was said, so a stop not before it came later."""

    workspace: str
    sequence: sequences.Sequence
    at: datetime
    by: str


async def store_enrolments(connection: AsyncConnection, enrolling: Enrolling, wanted: Sequence[Wanted]) -> Stored:
    """Write the facts of enrolments. A lead that is enrolled already, or may not be, stays as it is."""
    workspace, sequence, _, by = enrolling
    await lock_leads(connection, workspace, [one.lead.lead_id for one in wanted])
    known = await find_enrolled(connection, [one.instance_id for one in wanted])
    refused = await _refused(connection, enrolling, [one for one in wanted if one.instance_id not in known])
    taken = [one for one in wanted if one.instance_id not in refused]
    fresh = [one.lead for one in taken if one.instance_id not in known]
    await save_sequence(connection, workspace, sequence)
    await save_leads(connection, workspace, fresh)
    rows = [await _row(connection, enrolling, one) for one in taken]
    enrolled = await enroll(connection, workspace, sequence, rows, by)
    stops = await find_stops(connection, workspace, [lead.lead_id for lead in fresh])
    await _suppress(connection, enrolling, {lead.lead_id: lead.email for lead in fresh}, stops)
    return Stored([await _heed(connection, enrolling, one, stops) for one in enrolled], refused)


async def _refused(connection: AsyncConnection, enrolling: Enrolling, fresh: Sequence[Wanted]) -> dict[str, Refusal]:
    """Say which of these leads may not be enrolled. Their locks are held, so nobody else enrols them meanwhile."""
    others = await find_others(connection, enrolling.workspace, [one.lead.lead_id for one in fresh])
    known: dict[str, list[Known]] = {}
    for other in others:
        beside = parse_sequence(other.definition).beside_others
        known.setdefault(other.lead_id, []).append(Known(other.sequence, other.over, beside))
    found = {one.instance_id: refusal(enrolling.sequence, known.get(one.lead.lead_id, [])) for one in fresh}
    return {instance_id: why for instance_id, why in found.items() if why is not None}


async def _row(connection: AsyncConnection, enrolling: Enrolling, one: Wanted) -> Enrolment:
    sequence, origin, enrolled_at = enrolling.sequence, one.origin, datetime.now(UTC)
    thread_id = one.instance_id
    if origin is not None:
        ours = await find_thread(connection, enrolling.workspace, origin.message_ids)
        thread_id = ours or origin.thread_id(enrolling.workspace)
    return Enrolment(
        one.instance_id,
        one.lead.lead_id,
        len(sequence.steps),
        (after(enrolled_at, sequence.steps[0].wait, one.lead.zone) - enrolled_at).total_seconds(),
        thread_id,
        origin.model_dump(mode="json") if origin else None,
    )


async def _heed(
    connection: AsyncConnection, enrolling: Enrolling, one: Enrolled, stops: Sequence[RecordedStop]
) -> Enrolled:
    """Stop an enrolment that is older than a stop which outran it."""
    if not one.new:
        return one
    for stop in stops:
        if stop.lead_id == one.lead_id and stop.occurred_at >= enrolling.at and enrolling.sequence.stops_on(stop.kind):
            status, reason, why = InstanceStatus.STOPPED, Reason(stop.kind), f"{stop.kind} came before its enrolment"
            await set_status(connection, one.instance_id, status, reason, by=enrolling.by, why=why)
            return one._replace(status=status)
    return one


async def _suppress(
    connection: AsyncConnection, enrolling: Enrolling, addresses: dict[str, str], stops: Sequence[RecordedStop]
) -> None:
    """Suppress what could not be when the stop came, because its lead's address was not known yet.

    Whoever unsubscribed stays so. A bounce is of the address that was known then, so an older one says nothing of this.
    """
    for stop in stops:
        outran = stop.kind is StopKind.BOUNCED and stop.occurred_at >= enrolling.at
        if stop.kind is StopKind.UNSUBSCRIBED or outran:
            await suppress(
                connection,
                enrolling.workspace,
                [addresses[stop.lead_id]],
                enrolling.by,
                stop.kind,
                known_at=stop.recorded_at,
            )
