"""Locks on what may have no row yet: an event's id, and a lead before it is enrolled."""

from collections.abc import Iterable

from sqlalchemy import ARRAY, Text, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

_KEY = func.unnest(bindparam("names", type_=ARRAY(Text))).column_valued("name")
_LOCK = select(func.pg_advisory_xact_lock(func.hashtextextended(_KEY, 0)))


async def lock_leads(connection: AsyncConnection, workspace: str, lead_ids: Iterable[str]) -> None:
    """Lock leads, with a row or without, until the transaction ends: no stop and no enrolment of one pass each other.

    It comes before every row lock, and the order is the same for everybody, so that no two wait for each other.
    """
    await _lock(connection, sorted(f"{workspace}/{lead_id}" for lead_id in set(lead_ids)))


async def lock_event(connection: AsyncConnection, workspace: str, event_id: str) -> None:
    """Lock an event's id until the transaction ends; it comes before every other lock."""
    # no lead's name has a slash, so none of theirs is this one
    await _lock(connection, [f"{workspace}/event/{event_id}"])


async def lock_sender(connection: AsyncConnection, workspace: str, sender: str) -> None:
    """Lock the sends of a sender until the transaction ends; it comes after every other lock."""
    await _lock(connection, [f"{workspace}/sender/{sender}"])


async def _lock(connection: AsyncConnection, names: list[str]) -> None:
    await connection.execute(_LOCK, {"names": names})
