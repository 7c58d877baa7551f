"""`followup suppress`: what is on the list, and what is still covered when something is taken off it."""

import asyncio
import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import cli
from devstack.child import plain_environment
from store.engine import open_engine
from store.suppressions import forgotten, suppress
from tests.command import environment
from tests.scene import Scene

Run = Callable[..., Any]


@pytest.fixture
def followup(scene: Scene) -> Run:
    """The command, run in this process: what it says, and its exit code."""
    settings = {name: text for name, text in environment(scene).items() if name not in plain_environment()}

    async def run(*arguments: str | Path) -> Result:
        words = ["suppress", *map(str, arguments)]
        return await asyncio.to_thread(lambda: CliRunner().invoke(cli.app, words, env=settings))

    return run


async def _listed(followup: Run, *more: str) -> list[str]:
    return [one["address"] for one in json.loads((await followup("list", "--json", *more)).stdout)]


async def test_what_is_added_is_listed_as_it_goes_over_the_wire_and_again_changes_nothing(followup: Run) -> None:
    written = ["Ada@Bücher.Example", "@EXAMPLE.org", "grace@example.com"]
    first = await followup("add", *written, "--note", "asked by phone")
    assert (first.exit_code, first.stdout) == (0, "3 added, 0 suppressed already\n")
    again = await followup("add", *written)
    assert (again.exit_code, again.stdout) == (0, "0 added, 3 suppressed already\n")
    assert await _listed(followup) == ["@example.org", "ada@xn--bcher-kva.example", "grace@example.com"]
    assert await _listed(followup, "GRACE") == ["grace@example.com"]
    assert "asked by phone" in (await followup("list")).stdout
    assert await _listed(followup, "--limit", "1") == ["@example.org"]


@pytest.mark.parametrize("wrong", ["ada", "@", "@x y.test", "ada@x@y.test", "gräce@example.com", "sha256:0", ""])
async def test_what_is_no_address_is_refused_unseen_and_nothing_is_written(followup: Run, wrong: str) -> None:
    said = await followup("add", "grace@example.com", wrong)
    assert (said.exit_code, "address 2" in said.stderr) == (2, True)
    assert await _listed(followup) == []


async def test_removing_says_what_still_covers_an_address(followup: Run, scene: Scene) -> None:
    hashed = forgotten(scene.workspace, "ada@example.org")
    await followup("add", "ada@example.org", "@example.org", hashed, "grace@example.com")
    said = await followup("remove", "grace@example.com", "nobody@example.com")
    assert (said.exit_code, said.stdout.splitlines()[0]) == (0, "1 removed, 1 not on the list")
    still = await followup("remove", "Ada@example.org", "--json")
    assert (still.exit_code, json.loads(still.stdout)) == (
        1,
        {
            "removed": 1,
            "not_there": 0,
            "still_suppressed": [{"address": "ada@example.org", "by": by} for by in ("@example.org", hashed)],
        },
    )
    assert (await followup("remove", "@example.org", hashed)).exit_code == 0
    assert (await followup("remove", "ada@example.org")).exit_code == 0
    assert await _listed(followup) == []


async def test_of_a_csv_with_bad_rows_all_are_told_and_nothing_is_written(followup: Run, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text('name,Email\nAda,ada@example.com\nGrace,grace\n\n"Jo\nHn",@\nShort\n')
    said = await followup("add", "--csv", file)
    assert (said.exit_code, await _listed(followup)) == (1, [])
    assert said.stderr.splitlines() == [
        f"followup: {file}:3: is not an address: give one such as ada@example.com",
        f"followup: {file}:5: is not a domain: give one such as @example.com",
        f"followup: {file}:7: is not an address: give one such as ada@example.com",
        f"followup: {file}: nothing was changed: fix these rows, then run it again",
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("name,phone\nAda,1\n", "1: address: this column is missing: name the one with addresses so"),
        ('a@x.test\n"b@x.test\n', "2: is not CSV (unexpected end of data): close its quotes"),
        ("", " is empty; check that it was saved"),
    ],
)
async def test_a_file_that_is_no_list_is_refused(followup: Run, tmp_path: Path, content: str, problem: str) -> None:
    file = tmp_path / "list.csv"
    file.write_text(content)
    said = await followup("add", "--csv", file)
    assert (said.exit_code, said.stderr.splitlines()) == (1, [f"followup: {file}:{problem}"])


async def test_what_is_listed_as_csv_is_taken_elsewhere(followup: Run, tmp_path: Path) -> None:
    file = tmp_path / "plain.csv"
    file.write_text("".join(f"lead-{n}@example.com\n" for n in range(2500)))
    assert (await followup("add", "--csv", file)).stdout == "2500 added, 0 suppressed already\n"
    file.write_text((await followup("list", "--csv")).stdout)
    assert len(list(csv.DictReader(file.read_text().splitlines()))) == 2500
    assert (await followup("remove", "--csv", file)).exit_code == 0
    assert (await followup("add", "--csv", file)).stdout == "2500 added, 0 suppressed already\n"


async def test_a_list_in_csv_holds_no_formula_and_is_taken_back_as_it_was(followup: Run, tmp_path: Path) -> None:
    entries = ["=1+1@x.test", "-x@x.test", "+x@x.test", "@x.test", "'=x@x.test", "'x@x.test", "x@y.test"]
    added = await followup("add", "--note", "=HYPERLINK(1)", "--by", "+ada", "--", *entries)
    assert (added.exit_code, added.stdout) == (0, f"{len(entries)} added, 0 suppressed already\n")
    before, listed = await _listed(followup), (await followup("list", "--csv")).stdout
    rows = list(csv.reader(listed.splitlines()))
    assert [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))] == []
    assert len(rows) == len(entries) + 1
    file = tmp_path / "list.csv"
    file.write_text(listed)
    assert (await followup("remove", "--csv", file)).stdout.startswith(f"{len(entries)} removed")
    assert (await followup("add", "--csv", file)).stdout == f"{len(entries)} added, 0 suppressed already\n"
    assert await _listed(followup) == before


async def test_nothing_to_do_is_said(followup: Run) -> None:
    assert "give addresses, or --csv FILE" in (await followup("add")).stderr
    assert (await followup("list", "--csv", "--json")).exit_code == 2
    said = await followup("list")
    assert (said.exit_code, said.stdout, said.stderr) == (0, "", "there are none\n")


async def test_another_workspaces_list_is_not_shown(followup: Run, scene: Scene) -> None:
    engine = open_engine(scene.database_url)
    async with engine.begin() as connection:
        await suppress(connection, "other", ["ada@example.com"], "test", "test")
    await engine.dispose()
    assert await _listed(followup) == []
