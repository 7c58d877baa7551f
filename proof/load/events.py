"""`python -m proof.load.events`: app events in bursts, out of order and again, through restarts of everything.

Exits 1 unless every lead ends as its events imply, nothing was claimed after its stop, no message was sent twice and
none was lost. A message that was on its way when its stop came is no breach; those are counted too.
"""

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

import ingress
from connect import leave
from devstack.passable import temporary_folder
from devstack.ports import free_ports
from devstack.stack import Devstack
from proof.load.app import SECRET, App, Restart
from proof.load.story import Story, tell, write_sequences
from proof.rig.processes import Sink, open_sink, process, until_ready
from store.engine import open_engine
from store.schema import migrate

_NAME = "events"
# So long without any change means that nothing more is coming.
_PATIENCE = 90.0
_ENDED = "SELECT count(*) FROM instances WHERE status IN ('completed', 'stopped')"
_STANDS = """
    SELECT i.lead_id, i.sequence, i.status, i.reason, count(d.id) FILTER (WHERE d.state = 'sent') AS letters
    FROM instances i LEFT JOIN drafts d ON d.instance_id = i.id GROUP BY i.id"""
_LATE = """
    SELECT d.message_id FROM drafts d JOIN instances i ON i.id = d.instance_id AND i.status = 'stopped'
    JOIN stops s ON s.workspace = i.workspace AND s.lead_id = i.lead_id AND s.kind = i.reason
    WHERE d.claimed_at > s.at"""


class World:
    """Everything the events go through, and what may be restarted of it."""

    def __init__(self, stack: Devstack, sink: Sink, folder: Path) -> None:
        self.stack, self.sink, self._folder = stack, sink, folder
        self.engine: AsyncEngine = open_engine(stack.postgres.url(_NAME))
        self._port = free_ports([None])[0]
        self._restart_worker = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Run the ingress and workers; yields the ingress' address."""
        working = asyncio.create_task(self._workers())
        serve = ("-m", "proof.load.events", "--serve", str(self._folder), "--port", str(self._port))
        async with process(*serve, **self._settings()) as serving:
            url = f"http://127.0.0.1:{self._port}"
            await until_ready(url, serving)
            yield url
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    async def restart_worker(self) -> None:
        """Let the worker drain, as a deployment does, and start another."""
        self._restart_worker.set()

    async def restart_postgres(self) -> None:
        """Kill PostgreSQL and start it again."""
        await self.stack.postgres.kill()
        await self.stack.postgres.start()

    async def restart_temporal(self) -> None:
        """Kill Temporal and start it again."""
        await self.stack.temporal.kill()
        await self.stack.temporal.start()

    async def _workers(self) -> None:
        while True:
            async with process("worker.py", **self._settings()) as worker:
                await self._restart_worker.wait()
                self._restart_worker.clear()
                worker.send_signal(signal.SIGTERM)
                await worker.wait()

    def _settings(self) -> dict[str, str]:
        return {
            "FOLLOWUP_DATABASE_URL": self.stack.postgres.url(_NAME),
            "FOLLOWUP_SMTP_URL": self.sink.url,
            "FOLLOWUP_SENDER": "Ada Lovelace <ada@follow-up.test>",
            "FOLLOWUP_EVENT_SECRET": SECRET,
            "FOLLOWUP_TASK_QUEUE": _NAME,
            "FOLLOWUP_WORKSPACE": _NAME,
            "TEMPORAL_ADDRESS": self.stack.temporal.address,
        }

    async def rows(self, sql: str) -> list[Any]:
        """Read the database."""
        async with self.engine.connect() as connection:
            return list(await connection.execute(text(sql)))

    async def until_quiet(self, leads: int) -> None:
        """Wait until every follow-up has ended, or nothing changes any more."""
        ended, since = -1, time.monotonic()
        while ended < leads and time.monotonic() - since < _PATIENCE:
            try:
                now = int((await self.rows(_ENDED))[0][0])
            except DBAPIError:
                now = ended  # connections of before the restart
            ended, since = (now, time.monotonic()) if now != ended else (ended, since)
            await asyncio.sleep(0.5)


async def _count(console: Console, world: World, app: App, stories: list[Story], took: float) -> bool:
    """Print the figures; returns whether they are as promised."""
    stands = {(row.lead_id, row.sequence): row for row in await world.rows(_STANDS)}
    ends = [(stands.get((story.lead_id, story.sequence)), story) for story in stories]
    wrong = [
        (story.lead_id, row and tuple(row))
        for row, story in ends
        if row is None or (row.status, row.reason) != (story.status, story.reason) or row.letters not in story.letters
    ]
    accepted = world.sink.accepted()
    names = Counter(name for _, name in accepted)
    drafts = {row.message_id: row for row in await world.rows("SELECT message_id, state, instance_id FROM drafts")}
    twice = sum(count - 1 for count in names.values())
    lost = sum(row.state == "sent" and name not in names for name, row in drafts.items())
    unowned = sum(name not in drafts or drafts[name].state != "sent" for name in names)
    late = sum(row.message_id in names for row in await world.rows(_LATE))
    crossing = sum(
        at > app.stopped_at.get(drafts[name].instance_id.rsplit(":", 1)[-1], at)
        for at, name in accepted
        if name in drafts
    )
    middle, slow = (sorted(app.latencies)[int(len(app.latencies) * share)] * 1000 for share in (0.5, 0.99))
    console.print(
        f"leads {len(stories)}, events {sum(len(story.events) for story in stories)}, answers {dict(app.answers)}\n"
        f"{len(app.latencies) / took:.0f} deliveries/s, answered in {middle:.0f} ms (p50), {slow:.0f} ms (p99)\n"
        f"messages {len(accepted)}, on their way when the stop was answered {crossing}\n"
        f"wrong ends {len(wrong)}, claimed after a stop {late}, twice {twice}, lost {lost}, unaccounted {unowned}"
    )
    for each in wrong[:10]:
        console.print(f"wrong: {each}")
    return not (wrong or late or twice or lost or unowned)


async def _main(given: argparse.Namespace) -> bool:
    console, dice = Console(), random.Random(given.seed)
    console.print(f"seed {given.seed}: {given.events} events, each delivered one to three times")
    with temporary_folder() as home, tempfile.TemporaryDirectory() as folder:
        write_sequences(Path(folder))
        async with Devstack(home, usual_ports=False) as stack, open_sink() as sink:
            await migrate(await stack.postgres.create_database(_NAME))
            world, stories = World(stack, sink, Path(folder)), tell(given.events, dice)
            async with world.running() as url:
                app, begun = App(url, dice), time.monotonic()
                restarts: dict[int, Restart] = {
                    25: world.restart_worker,
                    50: world.restart_postgres,
                    75: world.restart_temporal,
                }
                await app.deliver(stories, restarts)
                took = time.monotonic() - begun
                await world.until_quiet(len(stories))
                good = await _count(console, world, app, stories, took)
            await world.engine.dispose()
    return good


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proof.load.events", description=__doc__)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--serve", type=Path, help="be the ingress, with the sequences of this folder")
    parser.add_argument("--port", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    arguments = _arguments()
    if arguments.serve:
        asyncio.run(ingress.serve("127.0.0.1", arguments.port, arguments.serve))
        leave(0)
    good = asyncio.run(_main(arguments))
    sys.stdout.write("as promised\n" if good else "NOT as promised\n")
    leave(0 if good else 1)
