"""Instances: where each stands, enrolling and listing them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Text, bindparam, case, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.instance import FINAL, InstanceStatus, Reason
from domain.sequence import Sequence as FollowUpSequence
from store.tables import Instance, SequenceVersion

_SET_STATUS = (
    update(Instance)
    .where(Instance.id == bindparam("instance_id"), Instance.status.not_in(FINAL))
    .values(status=bindparam("a_status"), reason=bindparam("a_reason"))
    # a pause forgets no due instant: whoever resumes it, or runs it again, waits for the same one
    .values(
        until=func.coalesce(
            bindparam("an_until"), case((bindparam("a_status", type_=Text).not_in(FINAL), Instance.until))
        )
    )
    .values(who=bindparam("by"), why=bindparam("a_why"))
)


async def set_status(
    connection: AsyncConnection,
    instance_id: str,
    status: InstanceStatus,
    reason: Reason,
    *,
    by: str,
    why: str,
    until: datetime | None = None,
) -> None:
    """Say what an instance does now and why. A final status stays as it is."""
    values = {"instance_id": instance_id, "a_status": status, "a_reason": reason, "an_until": until}
    await connection.execute(_SET_STATUS, values | {"by": by, "a_why": why})


_ADVANCE = _SET_STATUS.where(Instance.step < bindparam("a_step")).values(step=bindparam("a_step"))


async def advance(connection: AsyncConnection, instance_id: str, step: int, due_at: datetime, by: str) -> None:
    """Make `step` the current one, due at an instant; never backwards."""
    values = {"instance_id": instance_id, "a_step": step, "an_until": due_at, "by": by}
    state = {"a_status": InstanceStatus.ACTIVE, "a_reason": Reason.NONE, "a_why": f"step {step} is next"}
    await connection.execute(_ADVANCE, values | state)


class Enrolment(NamedTuple):
    """One instance as it shall be stored."""

    instance_id: str
    lead_id: str
    steps: int
    wait_seconds: float  # until the first step falls due
    thread_id: str
    origin: dict[str, Any] | None = None  # where the thread began, if not with us
    variables: dict[str, str] | None = None  # what its templates see over the lead's own


class Enrolled(NamedTuple):
    """One instance as it is stored."""

    instance_id: str
    lead_id: str
    steps: int
    first_due_at: datetime
    started: bool
    new: bool
    sequence: str
    status: InstanceStatus


async def find_enrolled(connection: AsyncConnection, instance_ids: Sequence[str]) -> set[str]:
    """Which of these instances exist."""
    statement = select(Instance.id).where(Instance.id.in_(instance_ids))
    return set((await connection.execute(statement)).scalars())


class Other(NamedTuple):
    """An instance of a lead that is enrolled once more."""

    instance_id: str
    lead_id: str
    sequence: str
    over: bool
    definition: str  # the JSON of its sequence version


async def find_others(connection: AsyncConnection, workspace: str, lead_ids: Sequence[str]) -> list[Other]:
    """Find every instance that these leads have ever had."""
    # one look-up an instance; a join might read every version there is
    definition = select(SequenceVersion.definition).where(
        SequenceVersion.workspace == Instance.workspace,
        SequenceVersion.name == Instance.sequence,
        SequenceVersion.version == Instance.version,
    )
    over = Instance.status.in_(FINAL)
    statement = select(Instance.id, Instance.lead_id, Instance.sequence, over, definition.scalar_subquery()).where(
        Instance.workspace == workspace, Instance.lead_id.in_(lead_ids)
    )
    return [Other(*row) for row in await connection.execute(statement.order_by(Instance.id))]


async def enroll(
    connection: AsyncConnection, workspace: str, sequence: FollowUpSequence, wanted: Sequence[Enrolment], by: str
) -> list[Enrolled]:
    """Store these instances; one that exists stays as it is. Returns all of them, in no particular order."""
    if not wanted:
        return []
    rows = [
        {
            "id": one.instance_id,
            "workspace": workspace,
            "lead_id": one.lead_id,
            "sequence": sequence.name,
            "version": sequence.version,
            "thread_id": one.thread_id,
            "origin": one.origin,
            "variables": one.variables,
            "steps": one.steps,
            "until": func.now() + func.make_interval(0, 0, 0, 0, 0, 0, literal(one.wait_seconds)),
            "who": by,
            "why": "enrolled",
        }
        for one in sorted(wanted, key=lambda one: one.instance_id)
    ]
    statement = insert(Instance).values(rows).on_conflict_do_nothing(index_elements=["id"]).returning(Instance.id)
    new = set((await connection.execute(statement)).scalars())
    return [
        found._replace(new=found.instance_id in new)
        for found in await find_instances(connection, [w.instance_id for w in wanted])
    ]


async def find_instances(connection: AsyncConnection, instance_ids: Sequence[str]) -> list[Enrolled]:
    """Find these instances, in no particular order; none counts as new."""
    rows = await connection.execute(select(Instance.__table__).where(Instance.id.in_(instance_ids)))
    return [
        Enrolled(
            instance_id=row.id,
            lead_id=row.lead_id,
            steps=row.steps,
            first_due_at=row.until or row.enrolled_at,
            started=row.started_at is not None,
            new=False,
            sequence=row.sequence,
            status=InstanceStatus(row.status),
        )
        for row in rows
    ]


async def find_stopped(connection: AsyncConnection, instance_ids: Sequence[str]) -> dict[str, Reason]:
    """Find which of these instances have been stopped, and why."""
    statement = select(Instance.id, Instance.reason).where(
        Instance.id.in_(instance_ids), Instance.status == InstanceStatus.STOPPED
    )
    return {row.id: Reason(row.reason) for row in await connection.execute(statement)}


async def mark_started(connection: AsyncConnection, instance_ids: Sequence[str]) -> None:
    """Note that Temporal has confirmed the workflows of these instances."""
    statement = update(Instance).where(Instance.id.in_(instance_ids), Instance.started_at.is_(None))
    await connection.execute(statement.values(started_at=func.now()))


class Listed(NamedTuple):
    """An instance as operators see it."""

    instance_id: str
    lead_id: str
    sequence: str
    status: str
    reason: str
    step: int
    steps: int
    until: datetime | None
    enrolled_at: datetime
    started_at: datetime | None  # None: Temporal has not confirmed its workflow yet


_LISTED: tuple[Any, ...] = (
    Instance.id,
    Instance.lead_id,
    Instance.sequence,
    Instance.status,
    Instance.reason,
    Instance.step,
    Instance.steps,
    Instance.until,
    Instance.enrolled_at,
    Instance.started_at,
)


async def list_instances(
    connection: AsyncConnection,
    workspace: str,
    status: InstanceStatus | None = None,
    limit: int = 1000,
    sequence: str | None = None,
) -> list[Listed]:
    """List the newest instances of a workspace, those of one status or sequence if asked."""
    statement = select(*_LISTED).where(Instance.workspace == workspace)
    if status is not None:
        statement = statement.where(Instance.status == status)
    if sequence is not None:
        statement = statement.where(Instance.sequence == sequence)
    statement = statement.order_by(Instance.enrolled_at.desc(), Instance.id.desc()).limit(limit)
    return [Listed(*row) for row in await connection.execute(statement)]


async def find_by_prefix(connection: AsyncConnection, prefix: str, limit: int = 5) -> list[Listed]:
    """Find the instances whose id begins with this; an exact match comes alone."""
    pattern = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    # one condition, so that an index leads to the prefix; an `or` beside it made a broad one read all ids before it
    statement = select(*_LISTED).where(Instance.id.like(pattern))
    found = [Listed(*row) for row in await connection.execute(statement.order_by(Instance.id).limit(limit))]
    exact = [one for one in found if one.instance_id == prefix]
    return exact or found
