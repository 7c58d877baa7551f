"""I6, everything is counted: what every step of every instance counts as, in one grouped query."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, Select, and_, case, column, func, literal, null, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.cause import Cause
from domain.draft import DraftState
from domain.instance import InstanceStatus
from store.tables import Draft, Instance, LedgerEntry

# A count reads every row there is; the limit of other statements is for those that read a few.
_COUNT_AT_MOST = timedelta(minutes=15)


class StepKind(StrEnum):
    """What a step counts as. UNACCOUNTED is none of them: there should be no such step, and `audit` names each."""

    SENT = "sent"
    PENDING = "pending"
    HELD = "held"
    SKIPPED = "skipped"
    REFUSED = "refused"
    STOPPED = "stopped"
    UNKNOWN = "unknown"
    UNACCOUNTED = "unaccounted"


# What a draft's state alone decides. The others depend on where their instance stands.
DECIDED_BY_DRAFT = {
    DraftState.SENT: StepKind.SENT,
    DraftState.DONE: StepKind.SENT,  # a person did what a manual step asks for
    DraftState.SENDING: StepKind.PENDING,  # until its outcome is recorded
    DraftState.REFUSED: StepKind.REFUSED,
    DraftState.UNKNOWN: StepKind.UNKNOWN,
    DraftState.SKIPPED: StepKind.SKIPPED,
    DraftState.DISCARDED: StepKind.SKIPPED,
    DraftState.STOPPED: StepKind.STOPPED,
}
UNDECIDED = (DraftState.AWAITING_APPROVAL, DraftState.PENDING)
_WAITING = (InstanceStatus.HELD, InstanceStatus.PAUSED, InstanceStatus.AWAITING_APPROVAL)
_STEPS = func.generate_series(1, Instance.steps).table_valued(column("step", Integer)).render_derived("steps")
_STEP = _STEPS.c.step
# An instance is at a step when its row says so; a decision alone takes it past one that has no draft.
_SKIPPED_BY_WORD = (
    select(literal(1))
    .select_from(LedgerEntry)
    .where(
        LedgerEntry.instance_id == Instance.id,
        LedgerEntry.step == _STEP,
        LedgerEntry.subject == "instance",
        LedgerEntry.cause == Cause.SKIPPED,
    )
    # a value and not `exists`, for which PostgreSQL may first read the whole ledger into a hash
    .limit(1)
    .scalar_subquery()
    .is_not(None)
)


def _kind() -> ColumnElement[str]:
    decided = [(Draft.state == state, literal(str(kind))) for state, kind in DECIDED_BY_DRAFT.items()]
    behind = or_(Instance.step > _STEP, Instance.status == InstanceStatus.COMPLETED)
    return case(
        *decided,
        (Instance.status == InstanceStatus.STOPPED, literal(str(StepKind.STOPPED))),
        (and_(behind, Draft.id.is_(None), _SKIPPED_BY_WORD), literal(str(StepKind.SKIPPED))),
        (behind, literal(str(StepKind.UNACCOUNTED))),
        (Instance.step < _STEP, literal(str(StepKind.PENDING))),
        (Instance.status.in_(_WAITING), literal(str(StepKind.HELD))),
        (Draft.state == DraftState.AWAITING_APPROVAL, literal(str(StepKind.HELD))),
        else_=literal(str(StepKind.PENDING)),
    )


KIND = _kind()


def steps_with(*columns: Any) -> Select[Any]:
    """Select from every step of every instance, beside the draft it has."""
    draft = and_(Draft.instance_id == Instance.id, Draft.step == _STEP)
    return select(*columns).select_from(Instance).join(_STEPS, true()).outerjoin(Draft, draft)


class StepCount(NamedTuple):
    """How many steps of this order, in this sequence, count as this."""

    sequence: str
    step: int
    kind: StepKind
    steps: int


async def count_steps(connection: AsyncConnection, workspace: str, sequence: str | None = None) -> list[StepCount]:
    """Count the steps of a workspace by sequence, order and kind; those of one sequence if asked."""
    await _take_time(connection)
    statement = steps_with(Instance.sequence, _STEP, KIND.label("kind"), func.count())
    statement = _narrowed(statement, workspace, sequence).group_by(Instance.sequence, _STEP, "kind")
    rows = await connection.execute(statement.order_by(Instance.sequence, _STEP))
    return [StepCount(row[0], row[1], StepKind(row[2]), row[3]) for row in rows]


async def count_expected(connection: AsyncConnection, workspace: str, sequence: str | None = None) -> tuple[int, int]:
    """Count the instances of a workspace and, by their rows alone, the steps these have."""
    await _take_time(connection)
    totals: tuple[Any, ...] = (func.count(), func.coalesce(func.sum(Instance.steps), 0))
    found = await connection.execute(_narrowed(select(*totals).select_from(Instance), workspace, sequence))
    instances, steps = found.one()
    return instances, steps


class InstanceCount(NamedTuple):
    """How many steps of one instance count as this."""

    instance_id: str
    kind: StepKind
    steps: int


async def count_steps_of(connection: AsyncConnection, instance_ids: Sequence[str]) -> list[InstanceCount]:
    """Count the steps of these instances, each for itself."""
    statement = steps_with(Instance.id, KIND.label("kind"), func.count()).where(Instance.id.in_(instance_ids))
    rows = await connection.execute(statement.group_by(Instance.id, "kind"))
    return [InstanceCount(row[0], StepKind(row[1]), row[2]) for row in rows]


class Unaccounted(NamedTuple):
    """A step that counts as nothing, or whose draft the ledger tells otherwise."""

    instance_id: str
    step: int
    status: str
    state: str | None  # of its draft
    told: str | None  # what the ledger said last of the draft
    at: datetime | None


async def find_unaccounted(connection: AsyncConnection, instance_ids: Sequence[str]) -> list[Unaccounted]:
    """Find the steps of these instances that are not accounted for (I6), or not as they were written down (I8)."""
    last = (
        select(LedgerEntry.to_state, LedgerEntry.at)
        .where(LedgerEntry.instance_id == Instance.id, LedgerEntry.step == _STEP, LedgerEntry.subject == "draft")
        .order_by(LedgerEntry.id.desc())
        .limit(1)
        .lateral("told")
    )
    statement = steps_with(Instance.id, _STEP, Instance.status, Draft.state, last.c.to_state, last.c.at)
    statement = statement.outerjoin(last, true()).where(
        Instance.id.in_(instance_ids),
        or_(KIND == StepKind.UNACCOUNTED, Draft.state.is_distinct_from(last.c.to_state)),
    )
    return [Unaccounted(*row) for row in await connection.execute(statement.order_by(Instance.id, _STEP))]


async def find_untold(connection: AsyncConnection, instance_ids: Sequence[str]) -> list[Unaccounted]:
    """Find those of these instances that stand otherwise than was written down (I8), and drafts of no step of them."""
    last = (
        select(LedgerEntry.to_state, LedgerEntry.at)
        .where(LedgerEntry.instance_id == Instance.id, LedgerEntry.subject == "instance")
        .order_by(LedgerEntry.id.desc())
        .limit(1)
        .lateral("told")
    )
    columns = (Instance.status, null(), last.c.to_state, last.c.at)
    otherwise = select(Instance.id, Instance.step, *columns).select_from(Instance).outerjoin(last, true())
    otherwise = otherwise.where(Instance.id.in_(instance_ids), Instance.status.is_distinct_from(last.c.to_state))
    stray = select(Draft.instance_id, Draft.step, Instance.status, Draft.state, null(), Draft.created_at)
    stray = stray.join(Instance, Instance.id == Draft.instance_id)
    stray = stray.where(Draft.instance_id.in_(instance_ids), ~Draft.step.between(1, Instance.steps))
    return [Unaccounted(*row) for found in (otherwise, stray) for row in await connection.execute(found)]


def _narrowed(statement: Select[Any], workspace: str, sequence: str | None) -> Select[Any]:
    statement = statement.where(Instance.workspace == workspace)
    return statement if sequence is None else statement.where(Instance.sequence == sequence)


async def _take_time(connection: AsyncConnection) -> None:
    milliseconds = str(int(_COUNT_AT_MOST.total_seconds() * 1000))
    await connection.execute(select(func.set_config("statement_timeout", milliseconds, True)))
