"""`followup tasks` and `followup task`: what needs a person is found, and what they say is heard."""

import json
from datetime import timedelta
from typing import Any

import pytest

from domain.cause import Cause
from domain.command import Done
from domain.instance import workflow_id
from domain.outcome import Unknown
from domain.task import TaskKind
from mail.rewriting import SeenMessage
from operating.acting.act import act
from operating.tasks.todo import read_todos, todo_facts
from providers.scripted import ScriptedProvider
from settings import login_name
from store.listing import find_by_prefix
from store.tasks import open_task
from tests.command import Command
from tests.counted import assert_counted
from tests.scene import Scene, a_lead, a_sequence
from tests.store.enrolled import put_draft
from tests.transactions.asking import APPROVED, CALL, a_sequence_of
from tests.whole.looking import events, until, until_page
from transactions.edit import Edit, EditError, as_text, read_text


async def _until_open(scene: Scene, tasks: int) -> None:
    async def so() -> bool:
        return len(await scene.rows("SELECT 1 FROM tasks WHERE state = 'open'")) == tasks

    await until(so)


async def test_everything_that_needs_a_person_is_in_one_list_the_oldest_first(scene: Scene, followup: Command) -> None:
    async with scene.worker(ScriptedProvider({f"{scene.instance('unsure', 'other')}/1/email": Unknown(code="cut")})):
        await scene.enroll(a_sequence_of(APPROVED), a_lead("asks"))
        await _until_open(scene, 1)
        await scene.enroll(a_sequence_of(CALL, name="calls"), a_lead("calls"))
        await scene.enroll(a_sequence(timedelta(0), name="other"), a_lead("unsure"))
        await _until_open(scene, 3)
    listed = await followup("tasks")
    told = await _facts(scene)
    assert told[0]["kind"] == "approve_draft"
    assert [one["opened_at"] for one in told] == sorted(one["opened_at"] for one in told)
    by_kind = {one["kind"]: one for one in told}
    assert set(by_kind) == {"approve_draft", "manual_step", "settle_outcome"}
    mail, fingerprint = by_kind["approve_draft"]["mail"], by_kind["approve_draft"]["fingerprint"]
    assert (mail["subject"], mail["body"]) == ("Hello Grace", "Dear Grace\n")
    assert "asks@example.test" in mail["recipient"]
    assert f"--fingerprint {fingerprint[:8]}" in by_kind["approve_draft"]["commands"][0]
    assert by_kind["manual_step"]["instructions"] == "Call Grace"
    assert by_kind["settle_outcome"]["look_for"]["recipient"] == "unsure@example.test"
    for said in ("  Subject: Hello Grace", "  | Dear Grace", "  | Call Grace", "0 min old", "sent, if at all, between"):
        assert said in listed.out
    assert [one["kind"] for one in await _facts(scene, TaskKind.MANUAL_STEP)] == ["manual_step"]
    assert await _facts(scene, limit=1) == told[:1]


async def _facts(scene: Scene, kind: TaskKind | None = None, limit: int = 100) -> list[dict[str, Any]]:
    return [todo_facts(one) for one in await read_todos(scene.engine, scene.workspace, "followup", kind, limit)]


async def test_a_mail_is_edited_and_approved_as_it_is_now_and_temporal_knows_no_words(
    scene: Scene, followup: Command
) -> None:
    provider, instance = ScriptedProvider(), scene.instance()
    async with scene.worker(provider):
        await scene.enroll(a_sequence_of(APPROVED, CALL), a_lead())
        await until_page(scene.handle(), "**awaiting_approval**")
        unasked = await followup("task", "approve", instance)
        assert (unasked.code, "no terminal" in unasked.said, "Subject: Hello Grace" in unasked.out) == (2, True, True)
        edited = await followup("task", "edit", instance, "--json", EDITOR="sed -i s/Hello/Servus/", VISUAL="")
        new = json.loads(edited.out)["fingerprint"]
        ran = await followup("task", "approve", instance, "--fingerprint", new[:12], "--note", "Grace asked for it")
        assert (ran.code, ran.said) == (0, "")
        await until_page(scene.handle(), "**awaiting_approval** (manual_step)")
        async with scene.engine.connect() as connection:
            [found] = await find_by_prefix(connection, instance)
        assert (await act(scene.engine, scene.client, found, Done(by="ada"), "called Grace")).done
        assert (await scene.handle().result()).status == "completed"
    assert [b"Subject: Servus Grace" in letter.message for letter in provider.sent] == [True]
    notes = [entry.to_state for entry in await scene.ledger() if entry.subject == "note"]
    assert notes == ["edited", f"approve {new[:8]}", "done"]
    told = "".join(str(event) for event in await events(scene.handle()))
    assert ("Grace" in told, "Servus" in told, new[:12] in told) == (False, False, True)
    await assert_counted(scene)


@pytest.mark.parametrize("text", ["Subject: Other\n\nWords\n\nmore\n", "Subject: Other\nWords\n\nmore\n"])
def test_what_an_editor_gives_back_is_a_subject_and_a_body(text: str) -> None:
    mail = SeenMessage("a", "b", "Hello", "Words\n", answers=False)
    assert read_text(text, mail) == Edit("Other", "Words\n\nmore\n")
    assert read_text(as_text(mail), mail) == Edit("Hello", "Words\n")
    with pytest.raises(EditError, match="the first line must be the subject"):
        read_text("Words", mail)
    answer = mail._replace(answers=True)
    assert read_text(as_text(answer), answer) == Edit(None, "Words\n")


async def test_an_alarm_of_what_is_over_is_closed_by_a_word_and_one_that_waits_is_not(
    scene: Scene, followup: Command
) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(timedelta(0)), a_lead("over"))
        await scene.handle("over").result()
    over = scene.instance("over")
    [waits] = [one.instance_id for one in await scene.enroll(a_sequence(timedelta(0)), a_lead("waits"))]
    async with scene.engine.begin() as connection:
        await put_draft(connection, waits)
        for instance in (over, waits):
            await open_task(
                connection, instance, 1, TaskKind.ALARM, by="test", why="seen twice", cause=Cause.CONTRADICTED
            )
    assert f"task close {over} --note" in (await followup("tasks")).out
    closed = await followup("task", "close", over, "--note", "she knows")
    assert (closed.code, closed.out) == (0, f"{over}: closed\n")
    assert [(one.to_state, one.why) for one in await scene.ledger("over")][-2:] == [
        ("closed", f"looked into by {login_name()}"),
        ("close", "she knows"),
    ]
    for refused in (await followup("task", "close", over), await followup("task", "close", waits)):
        assert refused.code == 1
        assert "has no alarm that a word alone closes" in refused.said
    assert [one.instance_id for one in await scene.rows("SELECT * FROM tasks WHERE state = 'open'")] == [waits]


async def test_nobody_is_asked_for_what_was_terminated_and_its_uncertain_send_is_still_settled(
    scene: Scene, followup: Command
) -> None:
    unsure = scene.instance("unsure", "other")
    async with scene.worker(ScriptedProvider({f"{unsure}/1/email": Unknown(code="cut")})):
        await scene.enroll(a_sequence_of(APPROVED), a_lead("asks"))
        await scene.enroll(a_sequence(timedelta(0), timedelta(0), name="other"), a_lead("unsure"))
        await _until_open(scene, 2)
        for one in (scene.instance("asks"), unsure):
            await scene.client.get_workflow_handle(workflow_id(one)).terminate()
    down = await followup("tasks", TEMPORAL_ADDRESS="127.0.0.1:9")
    assert "Temporal does not answer" in down.said
    assert f"{scene.instance('asks')}, step 1: read the message" in down.out
    listed = await followup("tasks", "--json")
    asks = scene.instance("asks")
    assert f"{asks}: its workflow was ended from outside" in listed.said
    assert [one["kind"] for one in json.loads(listed.out)] == ["settle_outcome"]
    assert [one.state for one in await scene.rows("SELECT state FROM drafts WHERE instance_id = :id", id=asks)] == [
        "stopped"
    ]
    settled = await followup("resume", unsure, "--decision", "sent", "--note", "it is in the log")
    assert (settled.code, settled.out) == (
        0,
        f"{unsure}: step 1 is settled as sent; stopped, for its workflow was terminated\n",
    )
    assert (await assert_counted(scene))["stopped"] >= 1
    assert await _facts(scene) == []
