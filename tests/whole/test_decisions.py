"""What an operator says of a paused follow-up, and what comes of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from domain.command import Decision, Resume
from domain.outcome import Fault, Refused, Sent, Unknown
from domain.step import RecordOutcome
from operating.acting.act import act
from operating.looking.finding import find_instance
from providers.scripted import Halt, ScriptedProvider
from tests.scene import Scene, a_lead, a_sequence
from tests.whole.looking import page, refusal, until_instant, until_page
from transactions.record import record

# Half of it to reach the point of no return, half to be answered: not_sent is accepted after both.
_SOON = timedelta(seconds=1)


class FirstUnknown(ScriptedProvider):
    """Leaves the outcome of the first call unknown, and sends from then on."""

    def __init__(self) -> None:
        super().__init__(lambda _: Sent(code="taken") if len(self.begun) > 1 else Unknown(code="cut"))


@asynccontextmanager
async def _unknown(scene: Scene, steps: int = 2) -> AsyncIterator[ScriptedProvider]:
    """A follow-up that is paused because nobody knows whether its first step was sent."""
    provider = FirstUnknown()
    async with scene.worker(provider, send_timeout=_SOON):
        await scene.enroll(a_sequence(*[timedelta(0)] * steps), a_lead())
        await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
        yield provider


async def _overdue_at(scene: Scene) -> datetime:
    [row] = await scene.rows("SELECT overdue_at FROM drafts WHERE step = 1")
    instant: datetime = row.overdue_at
    return instant


@pytest.mark.parametrize(("decision", "state"), [("sent", "sent"), ("skip", "skipped"), (None, "sent")])
async def test_an_unknown_send_is_settled_by_a_word_and_the_next_step_follows(
    scene: Scene, decision: str | None, state: str
) -> None:
    async with _unknown(scene) as provider:
        answer = await scene.handle().execute_update("resume", decision)
        await scene.handle().result()
    assert answer == "step 2 of 2: active"
    assert await scene.states() == [state, "sent"]
    assert [task.state for task in await scene.rows("SELECT state FROM tasks")] == ["closed"]
    assert [letter.draft_id[-7:] for letter in provider.sent] == ["1/email", "2/email"]


async def test_stop_ends_it_and_counts_the_unknown_as_skipped(scene: Scene) -> None:
    async with _unknown(scene) as provider:
        await scene.handle().execute_update("resume", "stop")
        ending = await scene.handle().result()
    assert (ending.status, ending.reason) == await scene.status() == ("stopped", "operator")
    assert (await scene.states(), len(provider.sent)) == (["skipped"], 1)


async def test_not_sent_sends_the_same_draft_under_the_next_generation(scene: Scene) -> None:
    async with _unknown(scene, steps=1) as provider:
        await until_instant(await _overdue_at(scene))
        await scene.handle().execute_update("resume", {"decision": "not_sent", "by": "ada"})
        await scene.handle().result()
    first, second = provider.sent
    assert first == second
    assert await scene.rows("SELECT state, generation FROM drafts") == [("sent", 2)]
    assert ("unknown", "pending", "ada") in [(one.from_state, one.to_state, one.who) for one in await scene.ledger()]


async def test_not_sent_is_refused_before_the_last_answer_is_overdue_and_changes_nothing(scene: Scene) -> None:
    provider = ScriptedProvider(lambda _: Unknown(code="cut"))
    async with scene.worker(provider, send_timeout=timedelta(hours=1)):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
        before = await scene.ledger()
        sentence = await refusal(scene.handle(), "resume", "not_sent")
        shown = await page(scene.handle())
    instant = f"{await _overdue_at(scene):%Y-%m-%d %H:%M:%S} UTC"
    assert f"not_sent is accepted from {instant}" in sentence
    assert f"accepted from {instant}" in shown
    assert (await scene.states(), await scene.ledger()) == (["unknown"], before)


@pytest.mark.parametrize("decision", [Decision.SENT, Decision.NOT_SENT])
async def test_what_was_surely_not_sent_yet_can_not_be_settled_as_sent_or_not(scene: Scene, decision: Decision) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(timedelta(days=1)), a_lead())
        await scene.handle().execute_update("pause")
        sentence = await refusal(scene.handle(), "resume", decision)
    assert sentence == (
        f"step 1 was surely not sent yet, so {decision} says nothing about it: resume, skip or stop are possible"
    )
    assert await scene.status() == ("paused", "operator")


@pytest.mark.parametrize("decision", [Decision.SENT, Decision.NOT_SENT])
async def test_what_was_refused_can_not_be_settled_as_sent_or_not(scene: Scene, decision: Decision) -> None:
    refused = Refused(code="smtp-554", fault=Fault.MESSAGE)
    async with scene.worker(ScriptedProvider(lambda _: refused)):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), "**paused** (refused_message)")
        sentence = await refusal(scene.handle(), "resume", decision)
    assert sentence == ("step 1 is refused (refused: the message: smtp-554): resume, skip or stop are possible")
    assert await scene.states() == ["refused"]


@pytest.mark.parametrize("decision", [None, "sent", "not_sent"])
async def test_i3_what_is_said_while_a_step_is_being_sent_settles_no_uncertain_send(
    scene: Scene, decision: str | None
) -> None:
    halt = Halt.new()
    async with scene.worker(ScriptedProvider(lambda _: Unknown(code="cut"), after=halt)):
        await scene.enroll(a_sequence(), a_lead())
        await halt.reached.wait()
        await scene.handle().signal("pause")
        await scene.handle().signal("resume", decision)
        halt.go.set()
        await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
        assert "paused already" in await refusal(scene.handle(), "pause")  # whatever was said before has been heard
    assert await scene.states() == ["unknown"]


async def test_a_resume_of_the_step_the_store_is_at_lets_a_run_go_on_that_has_not_heard_of_it(scene: Scene) -> None:
    provider = ScriptedProvider(lambda one: Unknown(code="cut") if "/1/" in one.draft_id else Sent(code="ok"))
    async with scene.worker(provider):
        await scene.enroll(a_sequence(timedelta(0), timedelta(0)), a_lead())
        await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
        [row] = await scene.rows("SELECT claim_token FROM drafts")
        told = RecordOutcome(instance_id=scene.instance(), step=1, token=str(row[0]), outcome=Sent(code="late"))
        async with scene.engine.begin() as connection:
            await record(connection, told, "a worker that can't reach Temporal")
        found = await find_instance(scene.engine, scene.workspace, scene.instance())
        await act(scene.engine, scene.client, found, Resume(), "it stands still")
        await scene.handle().result()
    assert await scene.states() == ["sent", "sent"]


async def test_a_refused_decision_is_shown_on_the_page_until_the_next_word(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(timedelta(days=1)), a_lead())
        await scene.handle().execute_update("pause")
        await scene.handle().signal("resume", "sent")
        await until_page(scene.handle(), "> Not done: resume: step 1 was surely not sent yet")
        await scene.handle().execute_update("resume")
        assert "Not done" not in await page(scene.handle())


async def test_a_step_is_skipped_before_it_is_due(scene: Scene) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence(timedelta(days=1), timedelta(0)), a_lead())
        await scene.handle().execute_update("pause")
        await scene.handle().execute_update("resume", "skip")
        await scene.handle().result()
    assert [letter.draft_id[-7:] for letter in provider.sent] == ["2/email"]
    assert await scene.status() == ("completed", "none")


async def test_nothing_is_sent_while_an_operator_has_paused_it(scene: Scene) -> None:
    provider = ScriptedProvider()
    await scene.enroll(a_sequence(), a_lead())
    await scene.handle().signal("pause")
    async with scene.worker(provider):
        await until_page(scene.handle(), "**paused** (operator)")
        assert (await scene.status(), provider.begun) == (("paused", "operator"), [])
        await scene.handle().execute_update("resume")
        await scene.handle().result()
    assert len(provider.sent) == 3


async def test_stop_ends_a_waiting_follow_up_and_no_draft_of_it_can_be_sent(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(timedelta(0), timedelta(days=1)), a_lead())
        await until_page(scene.handle(), "| 1 | sent |")
        assert await scene.handle().execute_update("stop", {"by": "ada"}) == "step 2 of 2: stopped"
        await scene.handle().result()
    assert (await scene.status(), await scene.states()) == (("stopped", "operator"), ["sent"])
    assert [entry.who for entry in await scene.ledger() if entry.to_state == "stopped"] == ["ada"]


async def test_the_wait_of_the_next_step_counts_from_the_decision(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider(lambda _: Unknown(code="cut"))):
        await scene.enroll(a_sequence(timedelta(0), timedelta(hours=1)), a_lead())
        await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
        before = datetime.now(UTC)
        await scene.handle().execute_update("resume", "skip")
    [row] = await scene.rows("SELECT until FROM instances")
    assert timedelta(0) <= row.until - before - timedelta(hours=1) < timedelta(minutes=1)


async def test_a_pause_is_no_short_cut_the_step_is_sent_when_it_is_due(scene: Scene) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence(timedelta(0), timedelta(hours=1)), a_lead())
        before = await until_page(scene.handle(), "| 1 | sent |")
        await scene.handle().execute_update("pause")
        await scene.handle().execute_update("resume")
        assert await page(scene.handle()) == before
    [row] = await scene.rows("SELECT until FROM instances")
    assert f"due {row.until:%Y-%m-%d %H:%M:%S} UTC" in before
    assert len(provider.sent) == 1


async def test_a_word_about_another_step_than_the_one_that_waits_is_refused(scene: Scene) -> None:
    async with _unknown(scene):
        why = await refusal(scene.handle(), "resume", {"decision": "sent", "step": 2})
        states = await scene.states()
    assert why == "it was said of step 2, but step 1 waits: look again, and say it of that one"
    assert states == ["unknown"]
