"""A step under its lead's lock, and the writes to it, each with who does it."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.cause import Cause
from domain.draft import DraftState
from domain.instance import InstanceStatus, Reason
from domain.sequence import Sequence
from domain.task import TaskKind
from store.drafts import StoredDraft, record_state
from store.instances import set_status
from store.leads import LockedLead
from store.tasks import close_tasks, open_task
from transactions.drafting import parse_sequence


class LockedStep(NamedTuple):
    """A step of an instance whose lead is locked, and who moves it."""

    connection: AsyncConnection
    locked: LockedLead
    step: int
    by: str

    @property
    def instance_id(self) -> str:
        """The instance whose step it is."""
        return self.locked.instance_id

    @property
    def steps(self) -> int:
        """How many steps the instance has."""
        return self.locked.steps

    @property
    def sequence(self) -> Sequence:
        """The version that the instance runs."""
        return parse_sequence(self.locked.definition)

    async def set_status(
        self, status: InstanceStatus, reason: Reason, cause: Cause, why: str, *, until: datetime | None = None
    ) -> None:
        """Write where the instance stands."""
        await set_status(
            self.connection, self.instance_id, status, reason, by=self.by, why=why, cause=cause, until=until
        )

    async def move_draft(
        self, draft: StoredDraft, to: DraftState, cause: Cause, why: str, *, code: str = "", reply: str = ""
    ) -> None:
        """Move the step's draft to a state, with the provider's code and reply where there is one."""
        await record_state(self.connection, draft, to, by=self.by, why=why, cause=cause, code=code, reply=reply)

    async def settle_draft(self, draft: StoredDraft, to: DraftState, cause: Cause, why: str) -> None:
        """Move the step's draft to a state that leaves nothing of it to a person."""
        await self.move_draft(draft, to, cause, why)
        await self.close_tasks(cause, why)

    async def open_task(self, kind: TaskKind, cause: Cause, why: str, *, instructions: str = "") -> None:
        """Ask a person; where the task is open already, nothing happens."""
        words = {"by": self.by, "why": why, "instructions": instructions}
        await open_task(self.connection, self.instance_id, self.step, kind, cause=cause, **words)

    async def close_tasks(self, cause: Cause, why: str, *, kind: TaskKind | None = None) -> None:
        """Close the step's tasks, or those of one kind."""
        await close_tasks(self.connection, self.instance_id, self.step, by=self.by, why=why, cause=cause, kind=kind)
