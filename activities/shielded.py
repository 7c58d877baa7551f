"""Letting a begun send finish, whatever happens around it, and saying meanwhile that its worker is alive."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import activity

_T = TypeVar("_T")
# A dead worker is noticed within this: its send becomes unknown, and somebody should hear of it soon.
HEARTBEAT_TIMEOUT = timedelta(seconds=30)
# Three chances within the time-out, so that one lost heartbeat is no death.
_HEARTBEAT_INTERVAL = HEARTBEAT_TIMEOUT / 3


async def shielded(work: Coroutine[Any, Any, _T]) -> _T:
    """Run `work` to its end, heartbeating; shutdown and cancellation wait for it and are not passed on."""
    task = asyncio.create_task(work)
    heartbeats = asyncio.create_task(_heartbeat())
    try:
        while not task.done():
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                if task.cancelled():
                    raise
        return task.result()
    finally:
        heartbeats.cancel()


async def _heartbeat() -> None:
    while True:
        await asyncio.sleep(_HEARTBEAT_INTERVAL.total_seconds())
        activity.heartbeat()
