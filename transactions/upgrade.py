"""Moving running follow-ups to another version of their sequence: which may, and doing it."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.instance import InstanceStatus
from domain.recipient import recipient_of
from domain.sequence import Sequence
from mail.template import TemplateError, render_step
from store.locks import lock_leads
from store.selection import END, START, Place
from store.sequences import (
    Movement,
    Upgradable,
    find_versions,
    lock_upgradable,
    move,
    read_upgradable,
    save_sequence,
)
from store.stops import RecordedStop, find_stops
from transactions.drafting import parse_sequence

# Locks are held for as long as it takes to move so many: some tens of milliseconds.
_BATCH = 100
# Sentences name variables, and memory must not grow with them.
_MOST_SENTENCES = 50


def objection(
    old: Sequence, new: Sequence, one: Upgradable, stops: Iterable[RecordedStop], link: str | None = None
) -> str | None:
    """Say why a follow-up can't go on with another version of its sequence; None when it can.

    `stops` are those of its person, `link` stands for that of each message. What is behind it, or written already, must
    be the same in both; what is left must render; and nothing may have happened that would have ended it under the new
    version.
    """
    fixed = max(one.step - 1, one.drafted)
    if len(new.steps) < max(one.step, fixed):
        return f"it is at step {one.step}, and the new version has {len(new.steps)}"
    for order in range(1, fixed + 1):
        if old.step(order) != new.step(order):
            return f"step {order} changed, and {'is behind it' if order < one.step else 'has its message already'}"
    for stop in stops:
        since = max(stop.occurred_at, stop.recorded_at or stop.occurred_at) >= one.enrolled_at
        if since and new.stops_on(stop.kind) and not old.stops_on(stop.kind):
            return f"its lead {stop.kind} since it was enrolled, on which the new version stops"
    try:
        for order in range(fixed + 1, len(new.steps) + 1):
            render_step(new, order, one.lead, link)
    except TemplateError as error:
        return str(error)
    return None


def _of_person(stops: Iterable[RecordedStop], one: Upgradable) -> list[RecordedStop]:
    recipient = recipient_of(one.lead.email)
    return [stop for stop in stops if stop.lead_id == one.lead.lead_id or recipient in stop.recipients]


class Judged(NamedTuple):
    """A follow-up, and why it can't move; `objection` is None when it can."""

    one: Upgradable
    objection: str | None


@dataclass
class Outlook:
    """What becomes of follow-ups: how many move, by step, and how many stay, by reason."""

    moves: Counter[int] = field(default_factory=Counter)
    stays: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)  # a follow-up for each reason

    def add(self, judged: Judged) -> None:
        """Count one."""
        if judged.objection is None:
            self.moves[judged.one.step] += 1
            return
        known = judged.objection in self.stays or len(self.stays) < _MOST_SENTENCES
        reason = judged.objection if known else "for other reasons"
        self.stays[reason] += 1
        self.examples.setdefault(reason, judged.one.instance_id)


class Upgrade:
    """Moves the running follow-ups of a sequence to a version, each under its lead's lock. `by` says who asks.

    `link` stands for that of each message, where messages have one.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        movement: Movement,
        to: Sequence,
        *,
        by: str,
        note: str = "",
        link: str | None = None,
    ) -> None:
        self._engine = engine
        self._movement = movement
        self._to = to
        self._by = by
        self._note = note
        self._link = link
        self.versions: dict[str, Sequence] = {}  # those that were met
        self.held: list[str] = []  # moved, and held by what the new version may judge otherwise
        self.last: Place | None = None  # of those that were looked at; whoever was enrolled later is not meant

    async def look(self, advance: Callable[[int], object]) -> dict[str, Outlook]:
        """Say what would happen, by version, changing nothing."""
        outlooks: dict[str, Outlook] = {}
        async for page in self._pages(END):
            async with self._engine.connect() as connection:
                for judged in await self._judge(connection, page):
                    outlooks.setdefault(judged.one.version, Outlook()).add(judged)
            self.last = page[-1].place
            advance(len(page))
        return outlooks

    async def move(self, last: Place, done: Outlook, advance: Callable[[int], object]) -> None:
        """Move all that were looked at (up to `last`) and still can, a batch a transaction.

        `done` tells what became of them, also when this ends early. Doing it again does the rest.
        """
        async for page in self._pages(last):
            async with self._engine.connect() as connection:
                judged = await self._judge(connection, page)
            for one in judged:
                if one.objection is not None:  # nobody is locked for it
                    done.add(one)
            if able := [one.one for one in judged if one.objection is None]:
                for one in await self._move(able):
                    done.add(one)
                    if one.objection is None and one.one.status == InstanceStatus.HELD:
                        self.held.append(one.one.instance_id)
            advance(len(page))

    async def _pages(self, last: Place) -> AsyncIterator[list[Upgradable]]:
        after = START
        while True:
            async with self._engine.connect() as connection:
                page = await read_upgradable(connection, self._movement, after, last, _BATCH)
            if not page:
                return
            yield page
            after = page[-1].place

    async def _judge(self, connection: AsyncConnection, page: list[Upgradable]) -> list[Judged]:
        lead_ids = [one.lead.lead_id for one in page]
        recipients = [recipient_of(one.lead.email) for one in page]
        stops = await find_stops(connection, self._movement.workspace, lead_ids, recipients)
        return [
            Judged(one, self._objection(await self._version(connection, one), one, _of_person(stops, one)))
            for one in page
        ]

    def _objection(self, old: Sequence, one: Upgradable, stops: Iterable[RecordedStop]) -> str | None:
        return objection(old, self._to, one, stops, self._link)

    async def _version(self, connection: AsyncConnection, one: Upgradable) -> Sequence:
        if one.version not in self.versions:
            workspace, name = self._movement.workspace, self._movement.name
            [stored] = await find_versions(connection, workspace, name, one.version)
            self.versions[one.version] = parse_sequence(stored.definition)
        return self.versions[one.version]

    async def _move(self, able: list[Upgradable]) -> list[Judged]:
        """Move those that still can when nobody else may touch them; who ended meanwhile is not among the judged."""
        async with self._engine.begin() as connection:
            await lock_leads(connection, self._movement.workspace, [one.lead.lead_id for one in able])
            locked = await lock_upgradable(connection, self._movement, [one.instance_id for one in able])
            judged = await self._judge(connection, locked)
            moving = [one.one for one in judged if one.objection is None]
            await save_sequence(connection, self._movement.workspace, self._to)
            await move(connection, moving, self._to, by=self._by, note=self._note)
        return judged
