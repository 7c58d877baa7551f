"""A follow-up that waits for a person: its page, signals and updates, resets, the app's stops. Real workflows."""

import asyncio
from pathlib import Path

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from providers.scripted import ScriptedProvider
from store.tasks import read_open_of
from tests.app import App
from tests.counted import assert_counted
from tests.scene import Scene, a_lead
from tests.transactions.asking import APPROVED, CALL, a_sequence_of, closed_window
from tests.whole.commands import FIRST, LAST, MIDDLE, reset
from tests.whole.looking import events, page, refusal, stumbles, until_page
from transactions.edit import Edit, edit

NEXT = {"wait": "0s", "body": "Again, {{ name }}"}
AWAITS = "**awaiting_approval** (approval)"


async def _fingerprint(scene: Scene, step: int = 1) -> str:
    [row] = await scene.rows("SELECT fingerprint FROM drafts WHERE step = :step", step=step)
    return str(row.fingerprint)


async def _tasks(scene: Scene) -> list[tuple[str, str]]:
    return [tuple(row) for row in await scene.rows("SELECT kind, state FROM tasks ORDER BY step, kind")]


async def test_the_page_tells_what_to_type_and_what_is_typed_otherwise_is_shown_and_not_obeyed(scene: Scene) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence_of(CALL, APPROVED), a_lead())
        shown = await until_page(scene.handle(), "**awaiting_approval** (manual_step)")
        assert "| `done` | `(none)` |" in shown
        assert f"`followup task done '{scene.instance()}' --note" in shown
        await scene.handle().signal("done", "ada")
        shown = await until_page(scene.handle(), AWAITS)
        seen = (await _fingerprint(scene, 2))[:8]
        assert f'| `approve` | `"{seen}"` |' in shown
        assert f"`followup task approve '{scene.instance()}' --fingerprint {seen}" in shown
        for name, typed, said in (
            ("approve", None, "> Not done: approve: fingerprint: give the first 8 characters"),
            ("approve", "0" * 8, f"> Not done: approve: step 2 was approved as 00000000, and is {seen} by now"),
            ("resume", None, "> Not done: resume: step 2 waits for a person (approval): say approve, reject or stop"),
            ("done", {"by": "ada"}, "> Not done: done: step 2 waits for an approval, and done says nothing about it"),
        ):
            await scene.handle().signal(name, typed)
            assert AWAITS in await until_page(scene.handle(), said)
        await scene.handle().signal("approve", seen)
        ending = await scene.handle().result()
    assert (ending.status, await scene.states()) == ("completed", ["done", "sent"])
    assert await _tasks(scene) == [("manual_step", "closed"), ("approve_draft", "closed")]
    assert (len(provider.sent), await assert_counted(scene)) == (1, {"sent": 2})
    assert "Grace" not in "".join(str(event) for event in await events(scene.handle()))
    assert await stumbles(scene.handle()) == 0


async def test_of_two_people_who_approve_and_reject_at_once_one_is_obeyed_and_the_other_told_why(scene: Scene) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence_of(APPROVED, {**NEXT, "wait": "1d"}), a_lead())
        await until_page(scene.handle(), AWAITS)
        seen = await _fingerprint(scene)
        answers = await asyncio.gather(
            scene.handle().execute_update("approve", {"fingerprint": seen, "by": "ada"}),
            scene.handle().execute_update("approve", {"fingerprint": seen, "by": "bob"}),
            scene.handle().execute_update("reject", {"by": "grace"}),
            return_exceptions=True,
        )
        await until_page(scene.handle(), "step 2 of 2")
        told = [answer.cause for answer in answers if isinstance(answer, WorkflowUpdateFailedError)]
        assert len(told) == 2
        assert all(isinstance(one, ApplicationError) and "step" in one.message for one in told), told
    assert len(provider.sent) == ((await scene.states())[0] == "sent")
    assert await _tasks(scene) == [("approve_draft", "closed")]
    await assert_counted(scene)


async def test_an_edit_makes_the_page_old_and_an_approval_of_what_it_shows_is_refused_and_shows_the_new(
    scene: Scene,
) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence_of(APPROVED), a_lead())
        await until_page(scene.handle(), AWAITS)
        seen = await _fingerprint(scene)
        async with scene.engine.connect() as connection:
            [task] = await read_open_of(connection, scene.instance())
        new = await edit(scene.engine, task, Edit(None, "Written by Ada"), by="ada")
        assert new is not None
        assert "read it again" in await refusal(scene.handle(), "approve", seen)
        assert f'`"{new[:8]}"`' in await page(scene.handle())
        await scene.handle().execute_update("approve", new)
        await scene.handle().result()
    assert b"Written by Ada" in provider.sent[0].message
    assert "Written by" not in "".join(str(event) for event in await events(scene.handle()))


@pytest.mark.parametrize("to", [FIRST, MIDDLE, LAST])
async def test_a_reset_while_it_waits_and_one_after_the_approval_leave_one_draft_one_task_one_mail(
    scene: Scene, to: str
) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence_of(APPROVED, {**NEXT, "approval": True}), a_lead())
        await until_page(scene.handle(), AWAITS)
        before = await scene.ledger()
        await reset(scene.client, scene.handle(), to)
        await until_page(scene.handle(), AWAITS)
        assert await scene.ledger() == before
        await scene.handle().execute_update("approve", await _fingerprint(scene))
        await until_page(scene.handle(), f"{AWAITS}, step 2")
        await reset(scene.client, scene.handle(), to)
        await until_page(scene.handle(), f"{AWAITS}, step 2")
        await scene.handle().execute_update("approve", await _fingerprint(scene, 2))
        await scene.handle().result()
        await reset(scene.client, scene.handle(), to)
        ending = await scene.handle().result()
    assert (ending.status, await scene.states()) == ("completed", ["sent", "sent"])
    assert [letter.draft_id[-7:] for letter in provider.sent] == ["1/email", "2/email"]
    assert await _tasks(scene) == [("approve_draft", "closed")] * 2
    await assert_counted(scene)
    assert await stumbles(scene.handle()) == 0


async def test_i4_a_reply_while_it_waits_and_one_between_approval_and_send_prevent_the_send(
    scene: Scene, tmp_path: Path
) -> None:
    app, provider = App(scene, tmp_path), ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence_of(APPROVED, window=closed_window()), a_lead(), a_lead("lead-2"))
        for lead in ("lead-1", "lead-2"):
            await until_page(scene.handle(lead), AWAITS)
        sql = "SELECT fingerprint FROM drafts WHERE instance_id = :id"
        [row] = await scene.rows(sql, id=scene.instance("lead-2"))
        await scene.handle("lead-2").execute_update("approve", row.fingerprint)
        await until_page(scene.handle("lead-2"), "**held** (outside_window)")
        for lead in ("lead-1", "lead-2"):
            await app.says_of(lead, "lead.replied")
            assert (await scene.handle(lead).result()).reason == "replied"
            assert await scene.states(lead) == ["stopped"]
    assert (provider.begun, await _tasks(scene)) == ([], [("approve_draft", "closed")] * 2)
    assert await assert_counted(scene) == {"stopped": 2}


async def test_what_expires_is_paused_by_the_workflow_itself_and_can_still_be_approved(scene: Scene) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence_of({**APPROVED, "expires_after": "1s"}), a_lead())
        await until_page(scene.handle(), "**paused** (expired)")
        assert await scene.handle().execute_update("resume") == "step 1 of 1: awaiting_approval"
        await until_page(scene.handle(), "**paused** (expired)")
        await scene.handle().execute_update("approve", (await _fingerprint(scene))[:8])
        ending = await scene.handle().result()
    assert (ending.status, len(provider.sent)) == ("completed", 1)
    assert await _tasks(scene) == [("approve_draft", "closed")]
