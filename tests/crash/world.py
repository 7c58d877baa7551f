"""The world of one crash: a database, a task queue and a post office of its own, and real worker processes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from temporalio.client import WorkflowUpdateFailedError

from domain.sequence import Sequence
from domain.step import Ending
from providers.choose import open_provider
from tests.crash.post_office import PostOffice
from tests.crash.process import PATIENCE, WorkerProcess
from tests.crash.relay import Relay
from tests.scene import Scene, a_lead, a_sequence
from tests.whole.looking import page

_T = TypeVar("_T")
_LOOK_EVERY = timedelta(milliseconds=200)
TWO_STEPS = a_sequence(timedelta(0), timedelta(0))
# Three megabytes when encoded: several times what the kernels take of a body that isn't read
_LONG = {"step": "{{ long }}" * 25, "variable": "\N{LOVE LETTER}" * 10_000}


def long_letters() -> Sequence:
    """Two steps, the first with a letter that no socket's buffers hold."""
    first = {"wait": "0s", "subject": "Following up, {{ name }}", "body": _LONG["step"]}
    return Sequence.model_validate({"name": "no-reply", "steps": [first, {"wait": "0s", "body": "Short {{ name }}"}]})


async def eventually(look: Callable[[], Awaitable[_T]], wanted: _T) -> None:
    """Wait until one sees what is wanted: other processes and servers have no event that we could await."""
    seen: object = None
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            while (seen := await look()) != wanted:  # noqa: ASYNC110 - what is looked at is in other processes
                await asyncio.sleep(_LOOK_EVERY.total_seconds())
    except TimeoutError:
        raise AssertionError(f"waited for {wanted!r}, and still see {seen!r}") from None


class World:
    """What a story tells of: one lead in a sequence (`scene`), a post office, workers."""

    def __init__(self, scene: Scene, office: PostOffice, temporal: str, turns: asyncio.Semaphore) -> None:
        self.scene = scene
        self.office = office
        self.temporal = temporal  # host:port
        self.open = AsyncExitStack()  # ends with the story
        self.turns = turns
        self._here = AsyncExitStack()

    async def enroll(self, sequence: Sequence = TWO_STEPS) -> None:
        """Enrol the lead; what it may need for long letters is among its variables."""
        lead = a_lead().model_copy(update={"variables": {"long": _LONG["variable"]}})
        results = [str(result.answer) for result in await self.scene.enroll(sequence, lead)]
        assert results == ["enrolled"]

    async def worker(self, **settings: str) -> WorkerProcess:
        """Start a worker and wait until it is ready. `settings` are variables that differ from this world's."""
        async with self.turns:
            worker = await self.begun_worker(**settings)
            await worker.said("ready: task queue")
        return worker

    async def begun_worker(self, **settings: str) -> WorkerProcess:
        """Start a worker without waiting for anything."""
        worker = WorkerProcess()
        await worker.start({**self._settings(), **settings})
        self.open.push_async_callback(worker.end)
        return worker

    async def next_worker(self, send_timeout: timedelta = timedelta(minutes=10)) -> None:
        """Run one more worker, in this process: a tenth of the cost, where no more of it is asked than its work."""
        provider = open_provider("smtp", self.office.url, send_timeout)
        self._here.push_async_callback(provider.close)
        self.open.push_async_callback(self._here.aclose)
        await self._here.enter_async_context(self.scene.worker(provider, send_timeout=send_timeout))

    async def all_left(self) -> None:
        """End the workers of this process and wait for the others' leave: what any ever wrote has been read then."""
        await self._here.aclose()
        await self.office.all_left()

    def _settings(self) -> dict[str, str]:
        return {
            "FOLLOWUP_DATABASE_URL": self.scene.database_url,
            "FOLLOWUP_SMTP_URL": self.office.url,
            "FOLLOWUP_SENDER": "Ada Lovelace <ada@example.test>",
            "FOLLOWUP_TASK_QUEUE": self.scene.task_queue,
            "FOLLOWUP_WORKSPACE": self.scene.workspace,
            "FOLLOWUP_SEND_TIMEOUT": "600",
            "TEMPORAL_ADDRESS": self.temporal,
        }

    async def relay(self, target: str) -> Relay:
        """A relay that lasts as long as this world."""
        return await self.open.enter_async_context(Relay(target))

    @asynccontextmanager
    async def locked_lead(self) -> AsyncIterator[None]:
        """Hold the lead's row lock, for which every claim and record waits. A server that dies meanwhile frees it."""
        async with self.scene.engine.connect() as connection:
            # it is held for as long as the test takes
            await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            await connection.execute(text("SELECT 1 FROM leads FOR UPDATE"))
            yield
            try:
                await connection.rollback()
            except DBAPIError:
                await connection.invalidate()

    async def somebody_waits_for_the_lock(self) -> None:
        """Wait until a transaction waits for the lead's row lock."""
        await eventually(self._somebody_waits, wanted=True)

    async def _somebody_waits(self) -> bool:
        waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return bool(await self.scene.rows(waiting))

    async def states(self, *wanted: str) -> None:
        """Wait until the lead's drafts are in these states."""
        await eventually(self.scene.states, list(wanted))

    async def paused(self, reason: str) -> None:
        """Wait until the follow-up is paused: in its row first, and then in its workflow, which accepts decisions."""
        await eventually(self.scene.status, ("paused", reason))

        async def shown() -> bool:
            return f"**paused** ({reason})" in await page(self.scene.handle())

        await eventually(shown, wanted=True)

    async def received(self) -> dict[int, int]:
        """How often the post office was given each step's message whole."""
        rows = await self.scene.rows("SELECT message_id, step FROM drafts")
        steps = {row.message_id: row.step for row in rows}
        return {steps[message]: times for message, times in self.office.received().items()}

    async def open_tasks(self) -> list[str]:
        """The kinds of the tasks that wait for a person."""
        return [row.kind for row in await self.scene.rows("SELECT kind FROM tasks WHERE state = 'open'")]

    async def transitions(self, step: int = 1) -> list[str]:
        """What became of a step's draft, by the ledger."""
        return [entry.to_state for entry in await self.scene.ledger() if (entry.subject, entry.step) == ("draft", step)]

    async def resume(self, decision: str) -> str:
        """Decide as an operator; returns the answer, `refused: …` included."""
        try:
            answer: Any = await self.scene.handle().execute_update("resume", decision)
        except WorkflowUpdateFailedError as refusal:
            return f"refused: {refusal.cause}"
        return str(answer)

    async def end(self) -> Ending:
        """Wait for the follow-up's end."""
        async with asyncio.timeout(PATIENCE.total_seconds()):
            return await self.scene.handle().result()
