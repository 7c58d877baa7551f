"""Updates say what signals say, and are answered: with what came of it, or with a sentence that says why not."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateStage
from temporalio.exceptions import ApplicationError

from domain.outcome import Unknown
from providers.scripted import Halt, ScriptedProvider
from tests.scene import Scene, a_lead, a_sequence
from tests.whole.looking import events, page, refusal, stumbles, until, until_page

_LATER = timedelta(days=1)


async def test_each_command_works_as_signal_and_as_update(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(_LATER), a_lead(), a_lead("lead-2"))
        assert await scene.handle().execute_update("pause") == "step 1 of 1: paused"
        assert await scene.handle().execute_update("resume", "skip") == "step 1 of 1: completed"
        await scene.handle("lead-2").signal("pause")
        await until_page(scene.handle("lead-2"), "**paused**")
        await scene.handle("lead-2").signal("stop")
        await scene.handle("lead-2").result()
    assert (await scene.status(), await scene.status("lead-2")) == (("completed", "none"), ("stopped", "operator"))


@pytest.mark.parametrize(
    ("command", "typed", "sentence"),
    [
        ("resume", None, "it is not paused but active (none): there is nothing to resume"),
        ("resume", "maybe", "decision: Input should be 'resume', 'sent', 'not_sent', 'skip' or 'stop'; nothing was"),
        ("resume", {"decison": "sent"}, "decison: Extra inputs are not permitted; nothing was changed"),
        ("stop", 7, "argument: Input should be a valid dictionary"),
    ],
)
async def test_an_impossible_command_is_refused_with_a_sentence_and_leaves_no_trace(
    scene: Scene, command: str, typed: object, sentence: str
) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(timedelta(0), _LATER), a_lead())
        await until_page(scene.handle(), "| 1 | sent |")
        before = await events(scene.handle())
        assert sentence in await refusal(scene.handle(), command, typed)
        assert await events(scene.handle()) == before
        assert "Not done" not in await page(scene.handle())


async def test_a_second_pause_is_told_that_it_is_paused_already(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(_LATER), a_lead())
        await scene.handle().execute_update("pause")
        assert await refusal(scene.handle(), "pause") == "it is paused already (operator)"


async def test_an_update_while_a_send_is_in_flight_is_answered_after_it(scene: Scene) -> None:
    halt = Halt.new()
    provider = ScriptedProvider(after=halt)
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await halt.reached.wait()
        update = await scene.handle().start_update("pause", wait_for_stage=WorkflowUpdateStage.ACCEPTED)
        assert await scene.states() == ["sending"]
        halt.go.set()
        assert await update.result() == "step 2 of 3: paused"
        assert (await scene.states(), len(provider.sent)) == (["sent"], 1)


async def test_of_two_operators_who_resume_at_once_one_is_obeyed_and_the_other_told_why(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider({f"{scene.instance()}/1/email": Unknown(code="cut")})):
        await scene.enroll(a_sequence(timedelta(0), _LATER), a_lead())
        await until_page(scene.handle(), "**paused**")
        answers = await asyncio.gather(
            scene.handle().execute_update("resume", {"decision": "sent", "by": "ada"}),
            scene.handle().execute_update("resume", {"decision": "skip", "by": "bob"}),
            return_exceptions=True,
        )
    [obeyed] = [answer for answer in answers if isinstance(answer, str)]
    [told] = [answer for answer in answers if isinstance(answer, WorkflowUpdateFailedError)]
    assert obeyed == "step 2 of 2: active"
    assert isinstance(told.cause, ApplicationError)
    assert told.cause.message == "it is not paused but active (none): there is nothing to resume"
    assert len([entry for entry in await scene.ledger() if entry.from_state == "unknown"]) == 1


async def test_the_same_update_id_is_one_command(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(_LATER), a_lead())
        first = await scene.handle().execute_update("pause", id="operator-1")
        again = await scene.handle().execute_update("pause", id="operator-1")
    assert first == again == "step 1 of 1: paused"
    assert len([entry for entry in await scene.ledger() if entry.to_state == "paused"]) == 1


async def test_what_still_waits_for_an_answer_when_the_follow_up_ends_is_answered(scene: Scene) -> None:
    halt = Halt.new()
    async with scene.worker(ScriptedProvider(after=halt)):
        await scene.enroll(a_sequence(timedelta(0)), a_lead())
        await halt.reached.wait()
        accepted = WorkflowUpdateStage.ACCEPTED
        updates = [await scene.handle().start_update(name, wait_for_stage=accepted) for name in ("pause", "stop")]
        halt.go.set()
        await scene.handle().result()
        sentences = [await _failure(update.result()) for update in updates]
    assert sentences == ["the follow-up is completed (none): nothing more can be asked of it"] * 2
    assert await stumbles(scene.handle()) == 0


async def _failure(answer: object) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await answer  # type: ignore[misc]
    assert isinstance(refused.value.cause, ApplicationError)
    return refused.value.cause.message


async def test_an_update_sent_while_no_worker_runs_is_answered_by_the_next_one(scene: Scene) -> None:
    await scene.enroll(a_sequence(), a_lead())
    asking = asyncio.create_task(scene.handle().execute_update("stop"))
    provider = ScriptedProvider()

    async def asked() -> bool:
        return bool((await scene.handle().describe()).raw_description.HasField("pending_workflow_task"))

    await until(asked)
    async with scene.worker(provider):
        answer = await asking
        await scene.handle().result()
    assert answer.endswith(": stopped")
