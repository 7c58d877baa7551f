"""Two follow-ups of one address that tolerate no other: the one that came to it later waits for a person."""

from sqlalchemy.ext.asyncio import AsyncConnection

from activities.sharing import came_first, open_shared_task
from domain.cause import Cause
from domain.instance import InstanceStatus, Reason
from domain.lead_facts import LeadFacts
from domain.recipient import recipient_of
from store.instances import find_others, set_status
from store.stops import find_running

_PAUSABLE = (InstanceStatus.ACTIVE, InstanceStatus.HELD, InstanceStatus.AWAITING_APPROVAL)


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
        status, reason, why = InstanceStatus.PAUSED, Reason.RECIPIENT_IN_USE, f"step {one.step}: recipient_in_use"
        await set_status(connection, one.instance_id, status, reason, by=by, why=why, cause=Cause.SHARED)
        paused.append(one.instance_id)
    return tuple(paused)
