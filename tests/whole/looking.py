"""Looking at a running follow-up from outside: its page, its history, and waiting for what it shows."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

_PATIENCE = timedelta(seconds=20)
_BETWEEN_LOOKS = timedelta(milliseconds=20)
_CAUSE = WorkflowTaskFailedCause
Handle = WorkflowHandle[Any, Any]


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Look again and again until it is so: what another process shows has no event to await."""
    async with asyncio.timeout(_PATIENCE.total_seconds()):
        while not await true():  # noqa: ASYNC110  # there is no event
            await asyncio.sleep(_BETWEEN_LOOKS.total_seconds())


async def page(handle: Handle) -> str:
    """What the Web UI shows of it."""
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return str(metadata.current_details)


async def until_page(handle: Handle, says: str) -> str:
    """Wait until the page says something; returns the page."""

    async def so() -> bool:
        return says in await page(handle)

    await until(so)
    return await page(handle)


async def until_listed(client: Client, query: str) -> None:
    """Wait until a search finds a workflow: Temporal's list follows what happens a little later."""

    async def so() -> bool:
        return (await client.count_workflows(query)).count > 0

    await until(so)


async def until_instant(instant: datetime) -> None:
    """Wait until an instant of the clock."""
    await asyncio.sleep(max(instant - datetime.now(UTC), timedelta(0)).total_seconds())


async def events(handle: Handle) -> list[HistoryEvent]:
    """The history of a run."""
    return [event async for event in handle.fetch_history_events()]


async def count(handle: Handle, *kinds: EventType.ValueType) -> int:
    """How many events of these kinds a run's history holds."""
    return sum(event.event_type in kinds for event in await events(handle))


async def stumbles(handle: Handle) -> int:
    """How many of a run's workflow tasks failed: one that does is tried again for ever, and nothing else happens."""
    failed = [one.workflow_task_failed_event_attributes for one in await events(handle)]
    harmless = (_CAUSE.WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED, _CAUSE.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW)
    return sum(one.cause not in harmless for one in failed)


async def refusal(handle: Handle, command: str, *arguments: object) -> str:
    """The sentence with which an update is refused."""
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await handle.execute_update(command, args=list(arguments))
    assert isinstance(refused.value.cause, ApplicationError)
    return refused.value.cause.message
