"""A person asks what is known of them, or to be forgotten."""

import uuid
from datetime import datetime
from typing import Any, NamedTuple

from temporalio.client import WorkflowExecutionStatus

from domain.command import Stop
from operating.acting.act import act
from operating.audit.running import describe
from operating.looking.finding import NotFoundError, find_instance
from operating.reach import Reached
from store.forgetting import PersonRows, find_lead_ids, read_person
from transactions.forget import Forgotten, NotForgottenError, find_running_of, forget_person
from transactions.stop import stop_row


async def export(reached: Reached, lead_id: str) -> dict[str, Any]:
    """Read everything known of the person of a lead, as values that JSON holds. Raises NotFoundError."""
    async with reached.engine.connect() as connection:
        # one instant for all of it, whatever happens meanwhile
        await connection.execution_options(isolation_level="REPEATABLE READ")
        lead_ids = await find_lead_ids(connection, reached.workspace, lead_id)
        if not lead_ids:
            raise _no_lead(lead_id)
        return _facts(await read_person(connection, reached.workspace, lead_ids))


def _facts(person: PersonRows) -> dict[str, Any]:
    return {name: _plain(value) for name, value in person._asdict().items()}


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case list():
            return [_plain(one) for one in value]
        case datetime():
            return value.isoformat()
        case bytes():
            return value.decode("utf-8", "backslashreplace")
        case uuid.UUID():
            return str(value)
        case _:
            return value


class ToForget(NamedTuple):
    """What forgetting a person would erase; `others` are the further ids under which the app knows them."""

    others: list[str]
    instances: int
    running: int


async def look(reached: Reached, lead_id: str) -> ToForget:
    """Say what forgetting the person of a lead would erase. Raises NotFoundError."""
    async with reached.engine.connect() as connection:
        lead_ids = await find_lead_ids(connection, reached.workspace, lead_id)
        if not lead_ids:
            raise _no_lead(lead_id)
        person = await read_person(connection, reached.workspace, lead_ids)
        running = await find_running_of(connection, reached.workspace, lead_ids)
    return ToForget([one for one in lead_ids if one != lead_id], len(person.instances), len(running))


async def forget(reached: Reached, lead_id: str, by: str) -> Forgotten:
    """Stop what is under way through its workflows, then erase who the person is, under each of their ids.

    Safe to repeat. What counts stays: instances, steps, states, instants, Message-IDs and fingerprints. Raises
    NotFoundError, and NotForgottenError where something has not ended: then nothing was erased.
    """
    async with reached.engine.connect() as connection:
        lead_ids = await find_lead_ids(connection, reached.workspace, lead_id)
        running = await find_running_of(connection, reached.workspace, lead_ids)
    if running:
        await _stop(reached, running, by)
    async with reached.engine.begin() as connection:
        forgotten = await forget_person(connection, reached.workspace, lead_id, lead_ids, by)
    if forgotten is None:
        raise _no_lead(lead_id)
    return forgotten


async def _stop(reached: Reached, instance_ids: list[str], by: str) -> None:
    client = await reached.connect()
    for instance, status in (await describe(client, instance_ids)).items():
        found = await find_instance(reached.engine, reached.workspace, instance)
        if status is not WorkflowExecutionStatus.RUNNING:
            async with reached.engine.begin() as connection:
                await stop_row(connection, instance, found.step, by, "gone")
            continue
        answer = await act(reached.engine, client, found, Stop(by=by), "")
        if not answer.done:
            raise NotForgottenError(f"{instance} did not end: {answer.answer}\nnothing was erased; say it again then")


def _no_lead(lead_id: str) -> NotFoundError:
    return NotFoundError(f"no lead has the id {lead_id}: give the app's own id of them, as `followup list` shows it")
