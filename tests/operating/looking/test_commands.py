"""`followup list`, `show` and `migrate`: what they read, and what they say when they can't."""

import json
import uuid
from datetime import timedelta

import pytest
from typer.testing import CliRunner

import cli
from devstack.stack import Devstack
from domain.outcome import Unknown
from providers.scripted import ScriptedProvider
from tests.command import Command
from tests.scene import Scene, a_lead, a_sequence
from tests.whole.looking import until_page

UNKNOWN = Unknown(code="smtp-eof-final", reply="\x1b[2Jbye")
NO_DATABASE = "postgresql+psycopg://user:geheim@127.0.0.1:1/followup"


async def one_paused_one_completed(scene: Scene) -> None:
    # so long that the last answer is not overdue when the pages are read, however slow the machine
    long = timedelta(minutes=10)
    async with scene.worker(ScriptedProvider({"lead-1@example.test": UNKNOWN}), send_timeout=long):
        await scene.enroll(a_sequence(), a_lead("lead-1"))
        await scene.enroll(a_sequence(name="other"), a_lead("lead-2"))
        await until_page(scene.handle("lead-1"), "**paused**")
        await scene.client.get_workflow_handle(f"follow-up:{scene.instance('lead-2', 'other')}").result()


async def test_the_list_shows_where_every_follow_up_stands(scene: Scene, followup: Command) -> None:
    await one_paused_one_completed(scene)
    ran = await followup("list")
    assert (ran.code, ran.said) == (0, "")
    lines = [line.split() for line in ran.out.splitlines()[1:]]
    assert lines == [
        [scene.instance("lead-2", "other"), "completed", "3/3"],
        [scene.instance("lead-1"), "paused", "send_outcome_unknown", "1/3"],
    ]


async def test_the_list_can_be_narrowed_by_status_sequence_and_number(scene: Scene, followup: Command) -> None:
    await one_paused_one_completed(scene)
    [paused] = json.loads((await followup("list", "--json", "--status", "paused")).out)
    wanted = {"lead_id": "lead-1", "sequence": "no-reply", "status": "paused", "reason": "send_outcome_unknown"}
    assert paused.items() >= (wanted | {"instance_id": scene.instance("lead-1"), "step": 1, "steps": 3}).items()
    assert paused["enrolled_at"].endswith("+00:00")
    [other] = json.loads((await followup("list", "--json", "--sequence", "other")).out)
    assert other["lead_id"] == "lead-2"
    newest = await followup("list", "--json", "--limit", "1")
    assert [one["lead_id"] for one in json.loads(newest.out)] == ["lead-2"]
    assert json.loads((await followup("list", "--json", FOLLOWUP_WORKSPACE="another")).out) == []


async def test_the_page_of_an_uncertain_send_says_what_to_look_for_and_how_to_go_on(
    scene: Scene, followup: Command
) -> None:
    await one_paused_one_completed(scene)
    ran = await followup("show", scene.instance("lead-1"))
    [draft] = await scene.rows("SELECT * FROM drafts WHERE state = 'unknown'")
    assert (ran.code, ran.said) == (0, "")
    assert f"The message {draft.message_id} to lead-1@example.test" in ran.out
    assert f"{draft.claimed_at:%Y-%m-%d %H:%M:%S} UTC and {draft.overdue_at:%Y-%m-%d %H:%M:%S} UTC" in ran.out
    for decision in ("sent", "not_sent", "skip", "stop"):
        assert f"  followup resume {scene.instance('lead-1')} --decision {decision} --note '...'\n" in ran.out
    assert f"accepted from {draft.overdue_at:%Y-%m-%d %H:%M:%S} UTC" in ran.out
    assert f"worker-{draft.who.partition('-')[2]}: claimed" in ran.out


async def test_what_a_provider_answers_does_not_steer_the_terminal(scene: Scene, followup: Command) -> None:
    await one_paused_one_completed(scene)
    ran = await followup("show", scene.instance("lead-1"))
    assert "\x1b" not in ran.out
    assert r"smtp-eof-final \x1b[2Jbye" in ran.out


async def test_the_story_for_programs_holds_every_transition(scene: Scene, followup: Command) -> None:
    await one_paused_one_completed(scene)
    story = json.loads((await followup("show", scene.instance("lead-1"), "--json")).out)
    drafts = [(entry["from_state"], entry["to_state"]) for entry in story["timeline"] if entry["subject"] == "draft"]
    assert drafts == [(None, "pending"), ("pending", "sending"), ("sending", "unknown")]
    assert [draft["recipient"] for draft in story["drafts"]] == ["lead-1@example.test"]
    assert story["paused"]["look_for"]["message_id"] == story["drafts"][0]["message_id"]
    over = json.loads((await followup("show", scene.instance("lead-2", "other"), "--json")).out)
    assert (over["status"], over["paused"], over["waits_for"]) == ("completed", None, "nothing: it is over")


async def test_an_instance_is_meant_by_its_id_its_beginning_or_its_workflows_id(
    scene: Scene, followup: Command
) -> None:
    await scene.enroll(a_sequence(), *(a_lead(f"lead-{number}") for number in (1, 10, 2)))
    for written in (scene.instance("lead-1"), f"follow-up:{scene.instance('lead-1')}", "no-reply:lead-1"):
        assert json.loads((await followup("show", "--json", written)).out)["lead_id"] == "lead-1", written
    assert json.loads((await followup("show", "--json", "no-reply:lead-2")).out)["lead_id"] == "lead-2"


async def test_an_ambiguous_beginning_lists_the_candidates(scene: Scene, followup: Command) -> None:
    await scene.enroll(a_sequence(), *(a_lead(f"lead-{number}") for number in range(1, 8)))
    ran = await followup("show", "no-reply:lead-")
    assert (ran.code, ran.out) == (1, "")
    assert [line.split()[1] for line in ran.lines[1:]] == [scene.instance(f"lead-{n}") for n in range(1, 6)] + ["…"]


async def test_nothing_of_another_workspace_is_found(scene: Scene, followup: Command) -> None:
    await scene.enroll(a_sequence(), a_lead())
    ran = await followup("show", scene.instance(), FOLLOWUP_WORKSPACE="another")
    assert (ran.code, ran.out) == (1, "")
    assert ran.said.startswith("followup: no follow-up's id begins with another:")


async def test_migrate_makes_a_database_usable_and_then_changes_nothing(stack: Devstack, followup: Command) -> None:
    name = f"empty_{uuid.uuid4().hex}"
    url = await stack.postgres.create_database(name)
    try:
        before = await followup("list", FOLLOWUP_DATABASE_URL=url)
        assert (before.code, len(before.lines)) == (1, 1)
        assert "run `followup migrate`" in before.said
        for _ in range(2):
            assert (await followup("migrate", FOLLOWUP_DATABASE_URL=url)).code == 0
        after = await followup("list", "--json", FOLLOWUP_DATABASE_URL=url)
        assert (after.code, after.out) == (0, "[]\n")
    finally:
        await stack.postgres.drop_database(name)


@pytest.mark.parametrize("command", [["list"], ["show", "no-reply:lead-1"], ["migrate"], ["stop", "no-reply:lead-1"]])
async def test_a_database_that_is_down_is_one_message_without_its_password(
    followup: Command, command: list[str]
) -> None:
    ran = await followup(*command, FOLLOWUP_DATABASE_URL=NO_DATABASE)
    assert (ran.code, ran.out, len(ran.lines)) == (1, "", 1)
    assert ran.said.startswith("followup: PostgreSQL can't be reached at 127.0.0.1:1/followup (")
    assert "geheim" not in ran.said


@pytest.mark.parametrize("command", ["migrate", "list", "show", "pause", "resume", "stop"])
def test_every_command_helps(command: str) -> None:
    ran = CliRunner().invoke(cli.app, [command, "--help"])
    assert ran.exit_code == 0
    assert f" {command} [OPTIONS]" in ran.output
