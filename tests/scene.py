"""A follow-up in a test: a database and a task queue of its own, leads enrolled, workers run beside the test."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from domain.instance import InstanceKey, instance_id, workflow_id
from domain.lead import Lead
from domain.sequence import Sequence
from domain.step import Ending, FollowUp
from intake.enrolment import Enroller, Result
from providers.provider import Provider
from providers.scripted import ScriptedProvider
from settings import Settings
from store.engine import open_engine
from store.ledger import Entry, read_ledger
from tests.roles import AS_OWNER, as_application
from worker import make_worker
from workflows.follow_up import FollowUpWorkflow

SEND_TIMEOUT = timedelta(seconds=3)


def a_sequence(*waits: timedelta, **more: Any) -> Sequence:
    """A sequence with one step per wait; three at once when none are given."""
    steps: list[dict[str, Any]] = [{"wait": wait, "body": f"Letter {{{{ name }}}} {n}"} for n, wait in enumerate(waits)]
    steps = steps or [{"wait": timedelta(0), "body": "Hello {{ name }}"}] * 3
    steps = [dict(steps[0], subject="Following up, {{ name }}"), *steps[1:]]
    return Sequence.model_validate({"name": "no-reply", "steps": steps} | more)


def a_lead(lead_id: str = "lead-1", **more: str) -> Lead:
    """A lead whose address is made from its id."""
    return Lead.model_validate({"lead_id": lead_id, "email": f"{lead_id}@example.test", "name": "Grace"} | more)


class Scene:
    """One test's follow-ups."""

    def __init__(self, client: Client, database_url: str) -> None:
        self.client = client
        self.database_url = as_application(database_url)
        self.engine: AsyncEngine = open_engine(self.database_url, connections=20)
        # Temporal is shared by all tests: the workspace keeps their workflow ids apart
        self.workspace = f"w{uuid.uuid4().hex[:12]}"
        self.task_queue = f"queue-{self.workspace}"

    def settings(self, **more: Any) -> Settings:
        """Settings of a worker in this scene."""
        values: dict[str, Any] = {
            "database_url": self.database_url,
            "task_queue": self.task_queue,
            "workspace": self.workspace,
            "sender": "Ada Lovelace <ada@example.test>",
            "send_timeout": SEND_TIMEOUT,
        }
        return Settings(**(values | more))

    @asynccontextmanager
    async def worker(self, provider: Provider, **more: Any) -> AsyncIterator[Worker]:
        """A worker of this scene. When a test fails meanwhile, sends that stand still go on: else it never ends."""
        async with make_worker(self.client, self.engine, provider, self.settings(**more)) as worker:
            try:
                yield worker
            except BaseException:
                if isinstance(provider, ScriptedProvider):
                    provider.release()
                raise

    async def enroll(self, sequence: Sequence, *leads: Lead) -> list[Result]:
        """Enrol leads as the starter does."""
        enroller = Enroller(
            self.engine, self.client, workspace=self.workspace, task_queue=self.task_queue, by="starter"
        )
        return [result async for result in enroller.enroll(sequence, leads)]

    def instance(self, lead_id: str = "lead-1", sequence: str = "no-reply") -> str:
        """The id of a lead's instance."""
        return instance_id(InstanceKey(self.workspace, sequence, lead_id))

    def handle(self, lead_id: str = "lead-1") -> WorkflowHandle[Any, Ending]:
        """The workflow of a lead's instance, whichever run is current."""
        return self.client.get_workflow_handle_for(FollowUpWorkflow.run, workflow_id(self.instance(lead_id)))

    async def start_by_hand(self, lead_id: str, follow_up: FollowUp) -> WorkflowHandle[Any, Ending]:
        """Start a workflow without the starter's id policies, as an operator might."""
        return await self.client.start_workflow(
            FollowUpWorkflow.run, follow_up, id=workflow_id(self.instance(lead_id)), task_queue=self.task_queue
        )

    @asynccontextmanager
    async def by_hand(self) -> AsyncIterator[AsyncConnection]:
        """Do in a transaction what the application may not: as the owner."""
        async with self.engine.begin() as connection:
            await connection.execute(text(AS_OWNER))
            yield connection

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        """Read the database."""
        async with self.engine.connect() as connection:
            return list(await connection.execute(text(sql), values))

    async def states(self, lead_id: str = "lead-1") -> list[str]:
        """The states of a lead's drafts, by step."""
        sql = "SELECT state FROM drafts WHERE instance_id = :id ORDER BY step"
        return [row.state for row in await self.rows(sql, id=self.instance(lead_id))]

    async def status(self, lead_id: str = "lead-1") -> tuple[str, str]:
        """The status and reason of a lead's instance."""
        sql = "SELECT status, reason FROM instances WHERE id = :id"
        row = (await self.rows(sql, id=self.instance(lead_id)))[0]
        return row.status, row.reason

    async def ledger(self, lead_id: str = "lead-1") -> list[Entry]:
        """The story of a lead's instance."""
        async with self.engine.connect() as connection:
            return await read_ledger(connection, self.instance(lead_id))


@asynccontextmanager
async def open_scene(client: Client, database_url: str) -> AsyncIterator[Scene]:
    """A scene that lets go of its connections, so that its database can be dropped."""
    scene = Scene(client, database_url)
    try:
        yield scene
    finally:
        await scene.engine.dispose()
