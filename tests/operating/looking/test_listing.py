"""Lists however long: rows are printed as they are read, a page at a time."""

import asyncio
import csv
import fcntl
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from operating.looking import listing
from tests.command import Command, Ran
from tests.scene import Scene, a_lead, a_sequence

# The least that a pipe may hold (Linux, pipe(7)): less than a page.
_PIPE = 4096
_MANY = 2 * listing.PAGE + 100


async def _enroll_many(scene: Scene, many: int = _MANY) -> None:
    """A follow-up as it is enrolled, and as many like it, each a second older than the one before."""
    await scene.enroll(a_sequence(), a_lead("lead-0"))
    copied = "workspace, lead_id, sequence, version, thread_id, steps, who, why"
    async with scene.engine.begin() as connection:
        await connection.execute(
            text(
                f"""INSERT INTO instances (id, status, reason, enrolled_at, {copied})
                    SELECT id || to_char(n, 'FM00000'), 'paused', 'operator', enrolled_at - n * interval '1 s', {copied}
                    FROM instances, generate_series(1, :many) n"""  # noqa: S608  # these names
            ),
            {"many": many - 1},
        )


async def _suppress_many(scene: Scene, many: int = 2100) -> None:
    async with scene.engine.begin() as connection:
        await connection.execute(
            text(
                """INSERT INTO suppressions (workspace, address, who, why)
                   SELECT :workspace, 'lead-' || to_char(n, 'FM00000') || '@example.test', 'ada', 'before'
                   FROM generate_series(1, :many) n"""
            ),
            {"workspace": scene.workspace, "many": many},
        )


async def _read_while_something_changes(scene: Scene, followup: Command, change: str, *words: str) -> tuple[Ran, str]:
    """Run a list into a pipe that holds less than a page; once its first byte is there, change what it has not read."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE)
    running = asyncio.create_task(followup.into(writer, *words))
    first = await asyncio.to_thread(os.read, reader, 1)
    async with scene.engine.begin() as connection:
        await connection.execute(text(change))
    os.close(writer)  # the command has its own
    with os.fdopen(reader, "rb") as rest:
        printed = first + await asyncio.to_thread(rest.read)
    return await running, printed.decode()


def _words_of_lines(printed: str) -> list[str]:
    return [line.split()[1] for line in printed.splitlines()[1:]]


def _words_of_json(printed: str) -> list[str]:
    return [one.get("status") or one["why"] for one in json.loads(printed)]


def _words_of_csv(printed: str) -> list[str]:
    return [one["why"] for one in csv.DictReader(printed.splitlines())]


@pytest.mark.parametrize(("option", "words"), [([], _words_of_lines), (["--json"], _words_of_json)])
async def test_the_first_page_of_follow_ups_is_printed_before_the_next_is_read(
    scene: Scene, followup: Command, option: list[str], words: Callable[[str], list[str]]
) -> None:
    await _enroll_many(scene)
    change = "UPDATE instances SET status = 'held' WHERE status = 'paused'"
    ran, printed = await _read_while_something_changes(
        scene, followup, change, "list", "--limit", str(_MANY + 1), *option
    )
    assert (ran.code, ran.said) == (0, "")
    page = ["active", *["paused"] * (listing.PAGE - 1)]
    assert words(printed) == page + ["held"] * (_MANY - listing.PAGE)


@pytest.mark.parametrize(("option", "words"), [("--json", _words_of_json), ("--csv", _words_of_csv)])
async def test_the_first_page_of_suppressions_is_printed_before_the_next_is_read(
    scene: Scene, followup: Command, option: str, words: Callable[[str], list[str]]
) -> None:
    await _suppress_many(scene)
    change = "UPDATE suppressions SET why = 'after'"
    ran, printed = await _read_while_something_changes(scene, followup, change, "suppress", "list", option)
    assert (ran.code, ran.said) == (0, "")
    assert words(printed) == ["before"] * 1000 + ["after"] * 1100


async def test_every_follow_up_is_listed_once_across_pages_the_newest_first(scene: Scene, followup: Command) -> None:
    await _enroll_many(scene)
    listed: list[dict[str, Any]] = json.loads((await followup("list", "--json", "--limit", "100000")).out)
    ids = [one["instance_id"] for one in listed]
    assert ids == [row.id for row in await scene.rows("SELECT id FROM instances ORDER BY enrolled_at DESC")]
    assert len(ids) == _MANY


@pytest.mark.parametrize("limit", [1, listing.PAGE, listing.PAGE + 1, _MANY])
async def test_a_limit_is_kept_to_across_pages_and_said(scene: Scene, followup: Command, limit: int) -> None:
    await _enroll_many(scene)
    ran = await followup("list", "--limit", str(limit))
    assert (ran.code, len(ran.out.splitlines())) == (0, limit + 1)
    assert ran.said == f"these are the newest {limit}; --limit shows more\n"


async def test_the_first_page_says_how_wide_the_columns_are(scene: Scene, followup: Command) -> None:
    await _enroll_many(scene)
    oldest = (await scene.rows("SELECT id FROM instances ORDER BY enrolled_at LIMIT 1"))[0].id
    async with scene.engine.begin() as connection:
        await connection.execute(text(f"UPDATE instances SET id = id || '-and-longer' WHERE id = '{oldest}'"))  # noqa: S608
    heading, *rows = (await followup("list", "--limit", "100000")).out.splitlines()
    assert {row.index(" paused ") for row in rows[1:-1]} == {heading.index("STATUS") - 1}
    assert rows[-1].startswith(f"{oldest}-and-longer  paused  operator  ")
