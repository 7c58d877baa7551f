"""A step that waits for a person, without Temporal: the activities on a real database, called as by a worker."""

from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.steps import StepActivities
from domain.command import Decision, Verdict
from domain.sequence import Sequence
from domain.step import DeliverStep, Settled, SettleStep, StepResult
from providers.scripted import ScriptedProvider
from store.tasks import OpenTask, read_open_of
from transactions.sending_policy import SendingPolicy
from transactions.settle import settle

SENDER = Address("Ada Lovelace", addr_spec="ada@example.test")
APPROVED = {"wait": "0s", "subject": "Hello {{ name }}", "body": "Dear {{ name }}", "approval": True}
CALL = {"wait": "0s", "channel": "task", "body": "Call {{ name }}"}
# Not today, nor tomorrow, wherever the lead lives.
_CLOSED_FOR = timedelta(days=3)


def closed_window() -> dict[str, str]:
    day = f"{datetime.now(UTC) + _CLOSED_FOR:%a}".lower()
    return {"days": day, "from": "09:00", "to": "17:00"}


def a_sequence_of(*steps: dict[str, Any], **more: Any) -> Sequence:
    return Sequence.model_validate({"name": "no-reply", "steps": steps, **more})


class Asking:
    """What may happen to the steps of instances in one database."""

    def __init__(self, engine: AsyncEngine, provider: ScriptedProvider) -> None:
        self.engine = engine
        self._activities = StepActivities(engine, provider, SendingPolicy(SENDER), timedelta(seconds=600), "worker")

    async def deliver(self, instance: str, step: int = 1, due_at: datetime | None = None) -> StepResult:
        call = DeliverStep(instance_id=instance, step=step, due_at=due_at or datetime.now(UTC))
        return await ActivityEnvironment().run(self._activities.deliver_step, call)

    async def say(
        self, instance: str, decision: Decision | Verdict | None, by: str = "ada", step: int = 1, **more: Any
    ) -> Settled:
        call = SettleStep(instance_id=instance, step=step, decision=decision, by=by, **more)
        async with self.engine.begin() as connection:
            return await settle(connection, call, "another run", "worker")

    async def approve(self, instance: str, fingerprint: str, by: str = "ada", step: int = 1) -> Settled:
        return await self.say(instance, Verdict.APPROVE, by, step, fingerprint=fingerprint[:8])

    async def task(self, instance: str) -> OpenTask:
        async with self.engine.connect() as connection:
            [found] = await read_open_of(connection, instance)
        return found

    async def fell_due(self, instance: str, ago: timedelta) -> None:
        """Let it be as if the step had fallen due so long ago."""
        async with self.engine.begin() as connection:
            sql = text("UPDATE instances SET until = clock_timestamp() - CAST(:ago AS interval) WHERE id = :id")
            await connection.execute(sql, {"ago": ago, "id": instance})
