"""A person asks what is known of them, or to be forgotten."""

import uuid
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.client import WorkflowExecutionStatus

from domain.command import Stop
from domain.draft import DraftState
from operating.acting import act
from operating.audit.running import describe
from operating.ended import stop_row
from operating.finding import NotFoundError, find_instance
from operating.reach import Reached
from store.forgetting import (
    Person,
    Unended,
    erase,
    find_unended,
    list_addresses,
    read_person,
    suppress_forgotten,
)
from store.leads import lock_known_lead
from store.ledger import add_note
from store.locks import lock_leads
from store.stops import find_running

FORGOTTEN = "forgotten"


class NotForgottenError(NotFoundError):
    """A person can't be forgotten yet; nothing was erased. The message says what has to come first."""


class Forgotten(NamedTuple):
    """What was erased of a person."""

    lead_id: str
    instances: int
    addresses: int  # how many are suppressed by their hashes


async def export(reached: Reached, lead_id: str) -> dict[str, Any]:
    """Read everything known of a lead, as values that JSON holds. Raises NotFoundError."""
    async with reached.engine.connect() as connection:
        # one instant for all of it, whatever happens meanwhile
        await connection.execution_options(isolation_level="REPEATABLE READ")
        person = await read_person(connection, reached.workspace, lead_id)
    if person is None:
        raise _no_lead(lead_id)
    return _facts(person)


def _facts(person: Person) -> dict[str, Any]:
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


async def count_running(reached: Reached, lead_id: str) -> tuple[int, int]:
    """Count the follow-ups of a lead, and those that have not ended. Raises NotFoundError."""
    async with reached.engine.connect() as connection:
        person = await read_person(connection, reached.workspace, lead_id)
        running = await find_running(connection, reached.workspace, lead_id)
    if person is None:
        raise _no_lead(lead_id)
    return len(person.instances), len(running)


async def forget(reached: Reached, lead_id: str, by: str) -> Forgotten:
    """Stop what is under way through its workflows, then erase who the lead is. Safe to repeat.

    What counts stays: instances, steps, states, instants, Message-IDs and fingerprints. Raises NotFoundError, and
    NotForgottenError where something has not ended: then nothing was erased.
    """
    async with reached.engine.connect() as connection:
        running = await find_running(connection, reached.workspace, lead_id)
    if running:
        await _stop(reached, [one.instance_id for one in running], by)
    async with reached.engine.begin() as connection:
        return await _forget(connection, reached.workspace, lead_id, by)


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


async def _forget(connection: AsyncConnection, workspace: str, lead_id: str, by: str) -> Forgotten:
    await lock_leads(connection, workspace, [lead_id])
    if await lock_known_lead(connection, workspace, lead_id) is None:
        raise _no_lead(lead_id)
    if running := await find_running(connection, workspace, lead_id):
        raise NotForgottenError(f"{running[0].instance_id} has begun meanwhile; nothing was erased: say it again")
    if unended := await find_unended(connection, workspace, lead_id):
        raise NotForgottenError("\n".join([*map(_how_to_end, unended), "nothing was erased; say it again then"]))
    addresses = await list_addresses(connection, workspace, lead_id)
    await suppress_forgotten(connection, workspace, addresses, by)
    instances = await erase(connection, workspace, lead_id)
    for instance in instances:
        await add_note(connection, instance, None, FORGOTTEN, by=by, why="")
    return Forgotten(lead_id, len(instances), len(addresses))


def _how_to_end(draft: Unended) -> str:
    where = f"step {draft.step} of {draft.instance_id}"
    if draft.state == DraftState.UNKNOWN:
        return f"{where} may have been sent: settle it with `followup resume {draft.instance_id} --decision …`"
    return f"{where} is {draft.state}: it has to end first"


def _no_lead(lead_id: str) -> NotFoundError:
    return NotFoundError(f"no lead has the id {lead_id}: give the app's own id of them, as `followup list` shows it")
