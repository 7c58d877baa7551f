"""What the follow-up does with each outcome: who is refused, what is uncertain, what can't be made at all."""

from datetime import timedelta

from sqlalchemy import text
from temporalio.api.enums.v1 import EventType

from domain.outcome import Fault, Outcome, Refused, Unknown
from providers.scripted import ScriptedProvider
from tests.scene import Scene, a_lead, a_sequence
from tests.whole.looking import events, page, until_page


def _refused(fault: Fault) -> Outcome:
    return Refused(code="smtp-550", reply="5.1.1 no such user", fault=fault)


async def test_a_refused_recipient_stops_the_follow_up_and_is_suppressed(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider({"lead-1@example.test": _refused(Fault.RECIPIENT)})):
        await scene.enroll(a_sequence(), a_lead())
        ending = await scene.handle().result()
    assert (ending.status, ending.reason) == await scene.status() == ("stopped", "refused_recipient")
    assert await scene.states() == ["refused"]
    [suppressed] = await scene.rows("SELECT address, why FROM suppressions")
    assert suppressed == ("lead-1@example.test", "smtp-550")


async def test_the_next_follow_up_to_a_suppressed_address_stops_before_its_first_step(scene: Scene) -> None:
    provider = ScriptedProvider({"lead-1@example.test": _refused(Fault.RECIPIENT)})
    async with scene.worker(provider):
        tolerant = a_sequence(beside_others=True)
        await scene.enroll(tolerant, a_lead())
        await scene.handle().result()
        await scene.enroll(tolerant, a_lead("lead-2", email="Lead-1@Example.test"))
        await scene.handle("lead-2").result()
    assert await scene.status("lead-2") == ("stopped", "suppressed")
    assert (await scene.states("lead-2"), len(provider.begun)) == ([], 1)


async def test_a_refused_message_pauses_and_resume_goes_on_without_it(scene: Scene) -> None:
    first = f"{scene.instance()}/1/email"
    provider = ScriptedProvider({first: _refused(Fault.MESSAGE)})
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), "**paused** (refused_message)")
        assert await scene.status() == ("paused", "refused_message")
        await scene.handle().execute_update("resume")
        await scene.handle().result()
    assert await scene.states() == ["refused", "sent", "sent"]
    assert [letter.draft_id for letter in provider.begun].count(first) == 1


async def test_a_refusal_of_our_configuration_pauses_and_resume_sends_the_same_draft(scene: Scene) -> None:
    refusing, mended = ScriptedProvider(lambda _: _refused(Fault.CONFIGURATION)), ScriptedProvider()
    async with scene.worker(refusing):
        await scene.enroll(a_sequence(timedelta(0)), a_lead())
        await until_page(scene.handle(), "**paused** (refused_configuration)")
        assert (await scene.status(), await scene.states()) == (("paused", "refused_configuration"), ["pending"])
    async with scene.worker(mended):
        await scene.handle().execute_update("resume")
        await scene.handle().result()
    assert refusing.begun == mended.sent


async def test_an_unknown_outcome_pauses_by_signal_and_result_and_opens_a_task(scene: Scene) -> None:
    provider = ScriptedProvider(lambda _: Unknown(code="smtp-eof-final"))
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        shown = await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
    assert (await scene.status(), await scene.states()) == (("paused", "send_outcome_unknown"), ["unknown"])
    [task] = await scene.rows("SELECT step, kind, state, why FROM tasks")
    assert task == (1, "settle_outcome", "open", "may have been sent: smtp-eof-final")
    happened = [event.event_type for event in await events(scene.handle())]
    signalled = happened.index(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
    assert signalled < happened.index(EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
    assert "Code: `smtp-eof-final`" in shown


async def test_the_signal_that_repeats_the_result_is_no_complaint(scene: Scene) -> None:
    async with scene.worker(ScriptedProvider(lambda _: Unknown(code="cut"))):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
        assert "Not done" not in await page(scene.handle())


async def test_an_adapter_that_fails_leaves_the_outcome_unknown(scene: Scene) -> None:
    def fail(_: object) -> Outcome:
        raise KeyError("a bug of an adapter")

    provider = ScriptedProvider(fail)
    async with scene.worker(provider):
        await scene.enroll(a_sequence(), a_lead())
        shown = await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
    assert "`unforeseen`" in shown
    assert len(provider.begun) == 1


async def test_data_that_no_longer_fill_the_template_pause_it_and_resume_sends_once_they_are_mended(
    scene: Scene,
) -> None:
    steps = [{"wait": timedelta(0), "subject": "Hello", "body": "About {{ product }}"}]
    provider = ScriptedProvider()
    await scene.enroll(a_sequence(steps=steps), a_lead().model_copy(update={"variables": {"product": "Rocket"}}))
    await _set_variables(scene, "{}")
    async with scene.worker(provider):
        await until_page(scene.handle(), "**paused** (unrenderable)")
        assert (await scene.status(), provider.begun) == (("paused", "unrenderable"), [])
        await _set_variables(scene, '{"product": "Rocket"}')
        await scene.handle().execute_update("resume")
        await scene.handle().result()
    assert b"About Rocket" in provider.sent[0].message


async def _set_variables(scene: Scene, variables: str) -> None:
    async with scene.engine.begin() as connection:
        await connection.execute(text("UPDATE instances SET variables = CAST(:new AS jsonb)"), {"new": variables})
