"""`followup reply`: a process of a person's own, and what it says of the reply."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cli
from domain.outcome import Unknown
from providers.scripted import ScriptedProvider
from tests.command import Command, everything
from tests.scene import Scene, a_lead, a_sequence
from tests.whole.looking import until_page


@pytest.fixture
def words(tmp_path: Path) -> Path:
    file = tmp_path / "answer.txt"
    file.write_text("Tuesday suits me — Ada\n")
    return file


async def test_a_reply_is_sent_once_however_often_it_is_said_and_says_what_it_ended(
    scene: Scene, followup: Command, words: Path
) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence(timedelta(0), timedelta(days=1)), a_lead())
        await until_page(scene.handle(), "step 2 of 2")
        first = await followup("reply", "no-reply:lead-1", "--body-file", words)
        assert (first.code, first.said) == (0, "")
        stopped, sent = first.out.splitlines()
        assert stopped == f"{scene.instance()}: stopped (answered)"
        assert sent.startswith(f"{scene.workspace}:reply:lead-1:")
        assert sent.endswith(": sent")
        again = await followup("reply", "no-reply:lead-1", "--body-file", words, "--json")
        facts = json.loads(again.out)
        assert (again.code, facts["sent"], facts["new"]) == (0, True, False)
        assert f"{facts['instance_id']}: sent" == sent
        assert len(provider.sent) == 2


async def test_what_is_not_sent_says_what_it_waits_for(scene: Scene, followup: Command, words: Path) -> None:
    provider = ScriptedProvider({f"{scene.instance()}/1/email": Unknown(code="smtp-eof-final")})
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), "**paused**")
        ran = await followup("reply", "no-reply:lead-1", "--subject", "Hello", "--body-file", words, "--wait", "5s")
    assert ran.code == 1
    assert "not sent, it is held (thread_busy); it waits for step 1 until" in ran.said
    settle = f"the thread has an uncertain send: settle it first, see followup show {scene.instance()}"
    assert settle in ran.lines
    assert len(provider.sent) == 1


async def test_a_file_that_is_not_utf8_is_refused_and_changes_nothing(
    scene: Scene, followup: Command, tmp_path: Path
) -> None:
    await scene.enroll(a_sequence(), a_lead())
    before = await everything(scene)
    (tmp_path / "latin.txt").write_bytes("Grüße".encode("latin-1"))
    ran = await followup("reply", "--lead", "lead-1", "--subject", "Hello", "--body-file", tmp_path / "latin.txt")
    assert (ran.code, ran.out, len(ran.lines)) == (1, "", 1)
    assert "is not UTF-8" in ran.said
    assert await everything(scene) == before


@pytest.mark.parametrize(
    "options",
    [[], ["no-reply:l", "--lead", "l"], ["no-reply:l", "--thread", "<a@b>"], ["--lead", "l", "--wait", "soon"]],
)
def test_what_is_meant_must_be_clear(options: list[str], words: Path) -> None:
    ran = CliRunner().invoke(cli.app, ["reply", *options, "--body-file", str(words)], terminal_width=200)
    assert ran.exit_code == 2
