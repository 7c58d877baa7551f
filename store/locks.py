"""Locks on what may have no row: an event's id, a lead before it is enrolled, a recipient, a sender.

All take them in one order: event, leads, recipients, domains, rows, sender. Within a kind they are taken in the order
of their names.
"""

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


async def lock_recipients(connection: AsyncConnection, workspace: str, recipients: Iterable[str]) -> None:
    """Lock recipients until the transaction ends: no claim of theirs is under way meanwhile, under whichever lead id.

    It comes after the leads' own names, and before every row of a lead.
    """
    await _lock(connection, sorted(f"{workspace}/recipient/{recipient}" for recipient in set(recipients) if recipient))


async def lock_domains(connection: AsyncConnection, workspace: str, domains: Iterable[str]) -> None:
    """Lock every recipient of some domains until the transaction ends; it comes after single recipients."""
    await _lock(connection, sorted(f"{workspace}/domain/{domain}" for domain in set(domains)))


async def lock_event(connection: AsyncConnection, workspace: str, event_id: str) -> None:
    """Lock an event's id until the transaction ends; it comes before every other lock."""
    # no lead's name has a slash, so none of theirs is this one
    await _lock(connection, [f"{workspace}/event/{event_id}"])


async def lock_sender(connection: AsyncConnection, workspace: str, sender: str) -> None:
    """Lock the sends of a sender until the transaction ends; it comes after every other lock."""
    await _lock(connection, [f"{workspace}/sender/{sender}"])


async def _lock(connection: AsyncConnection, names: list[str]) -> None:
    if names:
        await connection.execute(_LOCK, {"names": names})
