"""Enrolments and events per second: through the starter, and signed over HTTP; beside bare starts and signals.

No worker runs meanwhile, so it is the doors that are measured. What a door does is done when it answers: the facts are
stored, and the workflow is started or told.
"""

import asyncio
import random
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from devstack.ports import free_ports
from intake.enrolment import Enroller
from proof.load.app import SECRET, App
from proof.load.story import Said
from proof.rig.figures import load, show
from proof.rig.ground import Ground, at_once
from proof.rig.processes import process, until_ready
from proof.speed.sides import BareSide, Ours, a_sequence, bare, ours, some_leads

_CONNECTIONS = 10
_SEQUENCE = "name: bench\nsteps: [{wait: 30d, subject: Following up, body: 'Hello {{ name }}'}]"


async def measure(console: Console, ground: Ground, *, count: int, rounds: int) -> None:
    """Enrol and stop so many leads by each door, and print how many a second."""
    rows: list[tuple[str, ...]] = []
    for number in range(1, rounds + 1):
        console.print(f"doors: round {number} of {rounds}, {load()}")
        async with bare(ground) as side:
            rows += [(f"{number} {name}", *figures) for name, *figures in await _bare(side, count)]
        async with ours(ground) as mine:
            rows += [(f"{number} {name}", *figures) for name, *figures in await _ours(mine, count)]
    show(console, f"Through the doors, {count} each", ("round", "a second", "CPU ms each"), rows, _NOTE)


_NOTE = "CPU: the ingress' own. The app that posts, PostgreSQL and Temporal share the machine with it."


async def _bare(side: BareSide, count: int) -> list[tuple[str, ...]]:
    ids = [f"{side.run}-{number}" for number in range(count)]
    later = datetime.now(UTC)
    starts = await at_once((partial(side.start, one, later, 1) for one in ids), _CONNECTIONS)
    handles = [side.ground.client.get_workflow_handle(one) for one in ids]
    signals = await at_once((partial(one.signal, "stop") for one in handles), _CONNECTIONS)
    return [("bare starts", _rate(count, starts), ""), ("bare signals", _rate(count, signals), "")]


async def _ours(side: Ours, count: int) -> list[tuple[str, ...]]:
    client, engine = side.ground.client, side.engine
    enroller = Enroller(engine, client, workspace=side.run, task_queue=side.run, by="bench")
    begun = asyncio.get_running_loop().time()
    async for _ in enroller.enroll(a_sequence(1), some_leads(count)):
        pass
    rows: list[tuple[str, ...]] = [("starter: enrolments", _rate(count, asyncio.get_running_loop().time() - begun), "")]
    leads = [lead.lead_id for lead in some_leads(count)]
    async with _ingress(side) as (url, serving):
        app, used = App(url, random.Random(1)), serving.cpu_times()
        for name, events in (
            ("ingress: enrolments", [_enrolled(lead) for lead in leads]),
            ("ingress: stops", [_said("lead.replied", {"lead_id": lead}) for lead in leads]),
        ):
            seconds, before, used = await app.tell(events), used, serving.cpu_times()
            cpu = used.user + used.system - before.user - before.system
            rows.append((name, _rate(count, seconds), f"{cpu * 1000 / count:.1f}"))
        await app.close()
    return rows


def _rate(count: int, seconds: float) -> str:
    return f"{count / seconds:.0f}"


@asynccontextmanager
async def _ingress(side: Ours) -> AsyncIterator[tuple[str, psutil.Process]]:
    """Our ingress, when it takes events; and its process."""
    port, environment = free_ports([None])[0], side.environment | {"FOLLOWUP_EVENT_SECRET": SECRET}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bench.yaml").write_text(_SEQUENCE)
        command = ("-m", "proof.chaos.door", "--sequences", folder, "--port", str(port))
        async with process(*command, **environment) as serving:
            url = f"http://127.0.0.1:{port}"
            await until_ready(url, serving)
            yield url, psutil.Process(serving.pid)


def _enrolled(lead_id: str) -> Said:
    lead = {"lead_id": lead_id, "email": f"{lead_id}@example.test", "name": "Grace"}
    return _said("lead.enrolled", {"sequence": "bench", "lead": lead})


def _said(event_type: str, data: dict[str, Any]) -> Said:
    content = {"type": event_type, "timestamp": datetime.now(UTC).isoformat(), "data": data}
    return Said(f"evt-{uuid.uuid4().hex}", content)
