"""A workspace is a wall: a worker sends as its own tenant, so a step of another one is refused before anything is read.

Task queues keep workspaces apart. Where two share one by mistake, this does.
"""

from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from domain.instance import instance_key


class WorkspaceInterceptor(Interceptor):
    """Lets a worker do nothing but what belongs to its workspace."""

    def __init__(self, workspace: str) -> None:
        self._workspace = workspace

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002  # Temporal's own name
        """Wrap the activities of a worker."""
        return _WorkspaceInbound(next, self._workspace)


class _WorkspaceInbound(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, workspace: str) -> None:  # noqa: A002  # Temporal's own name
        super().__init__(next)
        self._workspace = workspace

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002  # Temporal's own name
        """Raise ApplicationError for what belongs to another workspace; a worker of that one may take it."""
        (call,) = input.args
        if instance_key(call.instance_id).workspace == self._workspace:
            return await super().execute_activity(input)
        activity.logger.error(
            "this worker serves workspace %s alone, and polls a task queue with steps of another: "
            "give each workspace a FOLLOWUP_TASK_QUEUE of its own",
            self._workspace,
        )
        raise ApplicationError("the step is of another workspace than the worker's", type="OtherWorkspace")
