"""`python -m proof.week`: let a week of simulated time pass in seconds, and see that each mail is within its window.

The real workflow, activities and PostgreSQL; in place of a provider one that notes when it is called. The clocks of
Temporal and PostgreSQL are simulated (`proof/week/clocks.py`). Each mail is held against its lead's wall clock by plain
arithmetic that knows nothing of the application's. Exits 1 if one is missing, doubled, early, late or outside.
"""

import argparse
import asyncio
import os
import shutil
import sys
import time
import uuid
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.testing import WorkflowEnvironment

from devstack.passable import temporary_folder
from devstack.ports import free_ports
from devstack.postgres import Postgres
from domain.draft import DraftKey, draft_id
from domain.instance import InstanceKey, instance_id
from domain.outcome import Outcome
from intake.enrolment import Enroller
from proof.week.clocks import Clocks, SimulatedPostgres
from proof.week.leads import PEOPLE, START, WAITS, WEEK
from proof.week.oracle import Mail, problems
from proof.week.page import page, table
from proof.week.picture import picture
from providers.provider import Gate, Letter
from providers.scripted import ScriptedProvider
from settings import Settings
from store.engine import open_engine
from store.schema import migrate
from worker import make_worker
from workflows import search_attributes

_SENDER = "Ada Lovelace <ada@example.test>"
# the SDK warns of what the test server lacks, none of which matters here
_ERRORS = TelemetryFilter(core_level="ERROR", other_level="ERROR")
_WEEK = "week"  # the workspace and the task queue
_DRAFTS = "SELECT instance_id, step, sent_at FROM drafts"
# the ledger says why as in "step 3: outside_window"
_HELD = """
    SELECT instance_id, step, split_part(why, ' ', 3) AS reason FROM ledger
    WHERE subject = 'instance' AND to_state = 'held' ORDER BY id
"""


class Notebook(ScriptedProvider):
    """A provider that sends nothing and notes when it was asked to, by Temporal's clock."""

    def __init__(self, environment: WorkflowEnvironment, clocks: Clocks) -> None:
        super().__init__()
        self._environment, self._clocks = environment, clocks
        self.calls: list[tuple[str, datetime]] = []

    async def send(self, letter: Letter, gate: Gate) -> Outcome:
        """Note the call and its instant."""
        at = self._clocks.simulated(await self._environment.get_current_time())
        self.calls.append((letter.draft_id, at))
        return await super().send(letter, gate)


async def simulate(postgres: Postgres) -> list[Mail]:
    """Let the week pass; returns the mails by lead and step."""
    url = await postgres.create_database(f"week_{uuid.uuid4().hex[:8]}")
    try:
        clock = SimulatedPostgres(url)
        await clock.install(START)
        await migrate(url)
        return await _pass(url, Clocks(clock, START))
    finally:
        await postgres.drop_database(url.rpartition("/")[2])


async def _pass(url: str, clocks: Clocks) -> list[Mail]:
    environment = await WorkflowEnvironment.start_time_skipping(
        data_converter=pydantic_data_converter,
        interceptors=[clocks],
        runtime=Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=_ERRORS))),
        test_server_existing_path=_test_server(),
    )
    engine = open_engine(url)
    settings = Settings(database_url=SecretStr(url), task_queue=_WEEK, workspace=_WEEK, sender=_SENDER)
    try:
        async with environment:
            await _register(environment.client)
            clocks.begin(await environment.get_current_time())
            notebook = Notebook(environment, clocks)
            async with make_worker(environment.client, engine, notebook, settings):
                await _enroll(engine, environment.client)
                await environment.sleep(WEEK)
        return await _mails(engine, notebook)
    finally:
        await engine.dispose()


async def _register(client: Client) -> None:
    """Register the search attributes: the test server takes new ones, but can't say which it has."""
    missing = {key.name: IndexedValueType.ValueType(key.indexed_value_type.value) for key in search_attributes.ALL}
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
    await client.operator_service.add_search_attributes(request)


async def _enroll(engine: AsyncEngine, client: Client) -> None:
    enroller = Enroller(engine, client, workspace=_WEEK, task_queue=_WEEK, by="week")
    for person in PEOPLE:
        async for result in enroller.enroll(person.sequence, [person.lead]):
            if result.answer != "enrolled":
                raise RuntimeError(f"{person.zone}: {result.answer} {result.reason}")


async def _mails(engine: AsyncEngine, notebook: Notebook) -> list[Mail]:
    """Put together what the provider's notes, the drafts and the ledger say of each step."""
    async with engine.connect() as connection:
        recorded = {(row.instance_id, row.step): row.sent_at for row in await connection.execute(text(_DRAFTS))}
        held = [(row.instance_id, row.step, row.reason) for row in await connection.execute(text(_HELD))]
    mails = []
    for person in PEOPLE:
        instance = instance_id(InstanceKey(_WEEK, person.sequence.name, person.lead_id))
        due: datetime | None = START
        for step, wait in enumerate(WAITS, start=1):
            if due is None:
                break  # the step before was not sent, so this one never fell due
            sent = recorded.get((instance, step))
            called = tuple(at for draft, at in notebook.calls if draft == draft_id(DraftKey(instance, step)))
            reasons = tuple(reason for one, order, reason in held if (one, order) == (instance, step))
            mails.append(Mail(person, step, due + wait, called, sent, reasons))
            due = sent
    return mails


def _test_server() -> str:
    beside = Path(sys.executable).parent
    found = shutil.which("temporal-test-server", path=os.pathsep.join([str(beside), os.environ.get("PATH", "")]))
    if found is None:
        raise SystemExit("week: `temporal-test-server` is not installed: make setup")
    return found


async def _run() -> list[Mail]:
    with temporary_folder() as folder:
        postgres = Postgres(folder, durable=False, port=free_ports([None])[0])
        await postgres.start()
        try:
            return await simulate(postgres)
        finally:
            await postgres.stop()


def main() -> int:
    """Run the week; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m proof.week", description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write week.md and pictures/week.svg there")
    folder: Path | None = parser.parse_args().write
    began = time.monotonic()
    mails = asyncio.run(_run())
    if wrong := problems(mails):
        sys.stderr.writelines(f"week: {sentence}\n" for sentence in wrong)
        return 1
    if folder is not None:
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
        (folder / "week.md").write_text(page(mails))
        (folder / "pictures" / "week.svg").write_text(picture(mails))
    sys.stdout.write(f"{table(mails)}\n{len(mails)} mails, each in its window, in {time.monotonic() - began:.0f} s\n")
    return 0
