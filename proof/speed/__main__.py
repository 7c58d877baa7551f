"""`make bench`: ours and a bare workflow in turn, the same jobs on the same machine; prints figures and their ratios.

steps     steps per second, the worker's processor time, Temporal's actions, PostgreSQL's transactions
idle      from due to accepted, 60 follow-ups falling due one every half second
busy      from due to accepted, at nine tenths of the capacity (which is measured first)
doors     enrolments by the starter, enrolments and stops by signed events over HTTP
cold      from a worker's start until it polls, and until its first letter is accepted
tables    time and pages of a claim and its record, in small tables and in large ones (--drafts)
memory    a worker's memory with sleeping follow-ups in its cache
rules     outcomes of sends to servers that break the rules of SMTP, beside what those servers did (--messages, --seeds)
commits   deliveries whose connection to PostgreSQL is cut at COMMIT, counted at the SMTP server (--cuts)
sleeping  the next follow-ups that fall due, among many that sleep (--sleeping)
"""

import argparse

from rich.console import Console

from connect import leave
from proof.chaos import commits
from proof.rig.command import at_least_one, run_command
from proof.rig.ground import Ground, open_ground
from proof.rules import measure as rules
from proof.speed import cold, doors, due, memory, sleeping, steps, tables

_USUAL = ("steps", "idle", "busy", "doors", "cold")
# Temporal's development server, told to keep all in memory, breaks down at 4 GiB: with 95,000 that sleep.
_MOST_IN_MEMORY = 50_000
_ALL = (*_USUAL, "tables", "memory", "rules", "commits", "sleeping")
# These stand on no devstack, or on one of their own.
_APART = {"tables", "rules", "sleeping"}


async def _measure(console: Console, given: argparse.Namespace) -> int:
    wrong = 0
    if set(given.what) - _APART:
        async with open_ground() as ground:
            await _on(console, ground, given)
            if "commits" in given.what:
                wrong = await commits.measure(console, ground, cuts=given.cuts)
    if "sleeping" in given.what:
        # its file takes twice as long to put them in, unless TMPDIR is in memory
        async with open_ground(in_memory=given.sleeping <= _MOST_IN_MEMORY) as ground:
            await sleeping.measure(console, ground, asleep=given.sleeping, due=given.leads)
    if "tables" in given.what:
        await tables.measure(console, small=given.small, large=given.drafts, claims=given.claims)
    if "rules" in given.what:
        wrong |= await rules.measure(console, messages=given.messages, seed=given.seed, seeds=given.seeds)
    return wrong


async def _on(console: Console, ground: Ground, given: argparse.Namespace) -> None:
    what = given.what
    if "steps" in what:
        await steps.measure(console, ground, follow_ups=given.leads, steps=given.steps, pairs=given.pairs)
    if "idle" in what:
        await due.measure(console, ground, pace=due.IDLE, title="at idle")
    if "busy" in what:
        pace = await due.find_busy(console, ground, follow_ups=given.leads, seconds=given.seconds)
        await due.measure(console, ground, pace=pace, title="at nine tenths")
    if "doors" in what:
        await doors.measure(console, ground, count=given.events, rounds=given.pairs)
    if "cold" in what:
        await cold.measure(console, ground, times=5)
    if "memory" in what:
        await memory.measure(console, ground, counts=(0, 1000, 5000))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench ARGS=...", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    usual = ", ".join(_USUAL)
    parser.add_argument("what", nargs="*", choices=[*_ALL, []], metavar="what", help=f"any of the above; else {usual}")
    for option, default, meaning in (
        ("--leads", 500, "follow-ups in a run of steps, and those that fall due in sleeping"),
        ("--steps", 3, "steps of a follow-up"),
        ("--pairs", 3, "how often each side runs, in turn"),
        ("--seconds", 60, "how long busy lasts"),
        ("--events", 500, "how many go through each door"),
        ("--drafts", 1_000_000, "rows of the large table of drafts; ten million take 20 GB and eight minutes"),
        ("--small", 4_000, "rows of the small one"),
        ("--claims", 1_000, "claims measured in each"),
        ("--messages", 30_000, "how many are sent to servers that break the rules, all together"),
        ("--seed", 1, "the first seed of those servers"),
        ("--seeds", 4, "how many seeds"),
        ("--cuts", 164, "COMMITs that are cut, a quarter of them in each of four ways"),
        ("--sleeping", 10_000, "follow-ups that sleep; Temporal's development server takes 15 to 50 a second"),
    ):
        parser.add_argument(option, type=at_least_one, default=default, help=f"{meaning} ({default})")
    given = parser.parse_args()
    given.what = given.what or _USUAL
    if min(given.drafts, given.small) < 3 * given.claims or given.drafts == given.small:
        parser.error("--drafts and --small: give two numbers, each at least three times --claims")
    return given


if __name__ == "__main__":
    # the SDK's threads abort an interpreter that finalises under them now and then
    leave(run_command("bench", _measure(Console(), _arguments())))
