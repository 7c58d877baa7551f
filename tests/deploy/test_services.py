"""The services of docker-compose.yml that can run without Docker, run against a real Temporal and a real PostgreSQL."""

import asyncio
import os
import sys
import uuid
from pathlib import Path

import httpx
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeTaskQueueRequest
from temporalio.client import Client

from devstack.stack import Devstack
from tests.app import said
from tests.deploy.compose import ROOT, environment, services
from tests.web.post import SECRET, Poster
from workflows import search_attributes

SCRIPTS = ROOT / "deploy" / "temporal"


async def run(*command: str | Path, **variables: str) -> tuple[int | None, str]:
    """Run a command with our environment's programs first on its path: its exit code, and all that it said."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    running = await asyncio.create_subprocess_exec(
        *command, env={"PATH": path} | variables, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await running.communicate()
    return running.returncode, said.decode()


async def test_the_namespace_service_makes_what_a_worker_asks_for_and_may_run_again(temporal_address: str) -> None:
    variables = {"TEMPORAL_ADDRESS": temporal_address, "TEMPORAL_NAMESPACE": f"deploy-{uuid.uuid4().hex}"}
    for _ in range(2):
        code, said = await run("sh", SCRIPTS / "namespace.sh", **variables)
        assert code == 0, said
    client = await Client.connect(temporal_address, namespace=variables["TEMPORAL_NAMESPACE"])
    assert await search_attributes.missing_or_wrong(client) == []
    described = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    assert described.config.workflow_execution_retention_ttl.ToTimedelta().days == 30


async def test_the_schema_service_sets_up_both_databases_and_stops_at_the_first_failure(tmp_path: Path) -> None:
    """Against a stand-in: the real temporal-sql-tool is in no package registry."""
    tool = tmp_path / "temporal-sql-tool"
    tool.write_text('#!/bin/sh\necho "$@"\ncase "$*" in *"$FAILS_AT"*) exit 1 ;; esac\n')
    tool.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    code, said = await run("sh", SCRIPTS / "schema.sh", PATH=path, FAILS_AT="never")
    assert (code, [line.split()[1:3] for line in said.splitlines()]) == (
        0,
        [
            [name, step]
            for name in ("temporal", "temporal_visibility")
            for step in ("create", "setup-schema", "update-schema")
        ],
    )
    code, said = await run("sh", SCRIPTS / "schema.sh", PATH=path, FAILS_AT="setup-schema")
    assert (code, len(said.splitlines())) == (1, 2)


async def test_the_worker_service_polls_and_ends_with_0_on_sigterm(
    stack: Devstack, client: Client, application_url: str
) -> None:
    queue = f"deploy-{uuid.uuid4().hex}"
    given = {"POSTGRES_APP_PASSWORD": "secret", "FOLLOWUP_SENDER": "Ada <ada@example.test>"}
    given |= {"FOLLOWUP_EVENT_SECRET": SECRET, "FOLLOWUP_TASK_QUEUE": queue}
    variables = environment("worker", given | {"FOLLOWUP_SMTP_URL": stack.running.smtp_url})
    # the names of other services mean something inside of compose alone
    variables |= {"FOLLOWUP_DATABASE_URL": application_url, "TEMPORAL_ADDRESS": stack.temporal.address}
    _, *arguments = services()["worker"]["command"]
    worker = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, env=variables, stderr=asyncio.subprocess.PIPE
    )
    try:
        await until_it_says(worker, "ready")
        await until_polled(client, queue)
        worker.terminate()
        await until_it_says(worker, "stopped")
        assert await worker.wait() == 0
    finally:
        if worker.returncode is None:
            worker.kill()
            await worker.wait()


async def test_the_ingress_service_is_ready_takes_events_and_ends_with_0_on_sigterm(
    stack: Devstack, application_url: str
) -> None:
    given = {
        "POSTGRES_APP_PASSWORD": "secret",
        "FOLLOWUP_SENDER": "Ada <ada@example.test>",
        "FOLLOWUP_EVENT_SECRET": SECRET,
    }
    variables = environment("ingress", given | {"FOLLOWUP_SMTP_URL": stack.running.smtp_url})
    variables |= {"FOLLOWUP_DATABASE_URL": application_url, "TEMPORAL_ADDRESS": stack.temporal.address}
    _, *arguments = services()["ingress"]["command"]
    arguments = ["127.0.0.1" if argument == "0.0.0.0" else argument for argument in arguments]  # noqa: S104  # compared
    ingress = await asyncio.create_subprocess_exec(
        *(sys.executable, *arguments, "--port", "0"), cwd=ROOT, env=variables, stderr=asyncio.subprocess.PIPE
    )
    try:
        url = (await until_it_says(ingress, "ready: ")).split("ready: ")[1].removesuffix("/events\n")
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            assert (await http.get("/readyz")).json() == {"status": "ready"}
            taken = await Poster(http).says(said("lead.closed", lead_id="grace-7"))
            assert taken.json()["done"] == "stop_recorded"
        ingress.terminate()
        await until_it_says(ingress, "stopped")
        assert await ingress.wait() == 0
    finally:
        if ingress.returncode is None:
            ingress.kill()
            await ingress.wait()


async def until_it_says(process: asyncio.subprocess.Process, word: str) -> str:
    """Wait for a line with the word; returns it.

    Raises AssertionError, with all it said instead, when the process ends before.
    """
    assert process.stderr
    said = []
    while line := (await process.stderr.readline()).decode():
        said.append(line)
        if word in line:
            return line
    raise AssertionError("".join(said))


async def until_polled(client: Client, queue: str) -> None:
    """Wait until somebody polls the queue for workflows and for activities: Temporal can only be asked."""
    for kind in (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY):
        request = DescribeTaskQueueRequest(
            namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
        )
        while not (await client.workflow_service.describe_task_queue(request)).pollers:  # noqa: ASYNC110 - there is no event: it is another process
            await asyncio.sleep(0.05)
