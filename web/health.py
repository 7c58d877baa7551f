"""Whether this process lives, and whether it can take anything."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from fastapi import APIRouter

from activities.redaction import kind_of
from web.event_schema import Problem
from web.limits import DoorLimits, HttpTimeouts
from web.requests import LOG, RefusedError

Ready = Callable[[], Awaitable[list[str]]]


def health_door(ready: Ready, limits: DoorLimits) -> APIRouter:
    """Build `GET /healthz` and `GET /readyz`. `ready` names what is missing before anything can be taken."""
    router = APIRouter()
    check = _SharedCheck(ready, limits.patience)

    @router.get("/healthz")
    async def say_alive() -> dict[str, str]:
        """Say that this process is alive."""
        return {"status": "alive"}

    @router.get("/readyz", responses={503: {"model": Problem}})
    async def say_ready() -> dict[str, str]:
        """Say whether events can be taken: PostgreSQL has the schema, and Temporal answers."""
        if problems := await check.problems():
            raise RefusedError(503, *problems)
        return {"status": "ready"}

    return router


class _SharedCheck:
    """A check that is run for all who ask together: anybody may ask, and as often as they like."""

    def __init__(self, ready: Ready, patience: HttpTimeouts) -> None:
        self._ready, self._patience = ready, patience
        self._running: asyncio.Task[list[str]] | None = None
        self._begun = 0.0

    async def problems(self) -> list[str]:
        """Say what is missing, by a check that runs or began within the last second; begin one where there is none."""
        if self._running is None or (self._running.done() and self._is_old()):
            self._begun = time.monotonic()
            self._running = asyncio.create_task(self._check())
        return await asyncio.shield(self._running)  # who asked may go away; others still want to know

    def _is_old(self) -> bool:
        return time.monotonic() - self._begun >= self._patience.fresh.total_seconds()

    async def _check(self) -> list[str]:
        try:
            async with asyncio.timeout(self._patience.readiness.total_seconds()):
                return await self._ready()
        except TimeoutError:
            return ["PostgreSQL or Temporal does not answer in time"]
        except Exception as error:  # its words may quote what nobody is to know
            LOG.error("the check of readiness failed: %s", kind_of(error))  # see above
            return ["the check failed by our own fault; our log says how"]
