"""DBOS, after its documentation.

The example "Scheduled Reminders": a workflow that sends by steps and sleeps durably in between. The example "Queue
Worker": workflows are enqueued by a client, and a worker process takes them up. "Workflows": a worker that is started
again recovers what the killed one had under way from the last completed step. Steps and retries are left as they are.
A queue of DBOS limits workflows and not steps, sleeping ones included; so the letters under way are limited here.
"""

import asyncio
import sys
import threading

import psycopg
from dbos import DBOS, DBOSClient

from proof.peers.engine import AT_ONCE, STEPS, WAIT, Engine, Place, lead_id, send

_QUEUE = "follow-ups"
_UNDONE = "SELECT count(*) FROM dbos.workflow_status WHERE status IN ('ENQUEUED', 'PENDING', 'DELAYED')"
_at_once = asyncio.Semaphore(AT_ONCE)


@DBOS.step()
async def send_step(smtp_url: str, lead: str, step: int) -> None:
    """Send a step's letter."""
    async with _at_once:
        await send(smtp_url, lead, step)


@DBOS.workflow()
async def follow_up(smtp_url: str, lead: str) -> None:
    """Send, sleep, go on."""
    for step in range(1, STEPS + 1):
        if step > 1:
            await DBOS.sleep_async(WAIT.total_seconds())
        await send_step(smtp_url, lead, step)


class Dbos(Engine):
    """Durable workflows in PostgreSQL."""

    title = "DBOS"
    packages = ("dbos",)

    async def begin(self, leads: int) -> None:
        """Migrate its database, and enqueue a workflow a lead."""
        await asyncio.to_thread(DBOS.migrate, self.place.database_url)
        client = DBOSClient(system_database_url=self.place.database_url)
        for number in range(leads):
            one = {"workflow_name": "follow_up", "queue_name": _QUEUE, "workflow_id": lead_id(number)}
            await client.enqueue_async(one, self.place.smtp_url, lead_id(number))
        client.destroy()

    async def undone(self) -> int:
        """How many workflows have not ended."""
        async with await psycopg.AsyncConnection.connect(self.place.database_url) as connection:
            row = await (await connection.execute(_UNDONE)).fetchone()
            return row[0] if row else 0


def work(place: Place) -> None:
    """Run a worker."""
    DBOS(config={"name": "peers", "system_database_url": place.database_url, "log_level": "WARNING"})
    DBOS.launch()
    DBOS.register_queue(_QUEUE)
    threading.Event().wait()


if __name__ == "__main__":
    work(Place(*sys.argv[1:]))
