"""One run: the world up, everything broken by the schedule while people and the app work, the end, the count."""

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

from rich.console import Console

from devstack.child import plain_environment
from proof.chaos.app import App
from proof.chaos.breaking import Breaker
from proof.chaos.log import read_taken
from proof.chaos.operators import Operators
from proof.chaos.result import Actors, Result, read_result, tell_story
from proof.chaos.schedule import Fault
from proof.chaos.story import WORKSPACES, Story
from proof.chaos.world import World

# Longer than anything waits that a person hastens; what has not ended then never will.
_PATIENCE = 240.0
_LOOK_EVERY = 1.5
_PROGRESS_EVERY = 5.0
_MOST_TOLD = 10
_CHECKOUT = Path(__file__).parents[2]


async def run(console: Console, world: World, seed: int, faults: list[Fault], story: Story) -> Result:
    """Break the world as it works, mend it, let everything end, and count."""
    begun = time.time()
    async with world.running():
        actors = Actors(App(world, story), Operators(world, seed), Breaker(world, seed))
        telling = asyncio.create_task(_tell_progress(console, world, actors, len(faults)))
        working = asyncio.create_task(actors.operators.work())
        try:
            async with asyncio.TaskGroup() as broken:
                broken.create_task(actors.breaker.run(faults))
                broken.create_task(actors.app.run())
            await _cancel(working)
            await world.complete_deployment()
            await _finish(actors.operators)
        finally:
            await _cancel(working)
            await _cancel(telling)
        result = await read_result(world, actors, seed, begun, await _audit(world))
        await _tell_offences(console, world, result)
    return result


async def _finish(operators: Operators) -> None:
    until = time.monotonic() + _PATIENCE
    while await operators.finish() and time.monotonic() < until:  # noqa: ASYNC110  # they look again and again
        await asyncio.sleep(_LOOK_EVERY)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    for result in await asyncio.gather(task, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


async def _audit(world: World) -> tuple[int, str]:
    """Run `followup audit` for each workspace: its worst exit code, and all that it said."""
    code, heard = 0, ""
    for workspace in WORKSPACES:
        settings = plain_environment() | world.settings(workspace=workspace)
        command = [sys.executable, str(_CHECKOUT / "cli.py"), "audit"]
        audit = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=STDOUT, env=settings)
        said, _ = await audit.communicate()
        code, heard = max(code, abs(audit.returncode or 0)), heard + said.decode()
    return code, heard


async def _tell_progress(console: Console, world: World, actors: Actors, faults: int) -> None:
    begun = time.monotonic()
    while True:
        await asyncio.sleep(_PROGRESS_EVERY)
        down = [name for name, part in world.parts.items() if part.server.pid is None]
        console.print(
            f"{time.monotonic() - begun:4.0f} s: {actors.breaker.begun} of {faults} faults, "
            f"{len(read_taken(world.folder))} sends, {actors.app.deliveries} deliveries, "
            f"{actors.operators.done.total()} words of operators{', down: ' if down else ''}{', '.join(down)}",
            highlight=False,
        )


async def _tell_offences(console: Console, world: World, result: Result) -> None:
    for promise, offenders in result.offences.items():
        for instance_id, sentence in list(offenders.items())[:_MOST_TOLD]:
            console.print(f"{promise}: {instance_id}: {sentence}", markup=False, highlight=False)
            for line in await tell_story(world, instance_id):
                console.print(f"    {line}", markup=False, highlight=False, soft_wrap=True)
