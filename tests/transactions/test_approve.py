"""A step waits for a person: what is asked, what is taken for an answer, and what time does. On the database alone."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain.command import Decision, Verdict
from domain.draft import DraftState
from domain.instance import Reason
from domain.step import Awaiting, DecisionRefused, Held, Paused, PauseFollowUp, Ready, Settled, StepDone, Stopped
from providers.scripted import ScriptedProvider
from store.suppressions import suppress
from tests.counted import assert_counted
from tests.scene import Scene
from tests.store.enrolled import WORKSPACE, enroll_one
from tests.transactions.asking import APPROVED, CALL, Asking, a_sequence_of, closed_window
from transactions.approve import OVERDUE
from transactions.edit import Edit, EditError, edit
from transactions.settle import pause_for

_DAY, _WEEK = timedelta(days=1), timedelta(weeks=1)
NEXT = {"wait": "0s", "body": "Again, {{ name }}"}


def _asking(scene: Scene) -> tuple[Asking, ScriptedProvider]:
    provider = ScriptedProvider()
    return Asking(scene.engine, provider), provider


async def _asked(scene: Scene, asking: Asking, *steps: dict[str, Any], **more: object) -> tuple[str, Awaiting]:
    instance = await enroll_one(scene.engine, sequence=a_sequence_of(*(steps or (APPROVED,)), **more))
    awaiting = await asking.deliver(instance)
    assert isinstance(awaiting, Awaiting)
    return instance, awaiting


def _refused(answer: Settled) -> str:
    assert isinstance(answer, DecisionRefused)
    return answer.sentence


async def _status(scene: Scene) -> tuple[str, str]:
    [row] = await scene.rows("SELECT status, reason FROM instances")
    return row.status, row.reason


async def _notes(scene: Scene) -> list[str]:
    return [row.to_state for row in await scene.rows("SELECT to_state FROM ledger WHERE subject = 'note' ORDER BY id")]


async def test_it_is_asked_when_it_falls_due_whatever_holds_the_send(scene: Scene) -> None:
    asking, provider = _asking(scene)
    instance, awaiting = await _asked(scene, asking, window=closed_window())
    assert (awaiting.reason, await _status(scene)) == (Reason.APPROVAL, ("awaiting_approval", "approval"))
    task = await asking.task(instance)
    assert (task.kind, task.state, task.fingerprint) == ("approve_draft", "awaiting_approval", awaiting.fingerprint)
    assert isinstance(await asking.approve(instance, awaiting.fingerprint), Ready)
    held = await asking.deliver(instance)
    assert isinstance(held, Held)
    assert (held.reason, provider.begun) == (Reason.OUTSIDE_WINDOW, [])
    assert (await assert_counted(scene)) == {"held": 1}


async def test_what_is_approved_is_sent_to_the_byte(scene: Scene) -> None:
    asking, provider = _asking(scene)
    instance, awaiting = await _asked(scene, asking)
    content = (await asking.task(instance)).content
    await asking.approve(instance, awaiting.fingerprint)
    assert isinstance(await asking.deliver(instance), StepDone)
    assert [letter.message for letter in provider.sent] == [content]


async def test_an_approval_of_another_message_is_refused_and_one_said_again_is_not(scene: Scene) -> None:
    asking, _ = _asking(scene)
    instance, awaiting = await _asked(scene, asking)
    seen = awaiting.fingerprint[:8]
    assert _refused(await asking.approve(instance, "0" * 8)) == (
        f"step 1 was approved as 00000000, and is {seen} by now: read it again, and approve that"
    )
    answers = [await asking.approve(instance, awaiting.fingerprint) for _ in range(2)]
    assert answers == [Ready(), Ready()]
    late = await asking.approve(instance, awaiting.fingerprint, by="bob")
    assert _refused(late) == "step 1 waits for no person: it is pending (approved by ada)"


async def test_an_edited_message_wants_a_new_approval_and_keeps_its_message_id(scene: Scene) -> None:
    asking, provider = _asking(scene)
    instance, before = await _asked(scene, asking, APPROVED, NEXT)
    task = await asking.task(instance)
    new = await edit(scene.engine, task, Edit("Other subject", "Other words"), by="grace", note="too stiff")
    assert new is not None
    assert await edit(scene.engine, await asking.task(instance), Edit(None, "Other words\n"), by="grace") is None
    with pytest.raises(EditError, match="edited or decided meanwhile"):
        await edit(scene.engine, task, Edit(None, "Mine"), by="bob")
    assert "and is " + new[:8] in _refused(await asking.approve(instance, before.fingerprint))
    still = await asking.say(instance, None)
    assert isinstance(still, Awaiting)
    assert still.fingerprint == new
    await asking.approve(instance, new)
    await asking.deliver(instance)
    await asking.deliver(instance, 2)
    first, second = provider.sent
    assert b"Subject: Other subject\r\n" in first.message
    assert b"Other words" in first.message
    assert f"Message-ID: {task.message_id}".encode() in first.message
    assert b"Subject: Re: Other subject\r\n" in second.message, "a thread has one subject"
    assert await _notes(scene) == ["edited"]
    await assert_counted(scene)


async def test_a_rejected_message_is_never_sent_and_the_follow_up_goes_on(scene: Scene) -> None:
    asking, provider = _asking(scene)
    instance, awaiting = await _asked(scene, asking, APPROVED, NEXT)
    rejected = await asking.say(instance, Verdict.REJECT)
    assert isinstance(rejected, StepDone)
    assert (rejected.state, rejected.next_due_at is not None) == (DraftState.DISCARDED, True)
    assert await asking.say(instance, Verdict.REJECT) == rejected
    assert "it is discarded (rejected by ada)" in _refused(await asking.approve(instance, awaiting.fingerprint))
    await asking.deliver(instance)
    await asking.deliver(instance, 2)
    assert [letter.draft_id[-7:] for letter in provider.sent] == ["2/email"]
    assert b"Subject: Hello Grace" in provider.sent[0].message, "it is the first of its thread"
    assert await assert_counted(scene) == {"sent": 1, "skipped": 1}


async def test_a_suppression_between_approval_and_send_prevents_the_send(scene: Scene) -> None:
    asking, provider = _asking(scene)
    instance, awaiting = await _asked(scene, asking)
    await asking.approve(instance, awaiting.fingerprint)
    async with scene.engine.begin() as connection:
        await suppress(connection, WORKSPACE, ["lead-1@example.test"], "ada", "asked by phone")
    assert await asking.deliver(instance) == Stopped(reason=Reason.SUPPRESSED)
    assert (provider.begun, await assert_counted(scene)) == ([], {"stopped": 1})


async def test_a_suppression_while_it_waits_ends_it_and_takes_the_task_away(scene: Scene) -> None:
    asking, _ = _asking(scene)
    instance, _ = await _asked(scene, asking)
    async with scene.engine.begin() as connection:
        await suppress(connection, WORKSPACE, ["lead-1@example.test"], "ada", "asked by phone")
    assert await asking.say(instance, None) == Stopped(reason=Reason.SUPPRESSED)
    assert await scene.rows("SELECT state FROM tasks") == [("closed",)]


async def test_what_was_stopped_can_not_be_approved_whoever_stopped_it(scene: Scene) -> None:
    asking, provider = _asking(scene)
    instance, awaiting = await _asked(scene, asking)
    async with scene.engine.begin() as connection:
        await connection.execute(text("UPDATE instances SET status = 'stopped', reason = 'closed', why = 'by hand'"))
    assert "waits for no person" in _refused(await asking.approve(instance, awaiting.fingerprint))
    assert await asking.deliver(instance) == Stopped(reason=Reason.CLOSED)
    assert provider.begun == []


async def test_what_is_approved_late_expires_anew_from_there_for_a_run_that_begins_again_too(scene: Scene) -> None:
    asking, provider = _asking(scene)
    first = {"wait": "0s", "subject": "Hello", "body": "Hello"}
    instance = await enroll_one(scene.engine, sequence=a_sequence_of(first, {**NEXT, "approval": True}))
    await asking.deliver(instance)
    awaiting = await asking.deliver(instance, 2)
    assert isinstance(awaiting, Awaiting)
    await asking.fell_due(instance, 2 * _WEEK)
    assert await asking.say(instance, None, step=2) == Paused(reason=Reason.EXPIRED)
    assert await asking.approve(instance, awaiting.fingerprint, step=2) == Ready()
    again = await asking.deliver(instance)
    assert isinstance(again, StepDone)
    assert isinstance(await asking.deliver(instance, 2, again.next_due_at), StepDone)
    assert len(provider.sent) == 2


async def test_after_a_day_a_person_is_reminded_once(scene: Scene) -> None:
    asking, _ = _asking(scene)
    instance, awaiting = await _asked(scene, asking)
    assert awaiting.expires_at - awaiting.look_at == _WEEK - _DAY
    await asking.fell_due(instance, _DAY)
    for _ in range(2):
        reminded = await asking.say(instance, None)
        assert isinstance(reminded, Awaiting)
        assert (reminded.overdue, reminded.look_at) == (True, reminded.expires_at)
    assert await _notes(scene) == [OVERDUE]


async def test_what_nobody_approves_expires_and_can_be_approved_even_then(scene: Scene) -> None:
    asking, provider = _asking(scene)
    instance, awaiting = await _asked(scene, asking)
    await asking.fell_due(instance, _WEEK)
    assert await asking.say(instance, None) == Paused(reason=Reason.EXPIRED)
    assert (await asking.task(instance)).kind == "approve_draft", "it is still to be done"
    assert await asking.approve(instance, awaiting.fingerprint) == Ready()
    assert isinstance(await asking.deliver(instance), StepDone)
    assert len(provider.sent) == 1


async def test_a_plain_resume_approves_nothing_and_gives_a_person_their_time_anew(scene: Scene) -> None:
    asking, provider = _asking(scene)
    instance, _ = await _asked(scene, asking)
    assert "resume says nothing about it" in _refused(await asking.say(instance, Decision.RESUME))
    await asking.fell_due(instance, _WEEK)
    await asking.say(instance, None)
    resumed = await asking.say(instance, Decision.RESUME)
    assert isinstance(resumed, Awaiting)
    assert not resumed.overdue
    assert isinstance(await asking.deliver(instance), Awaiting)
    assert (provider.begun, await scene.rows("SELECT kind, state FROM tasks")) == ([], [("approve_draft", "open")])


async def test_what_an_operator_has_paused_is_resumed_before_it_is_approved(scene: Scene) -> None:
    asking, _ = _asking(scene)
    instance, awaiting = await _asked(scene, asking)
    async with scene.engine.begin() as connection:
        call = PauseFollowUp(instance_id=instance, step=1, reason=Reason.OPERATOR, by="ada")
        assert await pause_for(connection, call) == Paused(reason=Reason.OPERATOR)
    assert _refused(await asking.approve(instance, awaiting.fingerprint)) == "it is paused (operator): resume it first"
    assert isinstance(await asking.say(instance, Decision.RESUME), Awaiting)
    assert await asking.approve(instance, awaiting.fingerprint) == Ready()


@pytest.mark.parametrize("decision", [Decision.SENT, Decision.NOT_SENT, Verdict.DONE])
async def test_a_word_about_something_else_is_refused(scene: Scene, decision: Decision | Verdict) -> None:
    asking, _ = _asking(scene)
    instance, _ = await _asked(scene, asking)
    sentence = (
        f"step 1 waits for an approval, and {decision} says nothing about it: approve, reject and stop are possible"
    )
    assert _refused(await asking.say(instance, decision)) == sentence


async def test_a_manual_step_shows_what_is_to_be_done_and_counts_as_sent_once_it_is(scene: Scene) -> None:
    asking, provider = _asking(scene)
    instance, awaiting = await _asked(scene, asking, CALL, {**NEXT, "subject": "Hello"}, min_gap="1d")
    assert (awaiting.reason, await _status(scene)) == (Reason.MANUAL_STEP, ("awaiting_approval", "manual_step"))
    assert (await asking.task(instance)).instructions == "Call Grace"
    assert "done, skip and stop are possible" in _refused(await asking.approve(instance, awaiting.fingerprint))
    done = await asking.say(instance, Verdict.DONE)
    assert isinstance(done, StepDone)
    assert done.state is DraftState.DONE
    assert await asking.deliver(instance) == done, "a run that begins again goes on as this one did"
    assert isinstance(await asking.deliver(instance, 2), StepDone), "no gap is kept to what is no message"
    [letter] = provider.sent
    assert b"References" not in letter.message
    assert await scene.rows("SELECT channel, state, message_id, recipient FROM drafts WHERE step = 1") == [
        ("task", "done", "", "")
    ]
    assert await assert_counted(scene) == {"sent": 2}


async def test_a_manual_step_that_times_out_is_skipped_and_any_other_expires(scene: Scene) -> None:
    asking, _ = _asking(scene)
    instance, awaiting = await _asked(scene, asking, {**CALL, "times_out_after": "3h"}, {**CALL, "expires_after": "2h"})
    assert awaiting.look_at == awaiting.expires_at
    await asking.fell_due(instance, timedelta(hours=3))
    skipped = await asking.say(instance, None, by="")
    assert isinstance(skipped, StepDone)
    assert skipped.state is DraftState.SKIPPED
    [draft] = await scene.rows("SELECT why FROM drafts")
    assert draft.why == "time-out: not done within 3h"
    await asking.deliver(instance, 2)
    await asking.fell_due(instance, timedelta(hours=2))
    assert await asking.say(instance, None, step=2) == Paused(reason=Reason.EXPIRED)
    assert isinstance(await asking.say(instance, Verdict.DONE, step=2), StepDone)
    assert await assert_counted(scene) == {"skipped": 1, "sent": 1}


async def test_a_run_that_begins_again_finds_the_same_question(scene: Scene) -> None:
    asking, _ = _asking(scene)
    instance, awaiting = await _asked(scene, asking)
    async with scene.engine.begin() as connection:
        await connection.execute(text("UPDATE leads SET name = 'Somebody else'"))
    assert await asking.deliver(instance) == awaiting
    assert await scene.rows("SELECT count(*) FROM tasks") == [(1,)]
