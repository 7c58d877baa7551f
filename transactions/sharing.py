"""The rule of one sequence at a time, by recipient: asked at the claim, however two follow-ups came to one address.

An enrolment that would break it is refused. It may break all the same: a lead is moved onto another's address. Then
the follow-up that came to the address first goes on, and the other waits for a person, who may let both go on.
"""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.cause import Cause
from domain.enrolling import Known, may_run_beside
from domain.instance import InstanceStatus, Reason, instance_key
from domain.lead_facts import LeadFacts
from domain.recipient import recipient_of
from domain.sequence import REPLY
from domain.step import Paused
from domain.task import TaskKind
from store.instances import Other, find_others
from store.stops import find_running
from store.tasks import open_task, was_decided
from transactions.drafting import parse_sequence
from transactions.locked_step import LockedStep
from transactions.moves import pause_instance

_PAUSABLE = (InstanceStatus.ACTIVE, InstanceStatus.HELD, InstanceStatus.AWAITING_APPROVAL)


def came_first(instance_id: str, others: Iterable[Other]) -> Other | None:
    """Find the follow-up of another lead that stands against one, having come to the address first; None: none does.

    `others` are the follow-ups of the address, the one itself among them, in the order in which they came to it.
    """
    others = list(others)
    own = next((one for one in others if one.instance_id == instance_id), None)
    if own is None or own.sequence == REPLY:
        return None
    sequence = parse_sequence(own.definition)
    for other in others[: others.index(own)]:
        another = other.lead_id != own.lead_id and not other.over and other.sequence != REPLY
        if another and not may_run_beside(sequence, known_of(other)):
            return other
    return None


def known_of(other: Other) -> Known:
    """Return a stored follow-up as the rules of enrolment see it."""
    return Known(
        instance_id=other.instance_id,
        lead_id=other.lead_id,
        sequence=other.sequence,
        over=other.over,
        beside_others=parse_sequence(other.definition).beside_others,
    )


def _has_come_since(locked_step: LockedStep, others: Iterable[Other]) -> Other | None:
    """Find the follow-up that stands against a draft which is frozen to an address that its lead has left."""
    sequence, lead_id = locked_step.sequence, locked_step.locked.lead.lead_id
    if sequence.name == REPLY:
        return None
    running = (one for one in others if one.lead_id != lead_id and not one.over and one.sequence != REPLY)
    return next((one for one in running if not may_run_beside(sequence, known_of(one))), None)


async def stands_against(locked_step: LockedStep, frozen_to: str) -> Other | None:
    """Find what stands against a step that is about to be claimed; None where a person let it go on.

    It is asked of the lead's address and, where a draft is frozen to another one, of that.
    """
    connection, instance_id, workspace = (
        locked_step.connection,
        locked_step.instance_id,
        locked_step.locked.workspace,
    )
    first = came_first(instance_id, await find_others(connection, workspace, [], [locked_step.locked.recipient]))
    if first is None and frozen_to != locked_step.locked.recipient:
        first = _has_come_since(locked_step, await find_others(connection, workspace, [], [frozen_to]))
    if first is None or await was_decided(connection, instance_id, locked_step.step, TaskKind.SHARED_RECIPIENT):
        return None
    return first


async def open_shared_task(connection: AsyncConnection, instance_id: str, step: int, first: Other, by: str) -> None:
    """Ask a person what is to become of a follow-up whose address another one goes to."""
    lead_id = instance_key(instance_id).lead_id
    why = f"lead {lead_id} has the address of lead {first.lead_id}, who is followed up by {first.instance_id}"
    await open_task(connection, instance_id, step, TaskKind.SHARED_RECIPIENT, by=by, why=why, cause=Cause.SHARED)


async def pause_those_that_came_later(
    connection: AsyncConnection, workspace: str, lead: LeadFacts, by: str
) -> tuple[str, ...]:
    """Pause the follow-ups of a lead whose new address is another's already; returns which, each with an open task.

    Wants the lead's name and the recipient locked. The claim judges the same again.
    """
    others = await find_others(connection, workspace, [], [recipient_of(lead.email)])
    paused = []
    for one in await find_running(connection, workspace, lead.lead_id):
        first = came_first(one.instance_id, others)
        if first is None or one.status not in _PAUSABLE:
            continue
        await open_shared_task(connection, one.instance_id, one.step, first, by)
        shared = Paused(reason=Reason.RECIPIENT_IN_USE)
        await pause_instance(connection, one.instance_id, one.step, shared, by=by, cause=Cause.SHARED)
        paused.append(one.instance_id)
    return tuple(paused)
