"""Sequence versions: stored once, counted by what runs on them, and instances moved from one to another."""

from collections.abc import Sequence as Many
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.instance import FINAL, InstanceStatus
from domain.lead import Lead
from domain.sequence import Sequence
from store import tables
from store.leads import LEAD_OF_INSTANCE, lead_of
from store.selection import Place
from store.tables import Draft, Instance, LedgerEntry, SequenceVersion

# What a note is called that says that an instance was moved to another version.
UPGRADED = "upgraded"


_SAVE_SEQUENCE = postgresql.insert(SequenceVersion).on_conflict_do_nothing()


async def save_sequence(connection: AsyncConnection, workspace: str, sequence: Sequence) -> None:
    """Store a sequence version; the same content is the same version.

    What is as by default is left out, as it is from its version: workers of the release before, which know no newer
    key, can read it as long as it uses none.
    """
    identity = {"workspace": workspace, "name": sequence.name, "version": sequence.version}
    definition = sequence.model_dump_json(exclude_defaults=True)
    await connection.execute(_SAVE_SEQUENCE, identity | {"definition": definition})


class StoredVersion(NamedTuple):
    """A sequence version as it is stored."""

    version: str
    stored_at: datetime
    definition: str  # JSON


def _versions(workspace: str, name: str) -> Select[Any]:
    columns: tuple[Any, ...] = (SequenceVersion.version, SequenceVersion.created_at, SequenceVersion.definition)
    statement = select(*columns).where(SequenceVersion.workspace == workspace, SequenceVersion.name == name)
    return statement.order_by(SequenceVersion.created_at.desc(), SequenceVersion.version)


async def find_versions(
    connection: AsyncConnection, workspace: str, name: str, prefix: str, limit: int = 1000
) -> list[StoredVersion]:
    """Find the versions of a sequence that begin with a prefix, newest first."""
    # a version is of hex digits, none of which comes after "g": the index leads to what lies between
    between = SequenceVersion.version.between(prefix, f"{prefix}g")
    statement = _versions(workspace, name).where(between, func.starts_with(SequenceVersion.version, prefix))
    return [StoredVersion(*row) for row in await connection.execute(statement.limit(limit))]


async def newest_version(connection: AsyncConnection, workspace: str, name: str) -> StoredVersion | None:
    """Find the version of a sequence that was stored last; None when none was."""
    row = (await connection.execute(_versions(workspace, name).limit(1))).one_or_none()
    return StoredVersion(*row) if row else None


class CountedVersion(NamedTuple):
    """A sequence version, and how many instances it has of each status."""

    name: str
    version: str
    stored_at: datetime
    steps: int
    instances: dict[InstanceStatus, int]


async def count_versions(connection: AsyncConnection, workspace: str, name: str | None = None) -> list[CountedVersion]:
    """Count the instances of each sequence version by status, those of one sequence if asked; newest version first."""
    by_status = select(Instance.sequence, Instance.version, Instance.status, func.count().label("found"))
    by_status = by_status.where(Instance.workspace == workspace)
    if name is not None:
        by_status = by_status.where(Instance.sequence == name)
    counts = by_status.group_by(Instance.sequence, Instance.version, Instance.status).subquery()
    steps = func.coalesce(func.jsonb_array_length(SequenceVersion.definition.cast(JSONB)["steps"]), 0)
    own: tuple[Any, ...] = (SequenceVersion.name, SequenceVersion.version, SequenceVersion.created_at, steps)
    its = (counts.c.sequence == SequenceVersion.name) & (counts.c.version == SequenceVersion.version)
    statement = select(*own, counts.c.status, counts.c.found).outerjoin(counts, its)
    statement = statement.where(SequenceVersion.workspace == workspace)
    if name is not None:
        statement = statement.where(SequenceVersion.name == name)
    newest = (SequenceVersion.created_at.desc(), SequenceVersion.name, SequenceVersion.version)
    versions: dict[tuple[str, str], CountedVersion] = {}
    for row in await connection.execute(statement.order_by(*newest)):
        one = versions.setdefault((row[0], row[1]), CountedVersion(*row[:4], {}))
        if row.status is not None:
            one.instances[InstanceStatus(row.status)] = row.found
    return list(versions.values())


async def count_running(connection: AsyncConnection, workspace: str, name: str, version: str) -> int:
    """Count the instances of a sequence version that have not ended."""
    statement = select(func.count()).where(
        Instance.workspace == workspace, Instance.sequence == name, Instance.version == version
    )
    return (await connection.execute(statement.where(Instance.status.not_in(FINAL)))).scalar_one()


class Upgradable(NamedTuple):
    """A running instance, and all that decides whether it may move to another version."""

    instance_id: str
    lead: Lead  # with what its templates see over the lead's own
    version: str
    step: int
    drafted: int  # the last step that has a draft; 0: none has
    enrolled_at: datetime
    status: str

    @property
    def place(self) -> Place:
        """Its place among all instances of its workspace."""
        return Place(self.enrolled_at, self.instance_id)


_DRAFTED = select(func.coalesce(func.max(Draft.step), 0)).where(Draft.instance_id == Instance.id).scalar_subquery()
_UPGRADABLE: Select[Any] = select(
    Instance.id,
    Instance.version,
    Instance.step,
    Instance.enrolled_at,
    Instance.status,
    _DRAFTED.label("drafted"),
    *LEAD_OF_INSTANCE,
).join(
    tables.StoredLead,
    (tables.StoredLead.workspace == Instance.workspace) & (tables.StoredLead.lead_id == Instance.lead_id),
)


class Movement(NamedTuple):
    """Which instances of a workspace are meant: those of this sequence that run on another version than `to`."""

    workspace: str
    name: str
    to: str
    from_: str | None = None  # those on this version alone


async def read_upgradable(
    connection: AsyncConnection, movement: Movement, after: Place, last: Place, limit: int
) -> list[Upgradable]:
    """Read the next running instances on another version: those behind `after`, up to and with `last`."""
    place = tuple_(Instance.enrolled_at, Instance.id)
    page = select(Instance.id).where(Instance.workspace == movement.workspace, _is_meant(movement))
    page = page.where(place > tuple_(*after), place <= tuple_(*last))
    # the page first: else the leads of all that are meant may be read for each page
    found = page.order_by(Instance.enrolled_at, Instance.id).limit(limit).subquery()
    statement = _UPGRADABLE.join(found, found.c.id == Instance.id).order_by(Instance.enrolled_at, Instance.id)
    return [_upgradable(row) for row in (await connection.execute(statement)).mappings()]


async def lock_upgradable(connection: AsyncConnection, movement: Movement, instance_ids: Many[str]) -> list[Upgradable]:
    """Lock the leads of these instances until the transaction ends, then read those that are still meant.

    It comes after `store.locks.lock_leads`, which everybody takes who locks several rows of leads.
    """
    mine = select(Instance.lead_id).where(Instance.id.in_(instance_ids))
    lead = tables.StoredLead
    locking = select(lead.lead_id).where(lead.workspace == movement.workspace, lead.lead_id.in_(mine))
    await connection.execute(locking.with_for_update())
    statement = _UPGRADABLE.where(Instance.id.in_(instance_ids), _is_meant(movement))
    found = await connection.execute(statement.order_by(Instance.enrolled_at, Instance.id))
    return [_upgradable(row) for row in found.mappings()]


def _is_meant(movement: Movement) -> ColumnElement[bool]:
    version = Instance.version != movement.to
    if movement.from_ is not None:
        version &= Instance.version == movement.from_
    return (Instance.sequence == movement.name) & Instance.status.not_in(FINAL) & version


def _upgradable(row: Any) -> Upgradable:
    of_instance = (row[name] for name in ("version", "step", "drafted", "enrolled_at", "status"))
    return Upgradable(row["id"], lead_of(row), *of_instance)


async def move(connection: AsyncConnection, moved: Many[Upgradable], to: Sequence, *, by: str, note: str = "") -> None:
    """Let these instances go on with another version, and note it. Wants their leads' locks held.

    What they wait for, and since when, stays as it is: the instant the current step falls due too.
    """
    if not moved:
        return
    statement = update(Instance).where(Instance.id.in_([one.instance_id for one in moved]))
    await connection.execute(statement.values(version=to.version, steps=len(to.steps)))
    rows = [
        {
            "instance_id": one.instance_id,
            "step": one.step,
            "subject": "note",
            "to_state": UPGRADED,
            "who": by,
            "why": f"from version {one.version} to {to.version}" + (f": {note}" if note else ""),
        }
        for one in moved
    ]
    await connection.execute(insert(LedgerEntry), rows)
