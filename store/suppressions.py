"""The suppression list: addresses, and whole domains, that nothing is sent to; each may be lifted, and comes back."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Text, any_, exists, func, literal, null, select, update
from sqlalchemy.dialects.postgresql import ARRAY, array, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store.locks import lock_domains, lock_recipients
from store.tables import Suppression

_NOT_LIFTED = Suppression.lifted_at.is_(None)
_ENTRIES = select(Suppression.address, Suppression.why, Suppression.who, Suppression.at).where(_NOT_LIFTED)


class Suppressed(NamedTuple):
    """An entry that is in force: an address, `@domain`, or the hash of an address that was forgotten."""

    address: str
    why: str
    who: str
    at: datetime


def forgotten(workspace: str, address: str) -> str:
    """Derive the entry of an address that is known no more: whoever gives it again is still recognised."""
    return "sha256:" + hashlib.sha256(f"{workspace}:{address.lower()}".encode()).hexdigest()


def covering(workspace: str, address: str) -> tuple[str, str, str]:
    """Name the entries any one of which suppresses an address: its own, its domain's, and its hash."""
    address = address.lower()
    return address, "@" + address.rpartition("@")[2], forgotten(workspace, address)


def in_force(workspace: ColumnElement[str], addresses: Iterable[ColumnElement[Any]]) -> ColumnElement[bool]:
    """Ask whether any of these entries is in force: one look-up each in the primary key."""
    among = Suppression.address == any_(array(list(addresses), type_=Text))
    return exists().where(Suppression.workspace == workspace, among, _NOT_LIFTED)


async def suppress(
    connection: AsyncConnection,
    workspace: str,
    addresses: Iterable[str],
    by: str,
    why: str,
    *,
    known_at: datetime | None = None,
) -> list[str]:
    """Send nothing to these addresses any more; one that is suppressed already keeps its first reason.

    No claim for one of them is under way when this returns, and once it is committed none begins. An entry that was
    lifted is in force again; but not for what was `known_at` an instant before that, because whoever lifted it meant
    just that. Returns those that were not in force.
    """
    given_addresses = {address.lower() for address in addresses if address}
    await lock_recipients(connection, workspace, [one for one in given_addresses if not one.startswith("@")])
    await lock_domains(connection, workspace, [one[1:] for one in given_addresses if one.startswith("@")])
    given = func.unnest(_array(given_addresses)).column_valued("given")
    statement = insert(Suppression).from_select(
        ["workspace", "address", "who", "why"], select(*_texts(workspace), given, *_texts(by, why))
    )
    lifted_before = ~_NOT_LIFTED if known_at is None else Suppression.lifted_at < known_at
    reinstated = {name: statement.excluded[name] for name in ("who", "why", "at")}
    statement = statement.on_conflict_do_update(
        index_elements=[Suppression.workspace, Suppression.address],
        set_=reinstated | dict.fromkeys(("lifted_at", "lifted_by", "lifted_why"), null()),
        where=lifted_before,
    )
    return list((await connection.execute(statement.returning(Suppression.address))).scalars())


async def lift(connection: AsyncConnection, workspace: str, addresses: Iterable[str], by: str, why: str) -> list[str]:
    """Let these entries be no longer in force; what they were stays known. Returns those that were."""
    among = Suppression.address == any_(_array(addresses))
    statement = update(Suppression).where(Suppression.workspace == workspace, among, _NOT_LIFTED)
    lifted = {"lifted_at": func.clock_timestamp(), "lifted_by": by, "lifted_why": why}
    return list((await connection.execute(statement.values(lifted).returning(Suppression.address))).scalars())


async def find_suppressions(connection: AsyncConnection, workspace: str, addresses: Iterable[str]) -> list[Suppressed]:
    """Find those of these entries that are in force."""
    among = Suppression.address == any_(_array(addresses))
    statement = _ENTRIES.where(Suppression.workspace == workspace, among).order_by(Suppression.address)
    return [Suppressed(*row) for row in await connection.execute(statement)]


async def list_suppressions(
    connection: AsyncConnection, workspace: str, *, prefix: str = "", after: str = "", limit: int
) -> list[Suppressed]:
    """List the entries in force that begin with `prefix`, in order; `after` is the last one of the page before."""
    statement = _ENTRIES.where(Suppression.workspace == workspace, Suppression.address > after)
    if prefix:
        statement = statement.where(func.starts_with(Suppression.address, prefix))
    statement = statement.order_by(Suppression.address).limit(limit)
    return [Suppressed(*row) for row in await connection.execute(statement)]


def _array(addresses: Iterable[str]) -> ColumnElement[Any]:
    # in one order for everybody: no two transactions wait for each other's rows; who was forgotten has no address
    return literal(sorted({address.lower() for address in addresses if address}), ARRAY(Text))


def _texts(*texts: str) -> list[ColumnElement[str]]:
    return [literal(text, Text) for text in texts]
