"""Record a history of every story: `python -m tests.replay.record [STORY…]`, when the workflow was changed on purpose.

A history that is recorded anew says nothing of the follow-ups that already run with the old one: those need
`workflow.patched`, and their histories are kept under another name.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from devstack.passable import temporary_folder
from devstack.stack import Devstack
from devstack.temporal import binary
from tests.replay.stories import SKIPPING_TIME, STORIES
from tests.roles import lay_out
from tests.scene import open_scene
from workflows.search_attributes import register

HISTORIES = Path(__file__).parent / "histories"


async def record(names: list[str]) -> None:
    """Play stories on a devstack of their own and write their histories down."""
    HISTORIES.mkdir(exist_ok=True)
    with temporary_folder() as folder:
        async with Devstack(folder, durable=False, in_memory=True, usual_ports=False) as stack:
            client = await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter)
            for name in names:
                if name in SKIPPING_TIME:
                    async with _skipping_time() as skipping:
                        await _record(stack, skipping, name)
                else:
                    await _record(stack, client, name)


@asynccontextmanager
async def _skipping_time() -> AsyncIterator[Client]:
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        data_converter=pydantic_data_converter,
        dev_server_existing_path=binary(),
        dev_server_extra_args=["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"],
    )
    async with environment:
        await register(environment.client)
        yield environment.client


async def _record(stack: Devstack, client: Client, name: str) -> None:
    database_url = await stack.postgres.create_database(name)
    await lay_out(database_url)
    async with open_scene(client, database_url) as scene:
        scene.workspace = name
        await STORIES[name](scene)
        history = await scene.handle().fetch_history()
        written = json.dumps(_impersonal(history.to_json_dict()), indent=1) + "\n"
        (HISTORIES / f"{name}.json").write_text(written)
    sys.stdout.write(f"{name}: {len(history.events)} events\n")


def _impersonal(found: Any) -> Any:
    """Leave out what tells of the machine that recorded; a replay reads neither."""
    if isinstance(found, list):
        return [_impersonal(inner) for inner in found]
    if isinstance(found, dict):
        return {name: _impersonal(inner) for name, inner in found.items() if name not in ("identity", "stackTrace")}
    return found


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1:] or list(STORIES)))
    sys.stdout.flush()
    os._exit(0)  # the SDK's threads abort a Python that finalises under them
