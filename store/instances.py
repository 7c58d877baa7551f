"""Instances: where each stands, enrolling and listing them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Float, Text, bindparam, case, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.cause import Cause
from domain.instance import FINAL, InstanceStatus, Reason
from domain.lead_facts import Variables
from domain.sequence import Sequence as FollowUpSequence
from store.recipients import recipient_key
from store.tables import Instance, SequenceVersion, StoredLead

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
    .values(who=bindparam("by"), why=bindparam("a_why"), cause=bindparam("a_cause"))
)


async def set_status(
    connection: AsyncConnection,
    instance_id: str,
    status: InstanceStatus,
    reason: Reason,
    *,
    by: str,
    why: str,
    cause: Cause,
    until: datetime | None = None,
) -> None:
    """Say what an instance does now and why. A final status stays as it is."""
    values = {"instance_id": instance_id, "a_status": status, "a_reason": reason, "an_until": until}
    await connection.execute(_SET_STATUS, values | {"by": by, "a_why": why, "a_cause": cause})


_ADVANCE = _SET_STATUS.where(Instance.step < bindparam("a_step")).values(step=bindparam("a_step"))


async def set_current_step(connection: AsyncConnection, instance_id: str, step: int, due_at: datetime, by: str) -> None:
    """Make `step` the current one, due at an instant; never backwards."""
    values = {"instance_id": instance_id, "a_step": step, "an_until": due_at, "by": by}
    state = {"a_status": InstanceStatus.ACTIVE, "a_reason": Reason.NONE, "a_why": f"step {step} is next"}
    await connection.execute(_ADVANCE, values | state | {"a_cause": Cause.ADVANCED})


class Enrolment(NamedTuple):
    """One instance as it shall be stored."""

    instance_id: str
    lead_id: str
    steps: int
    wait_seconds: float  # until the first step falls due
    thread_id: str
    origin: dict[str, Any] | None = None  # where the thread began, if not with us
    variables: Mapping[str, str] | None = None  # what its templates see beside the lead's own
    said_at: datetime | None = None  # the instant of the word that enrols it; None: now


class StoredInstance(NamedTuple):
    """One instance as it is stored."""

    instance_id: str
    lead_id: str
    steps: int
    first_due_at: datetime
    started: bool
    new: bool
    sequence: str
    status: InstanceStatus
    said_at: datetime
    variables: dict[str, str] | None
    variables_at: dict[str, str] | None


_IS_ENROLLED = select(
    exists().where(Instance.workspace == bindparam("workspace"), Instance.lead_id == bindparam("lead_id"))
)


async def was_enrolled(connection: AsyncConnection, workspace: str, lead_id: str) -> bool:
    """Say whether a lead has, or had, a follow-up."""
    found = await connection.execute(_IS_ENROLLED, {"workspace": workspace, "lead_id": lead_id})
    return bool(found.scalar_one())


_THESE = Instance.id.in_(bindparam("ids", expanding=True))
_FIND_ENROLLED = select(Instance.id).where(_THESE)


async def find_enrolled(connection: AsyncConnection, instance_ids: Sequence[str]) -> set[str]:
    """Which of these instances exist."""
    return set((await connection.execute(_FIND_ENROLLED, {"ids": instance_ids})).scalars())


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """An instance of a lead that is enrolled once more, or of another lead with the same address."""

    instance_id: str
    lead_id: str
    recipient: str
    sequence: str
    over: bool
    definition: str  # the JSON of its sequence version
    followed_up_since: datetime  # with this address


# one look-up an instance; a join might read every version there is
DEFINITION = select(SequenceVersion.definition).where(
    SequenceVersion.workspace == Instance.workspace,
    SequenceVersion.name == Instance.sequence,
    SequenceVersion.version == Instance.version,
)
_RECIPIENT = recipient_key(StoredLead.email)
_FIND_OTHERS = (
    select(
        Instance.id.label("instance_id"),
        Instance.lead_id,
        _RECIPIENT.label("recipient"),
        Instance.sequence,
        Instance.status.in_(FINAL).label("over"),
        DEFINITION.scalar_subquery().label("definition"),
        func.greatest(StoredLead.email_at, Instance.said_at).label("followed_up_since"),
    )
    .join(StoredLead, (StoredLead.workspace == Instance.workspace) & (StoredLead.lead_id == Instance.lead_id))
    .where(
        StoredLead.workspace == bindparam("workspace"),
        or_(
            StoredLead.lead_id.in_(bindparam("lead_ids", expanding=True)),
            _RECIPIENT.in_(bindparam("recipients", expanding=True)),
        ),
    )
    .order_by("followed_up_since", Instance.id)
)


async def find_others(
    connection: AsyncConnection, workspace: str, lead_ids: Sequence[str], recipients: Sequence[str]
) -> list[Other]:
    """Find every instance that these leads, or leads with one of these addresses, have ever had; the oldest first."""
    wanted = [recipient for recipient in recipients if recipient]
    values = {"workspace": workspace, "lead_ids": lead_ids, "recipients": wanted}
    return [Other(**row) for row in (await connection.execute(_FIND_OTHERS, values)).mappings()]


_FIRST_DUE = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, bindparam("wait_seconds", type_=Float))
_ENROLL = (
    insert(Instance)
    .values(until=_FIRST_DUE)
    .on_conflict_do_nothing(index_elements=[Instance.id])
    .returning(Instance.id)
)


async def enroll(
    connection: AsyncConnection, workspace: str, sequence: FollowUpSequence, wanted: Sequence[Enrolment], by: str
) -> list[StoredInstance]:
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
            "variables_at": _instants(one),
            "said_at": one.said_at or datetime.now(UTC),
            "steps": one.steps,
            "wait_seconds": one.wait_seconds,
            "who": by,
            "why": "enrolled",
            "cause": Cause.ENROLLED,
        }
        for one in sorted(wanted, key=lambda one: one.instance_id)
    ]
    new = set((await connection.execute(_ENROLL, rows)).scalars())
    return [
        found._replace(new=found.instance_id in new)
        for found in await find_instances(connection, [w.instance_id for w in wanted])
    ]


def _instants(one: Enrolment) -> dict[str, str] | None:
    at = one.said_at.isoformat() if one.said_at else None
    return dict.fromkeys(one.variables, at) if one.variables and at else None


_SAID_EARLIER = (
    update(Instance)
    .where(Instance.id == bindparam("instance_id"), Instance.said_at > bindparam("earlier"))
    .values(said_at=bindparam("earlier"))
)


async def say_earlier(connection: AsyncConnection, instance_id: str, at: datetime) -> None:
    """Let an instance be enrolled since an earlier instant: the first of the words that enrol it counts."""
    await connection.execute(_SAID_EARLIER, {"instance_id": instance_id, "earlier": at})


_SET_VARIABLES = (
    update(Instance)
    .where(Instance.id == bindparam("instance_id"))
    .values(variables=bindparam("texts", type_=JSONB), variables_at=bindparam("instants", type_=JSONB))
)


async def set_variables(connection: AsyncConnection, instance_id: str, variables: Variables) -> None:
    """Store the variables of an instance itself. Wants its lead's lock held."""
    instants = {name: at.isoformat() for name, at in variables.said_at.items()}
    values = {"instance_id": instance_id, "texts": dict(variables.texts), "instants": instants}
    await connection.execute(_SET_VARIABLES, values)


_FIND_INSTANCES = select(
    Instance.id,
    Instance.lead_id,
    Instance.steps,
    Instance.until,
    Instance.enrolled_at,
    Instance.started_at,
    Instance.sequence,
    Instance.status,
    Instance.said_at,
    Instance.variables,
    Instance.variables_at,
).where(_THESE)


async def find_instances(connection: AsyncConnection, instance_ids: Sequence[str]) -> list[StoredInstance]:
    """Find these instances, in no particular order; none counts as new."""
    rows = await connection.execute(_FIND_INSTANCES, {"ids": instance_ids})
    return [
        StoredInstance(
            instance_id=row.id,
            lead_id=row.lead_id,
            steps=row.steps,
            first_due_at=row.until or row.enrolled_at,
            started=row.started_at is not None,
            new=False,
            sequence=row.sequence,
            status=InstanceStatus(row.status),
            said_at=row.said_at,
            variables=row.variables,
            variables_at=row.variables_at,
        )
        for row in rows
    ]


_FIND_STOPPED = select(Instance.id, Instance.reason).where(_THESE, Instance.status == InstanceStatus.STOPPED)


async def find_stopped(connection: AsyncConnection, instance_ids: Sequence[str]) -> dict[str, Reason]:
    """Find which of these instances have been stopped, and why."""
    rows = await connection.execute(_FIND_STOPPED, {"ids": instance_ids})
    return {row.id: Reason(row.reason) for row in rows}


_MARK_STARTED = update(Instance).where(_THESE, Instance.started_at.is_(None)).values(started_at=func.now())


async def mark_started(connection: AsyncConnection, instance_ids: Sequence[str]) -> None:
    """Note that Temporal has confirmed the workflows of these instances."""
    await connection.execute(_MARK_STARTED, {"ids": instance_ids})
