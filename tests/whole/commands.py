"""What operators can do in Temporal's Web UI and CLI beside signals: each of it makes steps run again."""

import uuid

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import RetryPolicy, WorkflowExecution
from temporalio.api.enums.v1 import EventType, ResetReapplyExcludeType
from temporalio.api.workflowservice.v1 import (
    PauseActivityRequest,
    ResetWorkflowExecutionRequest,
    UnpauseActivityRequest,
    UpdateActivityOptionsRequest,
)
from temporalio.client import Client

from tests.whole.looking import Handle, events, until

# Before anything was done, when an activity was answered, and the last one.
FIRST, MIDDLE, LAST = "first", "middle", "last"
_EVERYTHING_SAID = [
    ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL,
    ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_UPDATE,
]


async def reset(client: Client, handle: Handle, to: str, *, repeat_what_was_said: bool = True, answer: int = 0) -> None:
    """Begin a new run of a workflow from one of its workflow tasks; the middle is when this answer came."""
    history = await events(handle)
    tasks = [one.event_id for one in history if one.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED]
    answered = [one.event_id for one in history if one.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED]
    middle = next(task for task in tasks if task > answered[answer]) if answered else tasks[0]
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id),
            reason="an operator's finger",
            workflow_task_finish_event_id={FIRST: tasks[0], MIDDLE: middle, LAST: tasks[-1]}[to],
            request_id=str(uuid.uuid4()),
            reset_reapply_exclude_types=[] if repeat_what_was_said else _EVERYTHING_SAID,
        )
    )


async def running_activity(handle: Handle) -> str:
    """The id of the activity that a worker runs, once one does."""
    found: list[str] = []

    async def runs() -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        found[:] = [one.activity_id for one in pending if one.last_worker_identity]
        return bool(found)

    await until(runs)
    return found[0]


async def pause_activity(client: Client, handle: Handle, activity: str) -> None:
    """Pause an activity: an attempt that fails meanwhile is not the last one, whatever the retry policy says."""
    await client.workflow_service.pause_activity(
        PauseActivityRequest(
            namespace=client.namespace, execution=WorkflowExecution(workflow_id=handle.id), id=activity
        )
    )


async def unpause_activity(client: Client, handle: Handle, activity: str) -> None:
    """Let a paused activity run again."""
    await client.workflow_service.unpause_activity(
        UnpauseActivityRequest(
            namespace=client.namespace, execution=WorkflowExecution(workflow_id=handle.id), id=activity
        )
    )


async def allow_attempts(client: Client, handle: Handle, activity: str, attempts: int) -> None:
    """Change how often a running activity is tried."""
    await client.workflow_service.update_activity_options(
        UpdateActivityOptionsRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id=handle.id),
            id=activity,
            activity_options=ActivityOptions(retry_policy=RetryPolicy(maximum_attempts=attempts)),
            update_mask=FieldMask(paths=["retry_policy.maximum_attempts"]),
        )
    )
