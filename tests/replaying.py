"""That what ran live can be told again: a worker that has not seen a follow-up begins with its history."""

from collections.abc import AsyncIterator

from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from domain.instance import workflow_id
from tests.scene import Scene
from workflows.follow_up import FollowUpWorkflow

# Of a test that enrols thousands, a few stand for all.
_AT_MOST = 10


def unsandboxed() -> Replayer:
    """Replays this process' workflow, whatever was done to it; `debug_mode`: in this thread."""
    return Replayer(
        workflows=[FollowUpWorkflow],
        data_converter=pydantic_data_converter,
        workflow_runner=UnsandboxedWorkflowRunner(),
        debug_mode=True,
    )


async def assert_replays(scene: Scene) -> None:
    """Replay the newest run of a scene's follow-ups. Raises NondeterminismError when one goes astray."""
    await unsandboxed().replay_workflows(_histories(scene), raise_on_replay_failure=True)


async def _histories(scene: Scene) -> AsyncIterator[WorkflowHistory]:
    for row in await scene.rows("SELECT id FROM instances ORDER BY id LIMIT :most", most=_AT_MOST):
        try:
            yield await scene.client.get_workflow_handle(workflow_id(row.id)).fetch_history()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # nobody started it, or its test had Temporal lose it
                raise
