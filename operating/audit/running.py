"""Which workflows run: Temporal's lists, which lag a moment, and its word on one workflow, which does not."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from domain.instance import WORKFLOW_TYPE, instance_of_workflow, workflow_id
from workflows.search_attributes import WORKSPACE

_RUNNING = f"WorkflowType = '{WORKFLOW_TYPE}' AND ExecutionStatus = 'Running'"
# One page of a list; and as many ids as one query names, each at most 255 bytes.
_PAGE = 1000
_NAMED_AT_ONCE = 200
_ASKED_AT_ONCE = 32


async def running_instances(client: Client, workspace: str) -> AsyncIterator[list[str]]:
    """List the instances of a workspace whose workflows run, a page at a time.

    One that somebody started by hand may lack the search attribute, and has its id all the same.
    """
    page: list[str] = []
    ours = f"({WORKSPACE.name} = '{workspace}' OR WorkflowId STARTS_WITH '{workflow_id(workspace)}:')"
    query = f"{ours} AND {_RUNNING}"
    async for workflow in client.list_workflows(query, page_size=_PAGE):
        page.append(instance_of_workflow(workflow.id))
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page


async def not_running(client: Client, instance_ids: Collection[str]) -> dict[str, WorkflowExecutionStatus | None]:
    """Find which of these instances have no running workflow, and what Temporal says of each; None: it knows none."""
    wanted = sorted(instance_ids)
    missing: list[str] = []
    for start in range(0, len(wanted), _NAMED_AT_ONCE):
        some = wanted[start : start + _NAMED_AT_ONCE]
        named = ", ".join(f"'{workflow_id(one)}'" for one in some)
        listed = client.list_workflows(f"{_RUNNING} AND WorkflowId IN ({named})", page_size=_PAGE)
        found = {instance_of_workflow(workflow.id) async for workflow in listed}
        missing += [one for one in some if one not in found]
    described = await describe(client, missing)
    return {one: status for one, status in described.items() if status is not WorkflowExecutionStatus.RUNNING}


async def describe(client: Client, instance_ids: Iterable[str]) -> dict[str, WorkflowExecutionStatus | None]:
    """Ask for the workflow of each of these instances: its status now; None where Temporal knows of none."""
    limit = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def ask(one: str) -> WorkflowExecutionStatus | None:
        handle: Any = client.get_workflow_handle(workflow_id(one))
        async with limit:
            try:
                status: WorkflowExecutionStatus | None = (await handle.describe()).status
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
                return None
        return status

    ids = list(instance_ids)
    return dict(zip(ids, await asyncio.gather(*map(ask, ids)), strict=True))
