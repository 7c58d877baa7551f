"""Follow-ups that are never sent twice: the project's own `worker.py`, and an operator.

An outcome that nobody knows is asked of a person; the others have no such state. The operator looks into the peer's own
log, as `make chaos` does, and says what is true: `sent`, or `not_sent` as soon as that is accepted. That is soon here,
for `FOLLOWUP_SEND_TIMEOUT` is ten seconds, and ten minutes by default.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.contrib.pydantic import pydantic_data_converter

from domain.command import RESUME, Decision, Resume
from domain.instance import workflow_id
from domain.lead import Lead
from domain.sequence import Sequence
from intake.enrolment import Enroller
from proof.peers.count import Accepted, name
from proof.peers.engine import AT_ONCE, STEPS, WAIT, Engine, Place, lead_id
from store.engine import open_engine
from store.schema import migrate

_UNSETTLED = "SELECT instance_id, message_id, overdue_at FROM drafts WHERE state = 'unknown'"
_UNDONE = "SELECT count(*) FROM instances WHERE status NOT IN ('completed', 'stopped')"
_NAMES = "SELECT message_id, lead_id, drafts.step FROM drafts JOIN instances ON instances.id = drafts.instance_id"
_EVERY = 1.0  # seconds between the operator's looks


class Ours(Engine):
    """Follow-ups that are never sent twice."""

    title = "this project"
    packages = ("temporalio", "psycopg")

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._url = place.database_url.replace("postgresql://", "postgresql+psycopg://", 1)
        self._database = open_engine(self._url)
        self._settled = 0

    async def begin(self, leads: int) -> None:
        """Migrate the database, and enrol the leads."""
        await migrate(self._url)
        self._client = await Client.connect(self.place.temporal_address, data_converter=pydantic_data_converter)
        first: dict[str, Any] = {"wait": timedelta(0), "subject": "Following up", "body": "Hello {{ name }}"}
        later: dict[str, Any] = {"wait": WAIT, "body": "Hello again, {{ name }}"}
        sequence = Sequence.model_validate({"name": "peers", "steps": [first] + [later] * (STEPS - 1)})
        ids = (lead_id(number) for number in range(leads))
        people = (Lead(lead_id=one, email=f"{one}@example.test", name=one) for one in ids)
        run = self.place.run
        enroller = Enroller(self._database, self._client, workspace=run, task_queue=run, by="peers")
        async for _ in enroller.enroll(sequence, people):
            pass

    def worker(self) -> tuple[list[str], dict[str, str]]:
        """The worker, and its settings."""
        return ["worker.py"], {
            "FOLLOWUP_DATABASE_URL": self._url,
            "FOLLOWUP_SMTP_URL": self.place.smtp_url,
            "FOLLOWUP_SENDER": "Ada Lovelace <ada@follow-up.test>",
            "FOLLOWUP_SEND_TIMEOUT": "10",
            "FOLLOWUP_CONCURRENT_STEPS": str(AT_ONCE),
            "FOLLOWUP_TASK_QUEUE": self.place.run,
            "TEMPORAL_ADDRESS": self.place.temporal_address,
        }

    async def undone(self) -> int:
        """How many follow-ups have not ended."""
        return int((await self._rows(_UNDONE))[0][0])

    async def tend(self, accepted: Callable[[], list[Accepted]]) -> None:
        """Settle what is unknown, by the peer's log."""
        while True:
            unsettled = await self._rows(_UNSETTLED)
            names, now = {which for _, which in accepted()}, datetime.now(UTC)
            due = [draft for draft in unsettled if draft.message_id in names or draft.overdue_at < now]
            await asyncio.gather(*(self._decide(draft.instance_id, draft.message_id in names) for draft in due))
            await asyncio.sleep(_EVERY)

    async def named(self, accepted: list[Accepted]) -> list[Accepted]:
        """Our Message-IDs are the drafts' own."""
        names = {row.message_id: name(row.lead_id, row.step) for row in await self._rows(_NAMES)}
        return [(at, names.get(which, which)) for at, which in accepted]

    @property
    def asked(self) -> int:
        """How many outcomes the operator settled."""
        return self._settled

    async def _rows(self, statement: str) -> list[Any]:
        async with self._database.connect() as connection:
            return list(await connection.execute(text(statement)))

    async def _decide(self, instance_id: str, sent: bool) -> None:
        handle = self._client.get_workflow_handle(workflow_id(instance_id))
        decision = Resume(decision=Decision.SENT if sent else Decision.NOT_SENT, by="peers")
        try:
            await handle.execute_update(RESUME, decision)
        except WorkflowUpdateFailedError:
            return  # its workflow has not heard of the pause yet: looked at again in the next round
        self._settled += 1
