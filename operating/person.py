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
    find_lead_ids,
    find_unended,
    list_addresses,
    read_person,
    suppress_forgotten,
)
from store.ledger import add_note
from store.locks import lock_leads, lock_recipients
from store.stops import find_running

FORGOTTEN = "forgotten"


class NotForgottenError(NotFoundError):
    """A person can't be forgotten yet; nothing was erased. The message says what has to come first."""


class Forgotten(NamedTuple):
    """What was erased of a person."""

    lead_id: str
    others: list[str]  # further ids of the same person
    instances: int
    addresses: int  # how many are suppressed by their hashes


async def export(reached: Reached, lead_id: str) -> dict[str, Any]:
    """Read everything known of the person of a lead, as values that JSON holds. Raises NotFoundError."""
    async with reached.engine.connect() as connection:
        # one instant for all of it, whatever happens meanwhile
        await connection.execution_options(isolation_level="REPEATABLE READ")
        lead_ids = await find_lead_ids(connection, reached.workspace, lead_id)
        if not lead_ids:
            raise _no_lead(lead_id)
        return _facts(await read_person(connection, reached.workspace, lead_ids))


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
        running = await _running(connection, reached.workspace, lead_ids)
    return ToForget([one for one in lead_ids if one != lead_id], len(person.instances), len(running))


async def _running(connection: AsyncConnection, workspace: str, lead_ids: list[str]) -> list[str]:
    running = [await find_running(connection, workspace, lead_id) for lead_id in lead_ids]
    return [one.instance_id for found in running for one in found]


async def forget(reached: Reached, lead_id: str, by: str) -> Forgotten:
    """Stop what is under way through its workflows, then erase who the person is, under each of their ids.

    Safe to repeat. What counts stays: instances, steps, states, instants, Message-IDs and fingerprints. Raises
    NotFoundError, and NotForgottenError where something has not ended: then nothing was erased.
    """
    async with reached.engine.connect() as connection:
        lead_ids = await find_lead_ids(connection, reached.workspace, lead_id)
        running = await _running(connection, reached.workspace, lead_ids)
    if running:
        await _stop(reached, running, by)
    async with reached.engine.begin() as connection:
        return await _forget(connection, reached.workspace, lead_id, lead_ids, by)


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


async def _forget(connection: AsyncConnection, workspace: str, lead_id: str, lead_ids: list[str], by: str) -> Forgotten:
    await lock_leads(connection, workspace, lead_ids or [lead_id])
    addresses = await list_addresses(connection, workspace, lead_ids)
    await lock_recipients(connection, workspace, addresses)
    found = await find_lead_ids(connection, workspace, lead_id)
    if not found:
        raise _no_lead(lead_id)
    if found != lead_ids:
        raise NotForgottenError(f"{lead_id} is another person by now; nothing was erased: say it again")
    if running := await _running(connection, workspace, lead_ids):
        raise NotForgottenError(f"{running[0]} has begun meanwhile; nothing was erased: say it again")
    if unended := await find_unended(connection, workspace, lead_ids):
        raise NotForgottenError("\n".join([*map(_how_to_end, unended), "nothing was erased; say it again then"]))
    await suppress_forgotten(connection, workspace, addresses, by)
    instances = [one for each in lead_ids for one in await erase(connection, workspace, each)]
    for instance in instances:
        await add_note(connection, instance, None, FORGOTTEN, by=by, why="")
    return Forgotten(lead_id, [one for one in lead_ids if one != lead_id], len(instances), len(addresses))


def _how_to_end(draft: Unended) -> str:
    where = f"step {draft.step} of {draft.instance_id}"
    if draft.state == DraftState.UNKNOWN:
        return f"{where} may have been sent: settle it with `followup resume {draft.instance_id} --decision …`"
    return f"{where} is {draft.state}: it has to end first"


def _no_lead(lead_id: str) -> NotFoundError:
    return NotFoundError(f"no lead has the id {lead_id}: give the app's own id of them, as `followup list` shows it")
