"""Instances chosen by sequence and lead, read a page at a time: however many there are, memory stays flat."""

from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.instance import FINAL
from store.listing import LISTED, Listed
from store.tables import Instance


class Selection(NamedTuple):
    """Which instances of a workspace are meant: those of a sequence, a lead, both, or all of them."""

    workspace: str
    sequence: str | None = None
    lead_id: str | None = None


class Place(NamedTuple):
    """An instance's place among all of its workspace. It never changes, and whoever is enrolled later comes after."""

    enrolled_at: datetime
    instance_id: str


# Before and behind every instance.
START = Place(datetime.min.replace(tzinfo=UTC), "")
END = Place(datetime.max.replace(tzinfo=UTC), "")


def place_of(one: Listed) -> Place:
    """Return the place of an instance."""
    return Place(one.enrolled_at, one.instance_id)


async def read_running(
    connection: AsyncConnection, choice: Selection, after: Place, last: Place, limit: int
) -> list[Listed]:
    """Read the next of the chosen instances that have not ended: those behind `after`, up to and with `last`."""
    statement = select(*LISTED).where(Instance.workspace == choice.workspace, Instance.status.not_in(FINAL))
    if choice.sequence is not None:
        statement = statement.where(Instance.sequence == choice.sequence)
    if choice.lead_id is not None:
        statement = statement.where(Instance.lead_id == choice.lead_id)
    place = tuple_(Instance.enrolled_at, Instance.id)
    statement = statement.where(place > tuple_(*after), place <= tuple_(*last))
    statement = statement.order_by(Instance.enrolled_at, Instance.id).limit(limit)
    return [Listed(*row) for row in await connection.execute(statement)]
