"""Telling a follow-up something: the operator's words into the ledger, the command to its workflow as an update."""

import asyncio
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import (
    Client,
    RPCTimeoutOrCancelledError,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateStage,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from domain.command import (
    APPROVE,
    DONE,
    PAUSE,
    REJECT,
    RESUME,
    STOP,
    Approve,
    Command,
    Done,
    Pause,
    Reject,
    Resume,
    Stop,
)
from domain.instance import workflow_id
from operating.acting.ended import obey_ended
from store.listing import End, Listed
from transactions.words import keep_refusal, keep_words

# A worker answers within a second or two; the first task after another worker's death waits 10 s for its sticky cache.
PATIENCE = timedelta(seconds=15)
_NAMES: dict[type[Command], str] = {
    Pause: PAUSE,
    Resume: RESUME,
    Stop: STOP,
    Approve: APPROVE,
    Reject: REJECT,
    Done: DONE,
}
# What a command is called after "nothing to", where that is not its name.
_VERBS = {DONE: "do"}


class CommandAnswer(NamedTuple):
    """What became of a command; `answer` is for people. Where nobody answered, it may yet be obeyed."""

    instance_id: str
    command: str
    done: bool
    answer: str
    answered: bool = True


class _RefusedError(Exception):
    """The follow-up said no; nothing was changed."""


class _GoneError(Exception):
    """There is no running workflow to ask; `status` says how it ended, None: Temporal knows of none."""

    def __init__(self, status: WorkflowExecutionStatus | None) -> None:
        super().__init__(_gone(status))
        self.status = status


class _UnansweredError(Exception):
    """No answer came in time; the command may yet be obeyed."""


async def act(engine: AsyncEngine, client: Client, found: Listed, command: Command, note: str) -> CommandAnswer:
    """Keep the operator's words, then ask the workflow, and wait a while for its answer.

    The words stay in PostgreSQL, for they may name people; a refusal is noted after them. Until something happens to
    the follow-up, the same command is the same update: said again after no answer came, it is not obeyed twice. A run
    that was reset is asked again: what was said to the one before may have come to nothing. Of what has ended nothing
    is asked, and nothing is kept.
    """
    if isinstance(command, Resume | Reject | Done):
        command = command.model_copy(update={"step": found.step})
    name, by = _NAMES[type(command)], command.by
    said = " ".join([name, *_particulars(command)])
    last = await keep_words(engine, found.instance_id, found.step, said, by=by, note=note)
    if isinstance(last, End):
        return CommandAnswer(found.instance_id, said, done=False, answer=_ended(last, name))
    handle = client.get_workflow_handle(workflow_id(found.instance_id))
    try:
        try:
            sentence = await _ask(handle, name, command, f"{said}-{last}".replace(" ", "-"))
        except _GoneError as gone:
            sentence = await _ask_nobody(engine, found, command, gone)
    except _RefusedError as refusal:
        await keep_refusal(engine, found.instance_id, found.step, str(refusal))
        return CommandAnswer(found.instance_id, said, done=False, answer=str(refusal))
    except _UnansweredError as silence:
        answer = (
            f"{silence}; `followup show '{found.instance_id}'` tells. Saying the same again is safe: it counts once"
        )
        return CommandAnswer(found.instance_id, said, done=False, answer=answer, answered=False)
    return CommandAnswer(found.instance_id, said, done=True, answer=sentence)


def _ended(end: End, name: str) -> str:
    return f"is {end.status} since {end.since:%Y-%m-%d %H:%M:%S} UTC: nothing to {_VERBS.get(name, name)}"


def _particulars(command: Command) -> list[str]:
    match command:
        case Resume() if command.decision != RESUME:
            return [command.decision]
        case Approve():
            return [command.fingerprint[:8]]
        case _:
            return []


async def _ask(handle: WorkflowHandle[Any, Any], name: str, command: Command, update_id: str) -> str:
    patience = f"within {PATIENCE.total_seconds():.0f} s"
    silence = f"nobody answered {patience}: is a worker running? The command may still be obeyed once one is"
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            run = (await handle.describe(rpc_timeout=PATIENCE)).run_id
            update: WorkflowUpdateHandle[str] = await handle.start_update(
                name,
                command,
                id=f"{update_id}-{run}",
                result_type=str,
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                rpc_timeout=PATIENCE,
            )
            silence = f"it was taken, but not done {patience}: it is obeyed when what is under way has ended"
            return await update.result(rpc_timeout=PATIENCE)
    except (TimeoutError, RPCTimeoutOrCancelledError):
        raise _UnansweredError(silence) from None
    except WorkflowUpdateFailedError as error:
        raise _RefusedError(_sentence(error.cause)) from None
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    raise _GoneError(await _status(handle))


async def _ask_nobody(engine: AsyncEngine, found: Listed, command: Command, gone: _GoneError) -> str:
    try:
        async with engine.begin() as connection:
            done = await obey_ended(connection, found.instance_id, found.step, command, gone.status)
    except ValueError as refusal:
        raise _RefusedError(str(refusal)) from None
    if done is None:
        raise _RefusedError(str(gone))
    return done


def _sentence(cause: BaseException) -> str:
    return cause.message if isinstance(cause, ApplicationError) else str(cause)


async def _status(handle: WorkflowHandle[Any, Any]) -> WorkflowExecutionStatus | None:
    try:
        return (await handle.describe()).status
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    return None


def _gone(status: WorkflowExecutionStatus | None) -> str:
    if status is None:
        return (
            "Temporal knows no workflow of this follow-up: it was never started, which enrolling again does, "
            "or it ended long ago"
        )
    return f"its workflow has ended ({status.name.lower()}): nothing more can be asked of it"
