"""Which follow-up a command changes: the one whose whole id was given, or the one that a person on a terminal means."""

import asyncio
import json
import os
import pty
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.outcome import Unknown
from intake.enrolment import Enroller
from providers.scripted import ScriptedProvider
from tests.app import App
from tests.command import ROOT, Command, Ran, environment
from tests.scene import Scene, a_lead, a_sequence
from tests.transactions.asking import APPROVED, a_sequence_of
from tests.whole.looking import until_page

LATER = timedelta(days=1)
CHANGING = [
    ["stop"],
    ["pause"],
    ["resume"],
    ["resume", "--decision", "skip"],
    ["task", "approve", "--fingerprint", "0123abcd"],
    ["task", "approve"],
    ["task", "reject"],
    ["task", "done"],
    ["task", "skip"],
    ["task", "close"],
    ["task", "edit", "--subject", "Hello"],
    ["reply", "--subject", "Hello", "--body-file", __file__],
]
each_changing = pytest.mark.parametrize("words", CHANGING, ids=lambda words: " ".join(words[:2]))


async def _everything(scene: Scene) -> list[Any]:
    tables = ("instances", "drafts", "tasks", "ledger")
    return [await scene.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]  # noqa: S608  # these names


async def _on_a_terminal(scene: Scene, *words: str, answer: str) -> Ran:
    """Run `followup` where a person sits: it reads what they type, and its answers are read through pipes."""
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "cli.py"), *words),
        stdin=theirs,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(scene),
    )
    os.close(theirs)
    os.write(ours, answer.encode())
    out, said = await process.communicate()
    os.close(ours)
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), said.decode())


@each_changing
async def test_a_command_that_changes_something_refuses_the_beginning_of_an_id(
    scene: Scene, followup: Command, words: list[str]
) -> None:
    await scene.enroll(a_sequence_of(APPROVED), a_lead("lead-12"))
    before = await _everything(scene)
    ran = await followup(*words, "no-reply:lead-1")
    assert (ran.code, ran.out) == (1, "")
    assert ran.lines[-1] == f"followup: if that one is meant, pass the whole id: {scene.instance('lead-12')}"
    assert await _everything(scene) == before


@pytest.mark.parametrize("words", [["show"], ["why"]])
async def test_a_command_that_only_reads_takes_the_beginning_of_an_id(
    scene: Scene, followup: Command, words: list[str]
) -> None:
    await scene.enroll(a_sequence(LATER), a_lead("lead-12"))
    assert (await followup(*words, "no-reply:lead-1")).code == 0


async def test_a_whole_id_is_taken_without_its_workspace_and_as_a_workflows_id_though_it_begins_another(
    scene: Scene, followup: Command
) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(LATER), a_lead("lead-1"), a_lead("lead-12"))
        for command, written in (
            ("pause", "no-reply:lead-1"),
            ("resume", scene.instance("lead-1")),
            ("stop", f"follow-up:{scene.instance('lead-1')}"),
        ):
            ran = await followup(command, written)
            assert (ran.code, ran.said) == (0, "")
    assert (await scene.status("lead-1"), await scene.status("lead-12")) == (
        ("stopped", "operator"),
        ("active", "none"),
    )


async def test_an_id_that_two_follow_ups_may_have_is_refused_where_a_sequence_is_called_as_the_workspace(
    scene: Scene, followup: Command
) -> None:
    place = {"workspace": scene.workspace, "task_queue": scene.task_queue, "by": "starter"}
    enroller = Enroller(scene.engine, scene.client, **place)
    meant = a_sequence(LATER, name=scene.workspace)
    assert [one async for one in enroller.enroll(meant, [a_lead("lead-1")], "spring")]
    written = f"{scene.workspace}:lead-1:spring"
    ran = await followup("show", "--json", written)
    assert json.loads(ran.out)["instance_id"] == f"{scene.workspace}:{written}"
    await scene.enroll(a_sequence(LATER, name="lead-1"), a_lead("spring"))
    before = await _everything(scene)
    refused = await followup("stop", written)
    assert (refused.code, refused.out) == (1, "")
    assert [line.split()[1] for line in refused.lines[1:]] == [written, f"{scene.workspace}:{written}"]
    assert await _everything(scene) == before


@pytest.mark.parametrize(
    ("answer", "code", "status"), [("y\n", 0, "stopped"), ("n\n", 1, "active"), ("\n", 1, "active")]
)
async def test_a_person_on_a_terminal_is_shown_the_follow_up_and_asked(
    scene: Scene, answer: str, code: int, status: str
) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(LATER), a_lead("lead-12"))
        before = await _everything(scene)
        ran = await _on_a_terminal(scene, "stop", "no-reply:lead-1", answer=answer)
        assert (ran.code, (await scene.status("lead-12"))[0]) == (code, status)
    assert ran.said.startswith(f"{scene.instance('lead-12')}: active, step 1 of 1\nOnly this follow-up's id begins so.")
    assert (await _everything(scene) == before) is (code == 1)


async def test_a_person_who_gives_a_whole_id_is_not_asked(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(LATER), a_lead("lead-1"), a_lead("lead-12"))
        ran = await _on_a_terminal(scene, "stop", "no-reply:lead-1", answer="")
    assert (ran.code, ran.said) == (0, "")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["stop"], "stop"),
        (["pause", "--note", "too late"], "pause"),
        (["resume"], "resume"),
        (["task", "reject"], "reject"),
        (["task", "done"], "do"),
        (["task", "approve", "--fingerprint", "0123abcd"], "approve"),
    ],
)
async def test_a_follow_up_that_has_ended_is_said_to_have_and_keeps_no_note(
    scene: Scene, followup: Command, words: list[str], what: str
) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(timedelta(0)), a_lead())
        await scene.handle().result()
    before = await _everything(scene)
    ran = await followup(*words, scene.instance())
    [ended] = [entry.at for entry in await scene.ledger() if entry.to_state == "completed"]
    sentence = f"{scene.instance()}: is completed since {ended:%Y-%m-%d %H:%M:%S} UTC: nothing to {what}\n"
    assert ran == (1, "", sentence)
    assert await _everything(scene) == before


async def test_an_uncertain_send_of_a_follow_up_that_was_stopped_is_settled_even_so(
    scene: Scene, followup: Command, tmp_path: Path
) -> None:
    app = App(scene, tmp_path)
    async with scene.worker(ScriptedProvider({f"{scene.instance()}/1/email": Unknown(code="smtp-eof-final")})):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), "**paused**")
        await app.says_of("lead-1", "lead.closed")
        assert (await scene.status())[0] == "stopped"
        ran = await followup("resume", scene.instance(), "--decision", "sent")
        assert (ran.code, (await scene.states())[0]) == (0, "sent")
