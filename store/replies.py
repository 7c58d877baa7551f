"""Replies: the thread that is answered, what a reply says, and what else is under way there."""

from typing import Any, NamedTuple

from sqlalchemy import literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.draft import DraftState
from domain.instance import InstanceStatus, Reason
from store.tables import Draft, Instance

# Written out: a plan kept for all values of a parameter could not use the indexes of these states.
_SENT: Any = literal_column(f"'{DraftState.SENT}'")
_UNKNOWN: Any = literal_column(f"'{DraftState.UNKNOWN}'")


class Conversation(NamedTuple):
    """The thread of an instance; `origin` is where it began, if not with us."""

    workspace: str
    lead_id: str
    thread_id: str
    origin: dict[str, Any] | None


class SaidReply(NamedTuple):
    """What a reply says, and where."""

    thread_id: str
    variables: dict[str, Any] | None


async def find_conversation(connection: AsyncConnection, instance_id: str) -> Conversation | None:
    """Find the thread of an instance; None when there is no such instance."""
    columns = Instance.workspace, Instance.lead_id, Instance.thread_id, Instance.origin
    row = (await connection.execute(select(*columns).where(Instance.id == instance_id))).one_or_none()
    return Conversation(*row) if row else None


async def find_said(connection: AsyncConnection, instance_id: str) -> SaidReply | None:
    """Find what a reply says; None when there is no such reply yet."""
    statement = select(Instance.thread_id, Instance.variables).where(Instance.id == instance_id)
    row = (await connection.execute(statement)).one_or_none()
    return SaidReply(*row) if row else None


async def find_subject(connection: AsyncConnection, thread_id: str) -> str | None:
    """Find the subject of a thread, that of the first message sent in it; None when none was."""
    statement = select(Draft.subject).where(Draft.thread_id == thread_id, Draft.state == _SENT)
    return (await connection.execute(statement.order_by(Draft.sent_at).limit(1))).scalar()


async def find_uncertain(connection: AsyncConnection, thread_id: str) -> str | None:
    """Find the instance whose send in a thread may have gone out; None when none is uncertain."""
    statement = select(Draft.instance_id).where(Draft.thread_id == thread_id, Draft.state == _UNKNOWN)
    return (await connection.execute(statement)).scalar()


async def find_answered(connection: AsyncConnection, workspace: str, lead_id: str) -> list[str]:
    """Find the instances of a lead that ended because a person of ours wrote to them."""
    statement = select(Instance.id).where(
        Instance.workspace == workspace,
        Instance.lead_id == lead_id,
        Instance.status == InstanceStatus.STOPPED,
        Instance.reason == Reason.ANSWERED,
    )
    return list((await connection.execute(statement.order_by(Instance.id))).scalars())
