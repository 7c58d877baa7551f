"""The devstack as a whole: PostgreSQL, Temporal and the mailbox, up together and down together."""

import asyncio
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Self

from devstack import state
from devstack.child import DevstackError
from devstack.mailbox import LocalMailbox
from devstack.ports import free_ports
from devstack.postgres import DATABASE, Postgres
from devstack.temporal import Temporal

# PostgreSQL, Temporal, its Web UI, SMTP, the mailbox's page: where people look for them, if they are free
USUAL_PORTS = (5432, 7233, 8233, 1025, 8025)


class Devstack:
    """A whole local world, whose state lies under HOME/.devstack. One runs per home; several homes run side by side.

    An async context manager. Its parts may be stopped, killed and started again singly while it runs.
    """

    postgres: Postgres
    temporal: Temporal
    mailbox: LocalMailbox
    running: state.RunningDevstack

    def __init__(
        self,
        home: Path,
        *,
        durable: bool = True,
        in_memory: bool = False,
        usual_ports: bool = True,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Prepare; nothing starts yet.

        durable: PostgreSQL's data survive a crash of the machine (without: a crash of the server alone).
        in_memory: Temporal forgets everything when it ends.
        usual_ports: take the usual port of each part where it is free; without, leave them to others.
        say: told of progress, in a sentence each.
        """
        self._home = home.resolve()
        self._durable, self._in_memory, self._usual_ports, self._say = durable, in_memory, usual_ports, say
        self._lock: IO[str] | None = None

    async def start(self) -> state.RunningDevstack:
        """Start everything; when this fails or is cancelled midway, nothing is left running. Raises DevstackError."""
        self._take_lock()
        try:
            self._build()
            async with asyncio.TaskGroup() as starting:
                starting.create_task(self._start_postgres())
                starting.create_task(self._start_temporal())
                starting.create_task(self._start_mailbox())
            self.running = self._addresses()
            state.write(self._home, self.running)
        except BaseException as error:
            await self.stop()
            if isinstance(error, BaseExceptionGroup):  # the first failure is the cause; the others were cancelled by it
                raise error.exceptions[0] from None
            raise
        return self.running

    async def stop(self) -> None:
        """Stop everything that runs. May be called at any time, and again."""
        if self._lock is None:
            return
        # parts that don't exist yet: start() failed before it built them
        parts = [vars(self).get(name) for name in ("mailbox", "temporal", "postgres")]
        await asyncio.gather(*(part.stop() for part in parts if part))
        state.clear(self._home)
        self._lock.close()
        self._lock = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _take_lock(self) -> None:
        """Keep others from running here; the system lets go of the lock however we end. Raises DevstackError."""
        folder = self._home / ".devstack"
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise DevstackError(f"a devstack runs under {self._home} already: stop it first, or use it") from None
        self._lock = lock

    def _build(self) -> None:
        folder = self._home / ".devstack"
        ports = free_ports(USUAL_PORTS if self._usual_ports else [None] * len(USUAL_PORTS))
        self.postgres = Postgres(folder / "postgres", durable=self._durable, port=ports[0])
        self.temporal = Temporal(folder / "temporal", in_memory=self._in_memory, port=ports[1], ui_port=ports[2])
        self.mailbox = LocalMailbox(folder / "mailbox", smtp_port=ports[3], http_port=ports[4])

    async def _start_postgres(self) -> None:
        await self.postgres.start()
        if not await self.postgres.has_database(DATABASE):
            await self.postgres.create_database(DATABASE)
        self._say(f"PostgreSQL answers on port {self.postgres.port}")

    async def _start_temporal(self) -> None:
        await self.temporal.start()
        self._say(f"Temporal answers at {self.temporal.address}, its Web UI at {self.temporal.ui}")

    async def _start_mailbox(self) -> None:
        await self.mailbox.start()
        self._say(f"The mailbox receives at {self.mailbox.smtp_url} and shows at {self.mailbox.url}")

    def _addresses(self) -> state.RunningDevstack:
        return state.RunningDevstack(
            pid=os.getpid(),
            database_url=self.postgres.url(),
            temporal_address=self.temporal.address,
            temporal_ui=self.temporal.ui,
            smtp_url=self.mailbox.smtp_url,
            mailbox_url=self.mailbox.url,
            mailbox_folder=str(self.mailbox.folder),
        )
