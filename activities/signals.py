"""Telling one's own workflow something while the activity runs. Best effort: the activity's result says it as well."""

from datetime import timedelta

from temporalio import activity
from temporalio.service import RPCError

from activities.logs import LOG
from domain.command import PAUSE, RESUME, Pause, Resume
from domain.instance import Reason

_PATIENCE = timedelta(seconds=5)


async def signal_pause(by: str) -> None:
    """Tell this run that a send ended uncertain."""
    info = activity.info()
    await _signal(info.workflow_run_id, PAUSE, Pause(reason=Reason.SEND_OUTCOME_UNKNOWN, by=by))


async def signal_resume(by: str) -> None:
    """Tell whichever run is current that its unknown draft has been settled by the claim's own late answer."""
    await _signal(None, RESUME, Resume(by=by))


async def _signal(run: str | None, name: str, argument: Pause | Resume) -> None:
    handle = activity.client().get_workflow_handle(activity.info().workflow_id or "", run_id=run)
    try:
        await handle.signal(name, argument, rpc_timeout=_PATIENCE)
    except (TimeoutError, RPCError) as error:
        workflow = activity.info().workflow_id
        LOG.warning("%s: signal %s was not taken: %s", workflow, name, type(error).__name__)
