"""App events that meet a running follow-up: after a stop nothing is sent, and what is unknown stays so."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.api.enums.v1 import EventType

from domain.command import Pause, Resume
from domain.instance import Reason
from domain.lease import Lease
from domain.outcome import NotSent, Unknown
from domain.step import DeliverStep, Stopped
from providers.scripted import Halt, ScriptedProvider
from store.drafts import Claim, StoredDraft
from tests.app import App, enrolled, event, said
from tests.counted import assert_counted
from tests.meeting import meet
from tests.scene import Scene, a_lead, a_sequence
from tests.store.enrolled import WORKSPACE, enroll_leads
from tests.whole.looking import count, stumbles, until, until_page
from transactions.claim import claim_step
from transactions.event import Facts, store_facts
from transactions.sending_policy import SendingPolicy
from workflows.search_attributes import REASON, STATUS

_DAY = timedelta(days=1)
_AT_ONCE = timedelta(0)
# So many pairs of transactions meet in every way two can.
_PAIRS = 1000


@pytest.fixture
def app(scene: Scene, tmp_path: Path) -> App:
    return App(scene, tmp_path)


def _unknown(scene: Scene) -> ScriptedProvider:
    return ScriptedProvider({f"{scene.instance()}/1/email": Unknown(code="cut")})


async def test_i4_a_follow_up_that_waits_ends_with_its_stop_and_says_so_everywhere(app: App) -> None:
    scene, provider = app.scene, ScriptedProvider()
    async with scene.worker(provider):
        await scene.enroll(a_sequence(_AT_ONCE, _DAY), a_lead())
        await until_page(scene.handle(), "step 2 of 2")
        answer = await app.says_of("lead-1", "lead.replied")
        ending = await scene.handle().result()
    assert (ending.status, ending.reason) == ("stopped", "replied") == await scene.status()
    found = (await scene.handle().describe()).typed_search_attributes
    assert [found[key] for key in (STATUS, REASON)] == ["stopped", "replied"]
    assert len(provider.sent) == 1
    assert [entry.who for entry in await scene.ledger() if entry.to_state == "stopped"] == [f"event:{answer.event_id}"]
    assert await assert_counted(scene) == Counter(sent=1, stopped=1)
    assert await stumbles(scene.handle()) == 0


async def test_i4_a_stop_that_no_workflow_was_told_of_prevents_the_send_all_the_same(app: App) -> None:
    scene, provider = app.scene, ScriptedProvider()
    await app.says(enrolled())
    async with scene.engine.begin() as connection:  # the facts alone, as when Temporal is down
        await connection.exec_driver_sql(
            "UPDATE instances SET status = 'stopped', reason = 'replied', who = 'event:x', why = 'replied'"
        )
    async with scene.worker(provider):
        assert (await scene.handle().result()).reason == "replied"
    assert provider.begun == []


async def test_a_stop_leaves_the_unknown_send_to_be_settled_and_its_task_open(app: App) -> None:
    scene = app.scene
    async with scene.worker(_unknown(scene)):
        await scene.enroll(a_sequence(_AT_ONCE, _DAY), a_lead())
        await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
        await app.says_of("lead-1", "lead.replied")
        assert await scene.status() == ("stopped", "replied")
        assert await scene.states() == ["unknown"]
        assert [row.state for row in await scene.rows("SELECT state FROM tasks")] == ["open"]
        await scene.handle().execute_update("resume", {"decision": "sent", "by": "ada"})
        ending = await scene.handle().result()
    assert (ending.status, ending.reason) == ("stopped", "replied")
    assert await assert_counted(scene) == Counter(sent=1, stopped=1)


async def test_a_stop_while_a_message_is_sent_lets_it_be_recorded_and_ends_what_follows(app: App) -> None:
    scene, halt = app.scene, Halt.new()
    async with scene.worker(ScriptedProvider(after=halt)):
        await scene.enroll(a_sequence(_AT_ONCE, _AT_ONCE), a_lead())
        await halt.reached.wait()
        assert (await app.says_of("lead-1", "lead.unsubscribed")).done == "stopped"
        halt.go.set()
        ending = await scene.handle().result()
    assert (ending.status, ending.reason, await scene.states()) == ("stopped", "unsubscribed", ["sent"])
    assert await assert_counted(scene) == Counter(sent=1, stopped=1)


async def test_a_stop_ends_what_is_paused(app: App) -> None:
    scene = app.scene
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(_DAY), a_lead())
        await scene.handle().execute_update("pause")
        await app.says_of("lead-1", "lead.closed")
        ending = await scene.handle().result()
    assert (ending.status, ending.reason) == ("stopped", "closed")


async def _claim(scene: Scene, instance: str) -> object:
    claim = Claim(uuid4(), "run", "worker", Lease(timedelta(minutes=1), timedelta(minutes=10)))
    call = DeliverStep(instance_id=instance, step=1, due_at=datetime.now(UTC))
    async with scene.engine.begin() as connection:
        return await claim_step(
            connection, call, claim, SendingPolicy(Address("Ada Lovelace", addr_spec="ada@example.test"))
        )


async def _stop(scene: Scene, lead_id: str) -> object:
    stop = event(said("lead.replied", lead_id=lead_id))
    async with scene.engine.begin() as connection:
        return await store_facts(Facts(connection, WORKSPACE, stop), None)


async def test_i4_after_a_stop_is_committed_no_claim_begins_by_the_thousand(scene: Scene) -> None:
    leads = [f"lead-{n}" for n in range(_PAIRS)]
    async with scene.engine.begin() as connection:
        instances = await enroll_leads(connection, list(map(a_lead, leads)))
    sides = zip(instances, leads, strict=True)
    pairs = await meet([(_claim(scene, one), _stop(scene, lead)) for one, lead in sides], spread=(25, 5))
    granted = Counter(isinstance(claimed.result, StoredDraft) for claimed, _ in pairs)
    assert set(granted) == {True, False}, "both sides won now and then, or nothing was tested"
    for claimed, stopped in pairs:
        assert stopped.result.done == "stopped"
        if isinstance(claimed.result, StoredDraft):
            assert stopped.end > claimed.start, "the stop was committed first, and yet the claim was granted"
        else:
            assert claimed.result == Stopped(reason=Reason.REPLIED)
    late = "SELECT d.id FROM drafts d JOIN instances i ON i.id = d.instance_id JOIN stops s ON s.lead_id = i.lead_id"
    assert await scene.rows(f"{late} WHERE d.claimed_at > s.at") == []


async def test_a_stop_and_an_enrolment_that_meet_never_pass_each_other(app: App) -> None:
    """Whichever comes first, a follow-up that the stop should have ended is not left running."""
    leads = [f"lead-{n}" for n in range(40)]
    turns = asyncio.Semaphore(10)

    async def pair(lead: str) -> None:
        enrolment = enrolled(lead, ago=timedelta(minutes=1))
        async with turns:
            await asyncio.gather(app.says(enrolment), app.says_of(lead, "lead.replied"))

    await asyncio.gather(*map(pair, leads))
    statuses = Counter((row.status, row.reason) for row in await app.scene.rows("SELECT status, reason FROM instances"))
    assert statuses == {("stopped", "replied"): len(leads)}
    outran = await app.scene.rows("SELECT count(*) FROM events WHERE answer->>'done' = 'stopped_at_once'")
    assert 0 < outran[0][0] < len(leads), "both came first now and then, or nothing was tested"


async def test_an_automatic_reply_holds_the_step_and_the_leads_return_lets_it_go(app: App) -> None:
    scene, provider = app.scene, ScriptedProvider()
    await app.says(enrolled())
    held = await app.says_of("lead-1", "lead.replied", auto=True)
    async with scene.worker(provider):
        await until_page(scene.handle(), f"held until {held.until:%Y-%m-%d %H:%M:%S} UTC: out_of_office")
        assert (await scene.status(), provider.begun) == (("held", "out_of_office"), [])
        assert (await app.says_of("lead-1", "lead.resumed")).instances == (scene.instance(),)
        assert (await scene.handle().result()).status == "completed"
    assert len(provider.sent) == 1


async def test_an_absence_that_ends_by_itself_needs_no_word(app: App) -> None:
    scene = app.scene
    await app.says(enrolled())
    await app.says_of("lead-1", "lead.replied", auto=True, ago=timedelta(days=3) - timedelta(seconds=2))
    async with scene.worker(ScriptedProvider()):
        assert (await scene.handle().result()).status == "completed"
    assert "out_of_office" in [entry.why.removeprefix("step 1: ") for entry in await scene.ledger()]


async def test_the_leads_return_takes_back_a_pause_that_was_asked_for(app: App) -> None:
    scene = app.scene
    await app.says(enrolled())
    await scene.handle().signal("pause", Pause(by="ada"))
    async with scene.worker(ScriptedProvider()):
        await until_page(scene.handle(), "**paused** (operator)")
        await app.says_of("lead-1", "lead.resumed")
        assert (await scene.handle().result()).status == "completed"


async def test_the_leads_return_said_again_does_not_take_back_a_later_pause(app: App) -> None:
    scene, back = app.scene, said("lead.resumed", lead_id="lead-1")
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(_DAY), a_lead())
        await scene.handle().execute_update("pause")
        await app.says(back)
        await until_page(scene.handle(), "**active**")
        await scene.handle().execute_update("pause")
        await app.says(back)
        assert await scene.handle().execute_update("resume", {"by": "ada"}) == "step 1 of 1: active"
        await scene.handle().execute_update("stop")
    signals = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    assert await count(scene.handle(), signals) == 1


@pytest.mark.parametrize("resume", ["event", "signal"])
async def test_i3_the_leads_return_never_settles_an_unknown_send(app: App, resume: str) -> None:
    scene = app.scene
    async with scene.worker(_unknown(scene)):
        await app.says(enrolled())
        await until_page(scene.handle(), "**paused** (send_outcome_unknown)")
        if resume == "event":
            assert (await app.says_of("lead-1", "lead.resumed")).instances == ()
        else:  # it was sent while the pause was another one, and is late
            await scene.handle().signal("resume", Resume(asked_pause_only=True, by="event:late"))
        answered = await scene.handle().execute_update("resume", {"asked_pause_only": True, "by": "event:later"})
        assert answered == "step 1 of 1: paused"
        assert (await scene.states(), await scene.status()) == (["unknown"], ("paused", "send_outcome_unknown"))
        await scene.handle().execute_update("stop")
    assert [entry for entry in await scene.ledger() if entry.from_state == "unknown" and "event" in entry.who] == []


async def test_an_update_changes_the_letters_that_are_not_frozen_yet_alone(app: App) -> None:
    scene = app.scene
    refusing = ScriptedProvider(lambda _: NotSent(code="greylisted"))
    async with scene.worker(refusing):
        await scene.enroll(a_sequence(_AT_ONCE, _AT_ONCE), a_lead())
        await until_page(scene.handle(), "**held** (not_sent)")
        await app.says_of("lead-1", "lead.updated", name="Rear Admiral", email="admiral@example.test")
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.handle().execute_update("pause")  # nobody need wait for the back-off
        await scene.handle().execute_update("resume")
        await scene.handle().result()
    first, second = provider.sent
    assert first == refusing.begun[0]
    assert (first.recipient, b"Grace" in first.message) == ("lead-1@example.test", True)
    assert (second.recipient, b"Rear Admiral" in second.message) == ("admiral@example.test", True)


async def test_what_was_frozen_for_a_suppressed_address_is_not_sent_though_the_lead_has_another_now(app: App) -> None:
    scene = app.scene
    async with scene.worker(ScriptedProvider(lambda _: NotSent(code="greylisted"))):
        await scene.enroll(a_sequence(_AT_ONCE, stop_on=["replied"]), a_lead())
        await until_page(scene.handle(), "**held** (not_sent)")
        await app.says_of("lead-1", "lead.bounced")
        await app.says_of("lead-1", "lead.updated", email="admiral@example.test")
    provider = ScriptedProvider()
    async with scene.worker(provider):
        await scene.handle().execute_update("pause")
        await scene.handle().execute_update("resume")
        assert (await scene.handle().result()).reason == "suppressed"
    assert provider.begun == []


async def test_a_stop_said_again_after_temporal_was_away_is_told_to_the_workflow(app: App) -> None:
    scene = app.scene
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(_DAY), a_lead())
        stop = said("lead.replied", lead_id="lead-1")
        first = await app.says(stop)
        async with scene.engine.begin() as connection:
            await connection.exec_driver_sql("UPDATE events SET told_at = NULL")  # as if the signal had failed
        assert await app.says(stop) == first
        assert (await scene.handle().result()).reason == "replied"

    async def told() -> bool:
        return all(row.told_at for row in await scene.rows("SELECT told_at FROM events"))

    await until(told)
