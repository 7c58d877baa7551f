"""`followup sequence`: what it says of files without any database, of versions with one, and what an upgrade does."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

import cli
from domain.outcome import Unknown
from domain.sequence import Sequence
from operating.sequences.canonical import canonical
from providers.scripted import ScriptedProvider
from store.sequences import save_sequence
from tests.command import ROOT, environment
from tests.scene import Scene, a_lead, a_sequence
from tests.store.enrolled import WORKSPACE, enroll_leads
from tests.whole.looking import until_page

Beside = Callable[..., Awaitable[tuple[int, str, str]]]
NOT_REACHED = "postgresql+psycopg://user:geheim@127.0.0.1:1/followup"
LEADS = ROOT / "sequences" / "leads.csv"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No database answers, and no sender is set, unless a test says so."""
    monkeypatch.setenv("FOLLOWUP_DATABASE_URL", NOT_REACHED)
    monkeypatch.delenv("FOLLOWUP_SENDER", raising=False)
    monkeypatch.setattr("settings._devstack_defaults", dict)


def _sequence(*bodies: str, **more: Any) -> Sequence:
    steps: list[dict[str, Any]] = [{"wait": timedelta(0), "body": body} for body in bodies]
    return a_sequence(steps=[steps[0] | {"subject": "Following up"}, *steps[1:]], **more)


def _file(folder: Path, sequence: Sequence) -> Path:
    file = folder / f"{sequence.name}-{sequence.version}.yaml"
    file.write_text(canonical(sequence))
    return file


def _run(*arguments: str | Path) -> tuple[int, str, str]:
    ran = CliRunner().invoke(cli.app, ["sequence", *map(str, arguments)])
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran.exit_code, ran.stdout, ran.stderr


@pytest.fixture
def beside(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Beside:
    """A command with the scene's database, in a thread of this process: one of its own takes seconds to begin."""

    async def run(*arguments: str | Path, workspace: str = WORKSPACE) -> tuple[int, str, str]:
        for name, value in (environment(scene) | {"FOLLOWUP_WORKSPACE": workspace}).items():
            monkeypatch.setenv(name, value)
        return await asyncio.to_thread(_run, *arguments)

    return run


@pytest.mark.parametrize("command", ["check", "preview", "diff", "list", "upgrade"])
def test_every_command_helps_with_an_example(command: str) -> None:
    code, out, _ = _run(command, "--help")
    assert (code, f"Example: followup sequence {command}" in out) == (0, True)


def test_a_check_says_every_mistake_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("name: Bad Name\nsteps:\n  - wait: 2x\n    subject: a\n    body: '{{ b'\n")
    code, out, said = _run("check", file)
    assert (code, out) == (1, "")
    assert [line.partition(f"{file}:")[2][:2] for line in said.splitlines()] == ["1:", "3:", "5:"]
    code, out, said = _run("check", file, "--json")
    assert (code, json.loads(out)["ok"], len(json.loads(out)["problems"])) == (1, False, 3)


def test_a_check_of_a_good_file_is_a_screen_and_needs_no_database() -> None:
    code, out, said = _run("check", "trial-ended")
    assert (code, said) == (0, "")
    assert out.startswith("trial-ended, version ")
    assert "stored" not in out
    assert "  2. 4d after step 1  tue-thu 10:00-12:00, no holidays of US\n" in out
    assert "warning: no default: days_kept, name, product;" in out
    facts = json.loads(_run("check", "trial-ended", "--json")[1])
    assert (facts["ok"], facts["at_least"], facts["stored"], len(facts["steps"])) == (True, "1w6d", None, 3)
    assert facts["steps"][2]["approval"]


def test_a_preview_shows_each_mail_and_when_it_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    row = json.dumps(a_lead(name="Ada", timezone="Europe/Berlin").model_dump() | {"product": "P", "days_kept": 3})
    code, out, said = _run("preview", "trial-ended", "--lead", row, "--at", "2026-03-27T16:00")
    assert (code, said) == (0, "FOLLOWUP_SENDER is not set: Sender <sender@follow-up.test> stands for it\n")
    # two days later is a Sunday, on which the clocks have changed
    assert "--- step 1: Mon 2026-03-30 09:00:00 Europe/Berlin (2026-03-30 07:00:00 UTC)" in out
    assert (
        "From: Sender <sender@follow-up.test>\nTo: Ada <lead-1@example.test>\nSubject: Re: Your trial of P has ended\n"
        in out
    )
    monkeypatch.setenv("FOLLOWUP_SENDER", "Grace <grace@example.test>")
    mails = json.loads(_run("preview", "no-reply", "--lead", f"{LEADS}:3", "--json")[1])["mails"]
    assert [(mail["from"], mail["subject"]) for mail in mails] == [
        ("Grace <grace@example.test>", "Following up on your request"),
        ("Grace <grace@example.test>", "Re: Following up on your request"),
        ("Grace <grace@example.test>", "Re: Following up on your request"),
    ]


def test_a_preview_that_can_not_be_made_says_why() -> None:
    row = '{"lead_id": "1", "email": "a@x.test"}'
    code, out, said = _run("preview", "no-reply", "--lead", row)
    assert (code, out) == (1, "")
    assert said.startswith("step 1, body: 'name' is undefined")
    assert _run("preview", "no-reply", "--lead", f"{LEADS}:nobody")[0] == 1


def test_two_files_are_compared_without_a_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = _file(tmp_path, _sequence("one")), _file(tmp_path, _sequence("one", "two"))
    code, out, _ = _run("diff", before, after)
    assert (code, [line for line in out.splitlines() if line[:2] == "+-"]) == (0, ["+- wait: 0s"])
    assert _run("diff", before, before)[:2] == (0, f"the same: no-reply@{_sequence('one').version}\n")
    assert json.loads(_run("diff", before, before, "--json")[1])["same"]
    monkeypatch.setenv("FOLLOWUP_SENDER", "grace@example.test")
    code, _, said = _run("diff", before)  # with what is stored
    assert (code, "PostgreSQL can't be reached" in said) == (1, True)


async def test_versions_are_listed_compared_and_counted(scene: Scene, beside: Beside, tmp_path: Path) -> None:
    old, new = _sequence("one"), _sequence("one", "two")
    async with scene.engine.begin() as connection:
        await enroll_leads(connection, [a_lead("lead-1"), a_lead("lead-2")], old)
        await connection.execute(text("UPDATE instances SET status = 'completed' WHERE lead_id = 'lead-2'"))
    async with scene.engine.begin() as connection:
        await save_sequence(connection, WORKSPACE, new)
    listed = json.loads((await beside("list", "no-reply", "--json"))[1])
    assert [(one["version"], one["steps"]) for one in listed] == [(new.version, 2), (old.version, 1)]
    assert {status: count for status, count in listed[1]["instances"].items() if count} == {"active": 1, "completed": 1}
    assert set(listed[0]["instances"].values()) == {0}
    assert len((await beside("list"))[1].splitlines()) == 3
    compared = await beside("diff", f"no-reply@{old.version[:6]}", _file(tmp_path, new))
    assert (compared[0], "+- wait: 0s" in compared[1]) == (0, True)
    assert (await beside("diff", _file(tmp_path, new)))[1] == f"the same: no-reply@{new.version}\n"
    none = await beside("diff", "no-reply@zzz", "no-reply")
    assert (none[0], "no version of no-reply begins with zzz" in none[2]) == (1, True)
    checked = await beside("check", _file(tmp_path, old))
    assert f"version {old.version}, stored; 1 run on it\n" in checked[1]


async def test_an_upgrade_says_what_would_happen_and_does_nothing_unless_told_so(
    scene: Scene, beside: Beside, tmp_path: Path
) -> None:
    async with scene.engine.begin() as connection:
        await enroll_leads(connection, [a_lead("lead-1")], _sequence("one"))
        await enroll_leads(connection, [a_lead("lead-2", name="")], _sequence("1"))
    to = _file(tmp_path, _sequence("one", "Hello {{ name }}"))
    code, out, said = await beside("upgrade", "no-reply", "--to", to)
    assert code == 1
    assert "would move: 1 (1 at step 1)" in out
    assert "changed: step 2 is new" in out
    assert "changed: step 1: body; step 2 is new" in out
    assert "1: step 2, body: 'name' is undefined" in out
    assert "(such as w:no-reply:lead-2)" in out
    assert "Not a terminal: pass --yes to confirm. Nothing was changed." in said
    assert len(await scene.rows("SELECT DISTINCT version FROM instances")) == 2
    code, _, said = await beside("upgrade", "other", "--to", to, "--yes")
    assert (code, "that file is of sequence no-reply, and other is meant" in said) == (1, True)
    old = _sequence("1").version
    facts = json.loads((await beside("upgrade", "no-reply", "--to", to, "--from", old[:5], "--json", "--yes"))[1])
    assert (facts["would_move"], facts["would_stay"], facts["moved"]) == (0, 1, 0)


async def test_running_follow_ups_go_on_with_the_steps_of_the_new_version(
    scene: Scene, beside: Beside, tmp_path: Path
) -> None:
    """Both wait with an unknown first send; then one sequence gets a step more, and the other a step less."""
    longer, shorter = _sequence("one", "better", "three"), _sequence("one", "two", name="other")
    firsts = (scene.instance("lead-1"), scene.instance("lead-2", "other"))
    provider = ScriptedProvider({f"{one}/1/email": Unknown(code="cut") for one in firsts})
    async with scene.worker(provider):
        await scene.enroll(_sequence("one", "two"), a_lead("lead-1"))
        await scene.enroll(_sequence("one", "two", "three", name="other"), a_lead("lead-2"))
        first = scene.handle("lead-1")
        second = scene.client.get_workflow_handle(f"follow-up:{scene.instance('lead-2', 'other')}")
        for handle in (first, second):
            await until_page(handle, "**paused**")
        for sequence in (longer, shorter):
            file = _file(tmp_path, sequence)
            code, out, said = await beside("upgrade", sequence.name, "--to", file, "--yes", workspace=scene.workspace)
            assert (code, said, out.splitlines()[-1]) == (0, "", "moved: 1")
        for handle in (first, second):
            await handle.signal("resume", "sent")
        await first.result()
        await second.result()
        assert "**completed**, step 3 of 3\n" in await until_page(first, "| 3 | sent |")
        assert "**completed**, step 2 of 2\n" in await until_page(second, "| 2 | sent |")
    sent = {letter.draft_id.partition(":no-reply:")[2]: letter.message for letter in provider.sent}
    assert b"\r\nbetter\r\n" in sent["lead-1/2/email"]
    assert [letter.draft_id.endswith("/3/email") for letter in provider.sent].count(True) == 1
