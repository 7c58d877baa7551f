"""The command `make chaos`: one run, or several seeds one after another, and a table of what came of them."""

import argparse
import logging
import math
import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from temporalio.runtime import Runtime, TelemetryConfig

from connect import leave
from devstack.passable import temporary_folder
from proof.chaos.builds import BuildError, check_out
from proof.chaos.page import print_result, print_summary
from proof.chaos.result import Result
from proof.chaos.run import run
from proof.chaos.schedule import schedule
from proof.chaos.story import tell
from proof.chaos.world import World
from proof.rig.command import above_zero, at_least_one, run_command


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    minutes = os.environ.get("CHAOS_MINUTES", "5")
    parser.add_argument("--minutes", type=above_zero, default=minutes, help="of faults; usually CHAOS_MINUTES, or 5")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="usually one at random")
    parser.add_argument("--seeds", type=at_least_one, default=1, help="so many runs, with this seed and those after it")
    parser.add_argument("--leads", type=at_least_one, help="follow-ups of three steps; usually 96 a minute")
    parser.add_argument("--every", type=above_zero, default=3, help="seconds from one fault to the next, on average")
    parser.add_argument("--previous", default="", help="the commit of the other build; usually the oldest that fits")
    parser.add_argument("--dry-run", action="store_true", help="print the schedule, and do nothing")
    parser.add_argument("--keep", type=Path, help="a folder for what the runs write, logs included; usually removed")
    return parser.parse_args()


async def _main(given: argparse.Namespace) -> int:
    console = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 160)
    # that Temporal can't be reached is no news here, nor that a process was killed
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=None)))
    results: list[Result] = []
    try:
        for seed in range(given.seed, given.seed + given.seeds):
            results.append(await _one(console, given, seed))
            print_result(console, results[-1])
    finally:
        if len(results) > 1:
            print_summary(console, results)
    return 0 if all(result.kept for result in results) else 1


async def _one(console: Console, given: argparse.Namespace, seed: int) -> Result:
    seconds = given.minutes * 60
    leads = given.leads or math.ceil(given.minutes * 96)
    faults, story = schedule(seed, seconds, given.every), tell(seed, leads, seconds)
    with _folder(given.keep, seed) as home:
        commit = await check_out(home / "previous", given.previous)
        console.print(f"seed {seed}: {leads} leads, {len(faults)} faults in {seconds:.0f} s, the other build: {commit}")
        return await run(console, World(home, home / "previous"), seed, faults, story)


@contextmanager
def _folder(keep: Path | None, seed: int) -> Iterator[Path]:
    with temporary_folder() as folder:
        home = (keep / f"seed-{seed}").resolve() if keep else folder
        home.mkdir(parents=True, exist_ok=keep is None)
        home.chmod(0o755)  # PostgreSQL may have to run as another user
        yield home


def main() -> int:
    """Run the command; returns its exit code."""
    given = _arguments()
    if given.dry_run:
        for seed in range(given.seed, given.seed + given.seeds):
            print(f"seed {seed}")
            for fault in schedule(seed, given.minutes * 60, given.every):
                print(fault.sentence)
        return 0
    try:
        return run_command("chaos", _main(given))
    except (BuildError, FileExistsError) as error:  # --keep a folder of an earlier run, --previous no commit
        sys.stderr.write(f"chaos: {error}\n")
        return 2


if __name__ == "__main__":
    leave(main())  # the SDK's threads abort an interpreter that finalises under them now and then
