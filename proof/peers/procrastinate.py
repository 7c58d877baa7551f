"""Procrastinate, after its how-to guides.

"Launch a job in the future": a lead's steps are deferred at once, each a second after the one before. "Ensure jobs
run sequentially and in order": under a lock of the lead's. (A job that deferred the next one would do that again when
it runs again, and send more twice.) "Retry stalled jobs": the periodic task of that page, but that it runs every ten
seconds and not every ten minutes, so that the job ends soon; heartbeats are left as they are, so a killed worker's jobs
are taken up after 30 seconds. "Define a retry strategy on a task": `retry=5`, the page's first.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import procrastinate
import psycopg

from proof.peers.engine import AT_ONCE, STEPS, WAIT, Engine, Place, lead_id, send

app = procrastinate.App(connector=procrastinate.PsycopgConnector())
_UNDONE = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'send_step' AND status IN ('todo', 'doing')"


@app.task(name="send_step", retry=5)
async def send_step(smtp_url: str, lead: str, step: int) -> None:
    """Send a step's letter."""
    await send(smtp_url, lead, step)


@app.periodic(cron="* * * * * */10")
@app.task(name="retry_stalled_jobs", queueing_lock="retry_stalled_jobs", pass_context=True)
async def retry_stalled_jobs(context: Any, timestamp: int) -> None:  # noqa: ARG001  # Procrastinate gives it
    """Have the jobs of workers that are gone done again."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs():
        await manager.retry_job(job)


class Procrastinate(Engine):
    """Jobs in PostgreSQL."""

    title = "Procrastinate"
    packages = ("procrastinate",)

    async def begin(self, leads: int) -> None:
        """Apply its schema, and defer a job a step."""
        async with _open(self.place) as opened:
            await opened.schema_manager.apply_schema_async()
            for step in range(1, STEPS + 1):
                for number in range(leads):
                    await self._defer(opened, lead_id(number), step)

    async def undone(self) -> int:
        """How many jobs are not done."""
        async with await psycopg.AsyncConnection.connect(self.place.database_url) as connection:
            row = await (await connection.execute(_UNDONE)).fetchone()
            return row[0] if row else 0

    async def _defer(self, opened: Any, lead: str, step: int) -> None:
        later = {"seconds": int(WAIT.total_seconds()) * (step - 1)}
        task = opened.configure_task("send_step", lock=lead, schedule_in=later)
        await task.defer_async(smtp_url=self.place.smtp_url, lead=lead, step=step)


@asynccontextmanager
async def _open(place: Place) -> AsyncIterator[Any]:
    connector = procrastinate.PsycopgConnector(conninfo=place.database_url)
    with app.replace_connector(connector) as connected:
        async with connected.open_async():
            yield connected


async def work(place: Place) -> None:
    """Run a worker."""
    async with _open(place) as opened:
        await opened.run_worker_async(concurrency=AT_ONCE)


if __name__ == "__main__":
    asyncio.run(work(Place(*sys.argv[1:])))
