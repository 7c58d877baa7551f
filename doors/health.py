"""Whether this process lives, and whether it can take anything."""

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import APIRouter

from doors.limits import DoorLimits
from doors.requests import RefusedError
from intake.event_schema import Problem

Ready = Callable[[], Awaitable[list[str]]]


def health_door(ready: Ready, limits: DoorLimits) -> APIRouter:
    """Build `GET /healthz` and `GET /readyz`. `ready` names what is missing before anything can be taken."""
    router = APIRouter()

    @router.get("/healthz")
    async def say_alive() -> dict[str, str]:
        """Say that this process is alive."""
        return {"status": "alive"}

    @router.get("/readyz", responses={503: {"model": Problem}})
    async def say_ready() -> dict[str, str]:
        """Say whether events can be taken: PostgreSQL has the schema, and Temporal answers."""
        try:
            async with asyncio.timeout(limits.patience.readiness.total_seconds()):
                problems = await ready()
        except TimeoutError:
            problems = ["PostgreSQL or Temporal does not answer in time"]
        if problems:
            raise RefusedError(503, *problems)
        return {"status": "ready"}

    return router
