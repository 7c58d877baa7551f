"""Starting follow-ups and telling them something: what Temporal is asked once the facts are stored. Safe to repeat."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.command import LOOK, PAUSE, RESUME, STOP, Look, Pause, Resume, Stop
from domain.instance import InstanceStatus, Reason, workflow_id
from domain.step import FollowUp
from store.instances import StoredInstance, find_stopped
from transactions.enrol import confirm_started
from workflows import search_attributes
from workflows.follow_up import FollowUpWorkflow

# How many calls are under way at Temporal at a time; more only wait in its queue.
_AT_ONCE = 32
# Temporal answers in milliseconds; whoever waits for us gives up after some seconds, and asks again.
_PATIENCE = timedelta(seconds=10)


class Starter:
    """Starts and signals the workflows of one workspace. `by` names who does."""

    def __init__(self, engine: AsyncEngine, client: Client, *, workspace: str, task_queue: str) -> None:
        self._engine = engine
        self._client = client
        self._workspace = workspace
        self._task_queue = task_queue

    async def start(self, enrolled: Sequence[StoredInstance], by: str) -> None:
        """Start those that were not started yet, but none that has been stopped.

        A stop that comes meanwhile finds no workflow to tell, or one that was started: so each is looked at once more
        after its start, and told. Raises what Temporal and the store raise when they are down.
        """
        waiting = [one for one in enrolled if not one.started]
        running = [one for one in waiting if one.status is not InstanceStatus.STOPPED]
        limit = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(self._start(one, limit) for one in running))
        async with self._engine.connect() as connection:
            stopped = await find_stopped(connection, [one.instance_id for one in waiting])
        await self.stop_each(stopped, by)
        await confirm_started(self._engine, [one.instance_id for one in running])

    async def stop(self, instance_ids: Sequence[str], reason: Reason, by: str) -> None:
        """Tell these instances, which the store has stopped, that they are; one that is gone needs no telling."""
        await self._tell(instance_ids, STOP, Stop(reason=reason, by=by))

    async def stop_each(self, stopped: Mapping[str, Reason], by: str) -> None:
        """Tell these instances, which the store has stopped for a reason each, that they are."""
        for reason in set(stopped.values()):
            await self.stop([one for one in stopped if stopped[one] is reason], reason, by)

    async def resume(self, instance_ids: Sequence[str], by: str) -> None:
        """Tell these instances that their lead may be written to again; what is unknown stays unknown."""
        await self._tell(instance_ids, RESUME, Resume(asked_pause_only=True, by=by))

    async def settled(self, instance_id: str, step: int, by: str) -> None:
        """Tell an instance that evidence has settled its unknown send; whoever waits for anything else stays so."""
        command = Resume(step=step, paused_for=Reason.SEND_OUTCOME_UNKNOWN, by=by)
        await self._tell([instance_id], RESUME, command)

    async def look(self, instance_ids: Sequence[str], by: str) -> None:
        """Tell these instances that what holds them may have changed: each looks at once whether it still does."""
        await self._tell(instance_ids, LOOK, Look(by=by))

    async def paused(self, instance_ids: Sequence[str], reason: Reason, by: str) -> None:
        """Tell these instances, which the store has paused, that they are."""
        await self._tell(instance_ids, PAUSE, Pause(reason=reason, by=by))

    async def _tell(self, instance_ids: Sequence[str], name: str, command: Stop | Resume | Pause | Look) -> None:
        limit = asyncio.Semaphore(_AT_ONCE)

        async def tell(one: str) -> None:
            async with limit:
                try:
                    handle = self._client.get_workflow_handle(workflow_id(one))
                    await handle.signal(name, command, rpc_timeout=_PATIENCE)
                except RPCError as error:
                    if error.status is not RPCStatusCode.NOT_FOUND:
                        raise

        await asyncio.gather(*map(tell, instance_ids))

    async def _start(self, one: StoredInstance, limit: asyncio.Semaphore) -> None:
        follow_up = FollowUp(instance_id=one.instance_id, steps=one.steps, first_due_at=one.first_due_at)
        async with limit:
            try:
                await self._client.start_workflow(
                    FollowUpWorkflow.run,
                    follow_up,
                    id=workflow_id(one.instance_id),
                    task_queue=self._task_queue,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    search_attributes=self._attributes(one),
                    static_summary=f"{one.sequence}, {one.steps} steps",
                    rpc_timeout=_PATIENCE,
                )
            except WorkflowAlreadyStartedError:
                return  # it ran and closed; starting it again is what must not happen

    def _attributes(self, one: StoredInstance) -> TypedSearchAttributes:
        return TypedSearchAttributes(
            [
                SearchAttributePair(search_attributes.STATUS, InstanceStatus.ACTIVE),
                SearchAttributePair(search_attributes.REASON, Reason.NONE),
                SearchAttributePair(search_attributes.SEQUENCE, one.sequence),
                SearchAttributePair(search_attributes.WORKSPACE, self._workspace),
                SearchAttributePair(search_attributes.LEAD, one.lead_id),
            ]
        )
