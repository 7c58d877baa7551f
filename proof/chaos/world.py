"""The world of one run: every part, every link between them, and what was done to which of them when."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from devstack.ports import free_ports
from devstack.postgres import Postgres
from devstack.temporal import Temporal
from domain.instance import instance_of_workflow
from proof.chaos.parts import Part, Program, Server
from proof.chaos.schedule import (
    APP,
    INGRESS,
    INGRESSES,
    LINKS,
    PARTS,
    POSTGRES,
    PREVIOUS,
    SMTP,
    TEMPORAL,
    WORKERS,
    Kind,
    link,
)
from proof.chaos.story import CHAOS, OTHER, SENDERS, WORKSPACES, write_sequences
from proof.rig.links import Link
from store.engine import open_engine
from store.schema import migrate

NAME = "chaos"  # of the database
SECRET = "whsec_" + base64.b64encode(b"chaos" * 6).decode()
# Short, so that a decision `not_sent` is accepted soon.
_SEND_TIMEOUT = 10
_CHECKOUT = Path(__file__).parents[2]
# Of one workspace, so that the other one is as set by default, but for its name and its sender.
CAPS = {CHAOS: 5}


class Happened(NamedTuple):
    """What was done to a part or a link, from when to when (Unix time)."""

    target: str
    kind: Kind
    begun: float
    ended: float = float("inf")


class World:
    """What a run consists of. `happened` is what was done to it so far."""

    parts: dict[str, Part]
    links: dict[str, Link]
    engine: AsyncEngine
    client: Client

    def __init__(self, folder: Path, previous: Path) -> None:
        """`folder` is for everything that this run writes, `previous` the checkout of the other build."""
        self.folder, self._previous = folder, previous
        self.happened: list[Happened] = []
        self._ports = dict(
            zip((POSTGRES, TEMPORAL, "ui", SMTP, "orders", *INGRESSES), free_ports([None] * 7), strict=True)
        )
        self.postgres = Postgres(folder / POSTGRES, durable=False, port=self._ports[POSTGRES])
        self.temporal = Temporal(
            folder / TEMPORAL, in_memory=False, port=self._ports[TEMPORAL], ui_port=self._ports["ui"]
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start everything; end everything, however this is left."""
        async with AsyncExitStack() as running:
            self.links = {
                name: await running.enter_async_context(Link(self._ports[name.partition(">")[2]])) for name in LINKS
            }
            self._lay_out()
            for part in self.parts.values():
                running.push_async_callback(part.end)
            await asyncio.gather(*(self.parts[name].start() for name in (POSTGRES, TEMPORAL, SMTP)))
            await migrate(await self.postgres.create_database(NAME))
            self.engine = open_engine(self.postgres.url(NAME))
            running.push_async_callback(self.engine.dispose)
            self.client = await Client.connect(self.temporal.address, data_converter=pydantic_data_converter)
            await asyncio.gather(*(self.parts[name].start() for name in (*WORKERS, *INGRESSES)))
            watching = [asyncio.create_task(part.watch()) for part in self.parts.values()]
            try:
                yield
            finally:
                for watch in watching:
                    watch.cancel()
                await asyncio.gather(*watching, return_exceptions=True)

    @property
    def urls(self) -> dict[str, str]:
        """Where the app reaches the ingress of each workspace."""
        return {one: f"http://127.0.0.1:{self.links[link(APP, self.door(one))].port}" for one in WORKSPACES}

    def door(self, workspace: str) -> str:
        """Name the ingress of a workspace; the starter takes the same ways to the servers."""
        return INGRESS if workspace == CHAOS else f"{INGRESS}-{workspace}"

    def sequences(self, workspace: str) -> Path:
        """The folder of a workspace's sequences."""
        return self.folder / f"sequences-{workspace}"

    async def complete_deployment(self) -> None:
        """Replace the worker of the other build by one of this: what that one can't mend has an end with it."""
        part = self.parts[PREVIOUS]
        if isinstance(part.server, Program):
            part.server.become([str(_CHECKOUT / "worker.py")])
            await part.down(0, part.server.drain)

    async def order(self, words: str) -> bool:
        """Tell the SMTP peer what to do wrong; one that is down hears nothing and does nothing at all."""
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._ports["orders"])
        except OSError:
            return False
        writer.write(f"{words}\n".encode())
        writer.close()
        return True

    async def running_workflows(self) -> set[str]:
        """The instances whose workflows run, by Temporal."""
        listed = self.client.list_workflows("ExecutionStatus = 'Running'")
        return {instance_of_workflow(one.id) async for one in listed}

    def worker_of(self, process: int, at: float) -> str:
        """Name the worker that had this process id at an instant."""
        for name in WORKERS:
            begun, ended = self.parts[name].lives.get(process, (float("inf"), 0.0))
            if begun - 5 <= at <= ended:
                return name
        return "nobody"

    def settings(self, who: str = "", workspace: str = "") -> dict[str, str]:
        """The settings of a process: through its own links, or (nobody's) straight, and of its workspace.

        All that is not where something is has its default, the task queue too.
        """
        workspace = workspace or (OTHER if who.endswith(f"-{OTHER}") else CHAOS)
        cap = {"FOLLOWUP_LEAD_WEEKLY_CAP": str(CAPS[workspace])} if workspace in CAPS else {}
        return cap | {
            "FOLLOWUP_DATABASE_URL": self._reached(self.postgres.url(NAME), who, POSTGRES),
            "FOLLOWUP_SMTP_URL": self._reached(f"smtp://127.0.0.1:{self._ports[SMTP]}", who, SMTP),
            "FOLLOWUP_SENDER": f"Ada Lovelace <{SENDERS[workspace]}>",
            "FOLLOWUP_SEND_TIMEOUT": str(_SEND_TIMEOUT),
            "FOLLOWUP_EVENT_SECRET": SECRET,
            "FOLLOWUP_WORKSPACE": workspace,
            "TEMPORAL_ADDRESS": self._reached(self.temporal.address, who, TEMPORAL),
        }

    def _reached(self, address: str, who: str, server: str) -> str:
        through = self.links.get(link(who, server))
        return address.replace(f":{self._ports[server]}", f":{through.port}") if through else address

    def _lay_out(self) -> None:
        for workspace in WORKSPACES:
            write_sequences(self.sequences(workspace), workspace)
        port = {name: str(number) for name, number in self._ports.items()}
        commands = {worker: [str(_CHECKOUT / "worker.py")] for worker in WORKERS}
        commands[PREVIOUS] = [str(self._previous / "worker.py")]
        for workspace in WORKSPACES:
            door, sequences = self.door(workspace), str(self.sequences(workspace))
            commands[door] = ["-m", "proof.chaos.door", "--port", port[door], "--sequences", sequences]
        orders = ["--orders", port["orders"], "--folder", str(self.folder)]
        commands[SMTP] = ["-m", "proof.chaos.peer", "--port", port[SMTP], *orders]
        programs = {name: Program(name, self.folder, said, self.settings(name)) for name, said in commands.items()}
        servers: dict[str, Server] = {POSTGRES: self.postgres, TEMPORAL: self.temporal, **programs}
        self.parts = {name: Part(name, servers[name]) for name in PARTS}
