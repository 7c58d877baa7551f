"""What `make run` does: a local world, a worker in it, the example sequence on its way, and a page of what to try."""

import asyncio
import json
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from devstack.child import Child, DevstackError, plain_environment
from devstack.guide import guide, other_world
from devstack.ingress import Ingress
from devstack.stack import Devstack
from devstack.state import RunningDevstack
from store.schema import SchemaError, migrate

ROOT = Path(__file__).parent.parent
SEQUENCE, LEADS = "no-reply", ROOT / "sequences" / "leads.csv"
# Short, so that the decision `not_sent` can be tried a minute after an uncertain send and not after eleven.
_SEND_TIMEOUT = timedelta(seconds=30)
# The worker finishes what it has begun: a send, and the recording around it.
_DRAIN_WITHIN = timedelta(minutes=2)
# The first letter takes a second or two; after this one should look at the worker's log.
_FIRST_LETTER_WITHIN = timedelta(minutes=1)
_LOOK_EVERY = timedelta(milliseconds=50)


def settings_of(running: RunningDevstack) -> dict[str, str]:
    """Name everything that a process must know to live in this world and in no other, whatever `.env` says."""
    return {
        "FOLLOWUP_DATABASE_URL": running.database_url,
        "FOLLOWUP_SMTP_URL": running.smtp_url,
        "FOLLOWUP_SENDER": "Ada Lovelace <ada@follow-up.test>",
        "FOLLOWUP_PROVIDER": "smtp",
        "FOLLOWUP_WORKSPACE": "default",
        "FOLLOWUP_TASK_QUEUE": "follow-up",
        "FOLLOWUP_SEND_TIMEOUT": str(int(_SEND_TIMEOUT.total_seconds())),
        "TEMPORAL_ADDRESS": running.temporal_address,
        "TEMPORAL_NAMESPACE": "default",
        "TEMPORAL_CONFIG_FILE": os.devnull,
    }


class LocalRun:
    """A local world with a worker and the example sequence in it."""

    def __init__(self, home: Path, *, usual_ports: bool, screen: Console) -> None:
        self._stack = Devstack(home, usual_ports=usual_ports, say=self._say)
        self._worker = Child("worker", home / ".devstack")
        self._ingress = Ingress(home / ".devstack", usual_port=usual_ports)
        self._screen = screen
        self._begun = time.monotonic()

    async def live(self) -> None:
        """Start everything, say what there is, and stay until cancelled. Raises DevstackError, SchemaError."""
        self._say("Starting PostgreSQL, Temporal and a mailbox")
        async with self._stack:
            await migrate(self._stack.running.database_url)
            known = self._letters()
            try:
                await self._worker.start([sys.executable, ROOT / "worker.py"], environment=self._settings)
                self._say("A worker is starting")
                await self._ingress.start(self._settings)
                self._say(f"App events are taken at {self._ingress.url}")
                await self._while_they_live(known)
            finally:
                self._say("Letting the worker finish what it has begun")
                await asyncio.gather(self._ingress.end(), self._worker.end(within=_DRAIN_WITHIN))
                self._say("Stopping the mailbox, Temporal and PostgreSQL")
        self._say("Stopped; what happened is kept in .devstack")

    async def _while_they_live(self, known: set[Path]) -> None:
        try:
            async with asyncio.TaskGroup() as living:
                living.create_task(self._show(known))
                living.create_task(_notice_the_end("worker", self._worker))
                living.create_task(_notice_the_end("ingress", self._ingress))
        except BaseExceptionGroup as ended:  # the first failure is the cause; the others were cancelled by it
            raise ended.exceptions[0] from None

    async def _show(self, known: set[Path]) -> None:
        key = await self._enroll()
        await self._first_letter(known)
        for line in guide(self._stack.running, self._worker.log, self._ingress, key):
            self._screen.print(line, soft_wrap=True)
        if names := other_world(ROOT):
            self._screen.print(f"Beware: {names} set elsewhere, so commands in this checkout go there.", style="red")

    async def _enroll(self) -> str:
        """Enrol the example's leads as anybody would; under a key of this run's own if they were enrolled before."""
        if (await self._starter())["enrolled"]:
            self._say("The example's leads are enrolled")
            return ""
        key = f"run-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        await self._starter("--enrolment-key", key)
        self._say(f"The example's leads were enrolled before, so they are enrolled once more, with the key {key}")
        return key

    async def _starter(self, *options: str) -> Any:
        starter = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                str(ROOT / "starter.py"),
                "enroll",
                "--sequence",
                SEQUENCE,
                str(LEADS),
                "--json",
                *options,
            ),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=plain_environment() | self._settings,
        )
        try:
            out, problem = await starter.communicate()
        finally:
            if starter.returncode is None:
                starter.kill()
                await starter.wait()
        if starter.returncode:
            raise DevstackError(problem.decode(errors="replace").strip() or "starter.py failed")
        return json.loads(out)

    async def _first_letter(self, known: set[Path]) -> None:
        try:
            async with asyncio.timeout(_FIRST_LETTER_WITHIN.total_seconds()):
                while not self._letters() - known:  # noqa: ASYNC110  # a folder has no event to await
                    await asyncio.sleep(_LOOK_EVERY.total_seconds())
        except TimeoutError:
            self._say(f"No letter has come yet; see {self._worker.log}")
        else:
            self._say(f"The first letter was delivered {time.monotonic() - self._begun:.0f} s after the start")

    def _letters(self) -> set[Path]:
        return set(self._stack.mailbox.folder.glob("*.eml"))

    @property
    def _settings(self) -> dict[str, str]:
        return settings_of(self._stack.running)

    def _say(self, sentence: str) -> None:
        self._screen.print(sentence, style="dim", soft_wrap=True)


async def _notice_the_end(name: str, process: Child | Ingress) -> None:
    code = await process.ended()
    raise DevstackError(f"the {name} ended by itself, with code {code}:\n{process.last_words()}")


async def _until_told(home: Path, screen: Console, *, usual_ports: bool) -> None:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    living = asyncio.create_task(LocalRun(home, usual_ports=usual_ports, screen=screen).live())
    telling = asyncio.create_task(told.wait())
    await asyncio.wait({living, telling}, return_when=asyncio.FIRST_COMPLETED)
    telling.cancel()
    if not living.done():
        living.cancel()
    await asyncio.wait({living})
    if not living.cancelled():
        living.result()


def main(home: Path = ROOT, *, usual_ports: bool = True) -> int:
    """Run until SIGINT or SIGTERM; returns the exit code."""
    screen = Console(highlight=False, markup=False, emoji=False)
    try:
        asyncio.run(_until_told(home, screen, usual_ports=usual_ports))
    except (DevstackError, SchemaError) as error:
        Console(stderr=True, highlight=False, markup=False, emoji=False).print(str(error), style="red", soft_wrap=True)
        return 1
    return 0
