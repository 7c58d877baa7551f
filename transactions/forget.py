"""Forgetting a person: everything that says who they are is erased in one transaction; what counts stays."""

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.draft import DraftState
from store.forgetting import Unended, erase, find_lead_ids, find_unended, list_addresses, suppress_forgotten
from store.ledger import add_note
from store.locks import lock_leads, lock_recipients
from store.stops import find_running

FORGOTTEN = "forgotten"


class NotForgottenError(Exception):
    """A person can't be forgotten yet; nothing was erased. The message says what has to come first."""


class Forgotten(NamedTuple):
    """What was erased of a person."""

    lead_id: str
    others: list[str]  # further ids of the same person
    instances: int
    addresses: int  # how many are suppressed by their hashes


async def find_running_of(connection: AsyncConnection, workspace: str, lead_ids: list[str]) -> list[str]:
    """Find the follow-ups of some leads that are under way."""
    running = [await find_running(connection, workspace, lead_id) for lead_id in lead_ids]
    return [one.instance_id for found in running for one in found]


async def forget_person(
    connection: AsyncConnection, workspace: str, lead_id: str, lead_ids: list[str], by: str
) -> Forgotten | None:
    """Erase who a person is, under each of their ids, and suppress each address by its hash; None: nobody has that id.

    `lead_ids` are those that were seen before what ran was stopped. Raises NotForgottenError.
    """
    await lock_leads(connection, workspace, lead_ids or [lead_id])
    addresses = await list_addresses(connection, workspace, lead_ids)
    await lock_recipients(connection, workspace, addresses)
    found = await find_lead_ids(connection, workspace, lead_id)
    if not found:
        return None
    if found != lead_ids:
        raise NotForgottenError(f"{lead_id} is another person by now; nothing was erased: say it again")
    if running := await find_running_of(connection, workspace, lead_ids):
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
