"""I2: whoever else calls, and however often, one provider call begins."""

import asyncio
import math
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.steps import StepActivities
from domain.command import Decision
from domain.draft import DraftState
from domain.instance import Reason
from domain.step import DeliverStep, Held, Paused, Ready, SettleStep, StepDone, StepResult
from providers.scripted import Halt, ScriptedProvider
from store.drafts import Claim, holds_claim
from tests.counted import assert_counted
from tests.scene import SEND_TIMEOUT, Scene, a_lead, a_sequence, open_scene
from transactions.linking import DraftLinks, Links
from transactions.sending_policy import SendingPolicy
from transactions.settle import settle

_CALLERS = 50


@pytest.fixture
async def scene(client: Client, database_url: str) -> AsyncIterator[Scene]:
    async with open_scene(client, database_url) as opened:
        await opened.enroll(a_sequence(), a_lead())
        yield opened


def _attempt(*, attempt: int = 1) -> ActivityEnvironment:
    """An attempt at the step, each in a run of its own."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, workflow_run_id=str(uuid.uuid4()), attempt=attempt)
    return environment


class _NoEnvelope(Links):
    async def of_draft(self, connection: AsyncConnection, draft_id: str, sender: str) -> DraftLinks:  # noqa: ARG002
        return DraftLinks("0" * 40)

    def envelope_sender(self, message_hash: str, sender: str) -> str:
        raise ValueError(f"{message_hash}: {sender} can't be written down")


def _activities(scene: Scene, provider: ScriptedProvider, links: Links | None = None) -> StepActivities:
    sender = scene.settings().sender_address
    return StepActivities(
        scene.engine, provider, SendingPolicy(sender, links=links or Links()), SEND_TIMEOUT, "worker-test"
    )


async def _deliver(scene: Scene, activities: StepActivities, environment: ActivityEnvironment) -> StepResult:
    call = DeliverStep(instance_id=scene.instance(), step=1, due_at=datetime.now(UTC))
    return await environment.run(activities.deliver_step, call)


async def test_of_fifty_concurrent_callers_one_calls_and_the_others_hear_that_it_is_sending(scene: Scene) -> None:
    halt = Halt.new()
    activities = _activities(scene, provider := ScriptedProvider(after=halt))
    calls = [asyncio.create_task(_deliver(scene, activities, _attempt())) for _ in range(_CALLERS)]
    await halt.reached.wait()
    pending: set[asyncio.Task[StepResult]] = set(calls)
    while len(pending) > 1:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        answers = [call.result() for call in done]
        assert all(isinstance(each, Held) and each.reason is Reason.DRAFT_ALREADY_SENDING for each in answers), answers
    assert len(provider.begun) == 1
    halt.go.set()
    assert isinstance(await pending.pop(), StepDone)
    assert len(provider.begun) == len(provider.sent) == 1
    assert (await assert_counted(scene))["sent"] == 1


async def test_whoever_calls_after_the_record_is_told_the_recorded_result(scene: Scene) -> None:
    activities = _activities(scene, provider := ScriptedProvider())
    first = await _deliver(scene, activities, _attempt())
    later = await asyncio.gather(*(_deliver(scene, activities, _attempt()) for _ in range(_CALLERS)))
    assert all(answer == first for answer in later)
    assert isinstance(first, StepDone)
    assert first.state is DraftState.SENT
    assert len(provider.begun) == 1


async def test_an_attempt_after_the_first_never_sends(scene: Scene) -> None:
    activities = _activities(scene, provider := ScriptedProvider())
    answer = await _deliver(scene, activities, _attempt(attempt=2))
    assert isinstance(answer, Held), "nothing was sent: a fresh activity may claim it"
    assert provider.begun == []


async def test_a_claim_whose_letter_cannot_be_made_is_unknown_at_once_and_calls_nobody(scene: Scene) -> None:
    activities = _activities(scene, provider := ScriptedProvider(), _NoEnvelope())
    environment = ActivityEnvironment(client=scene.client)
    environment.info = replace(environment.info, workflow_id=scene.handle().id)
    answer = await _deliver(scene, activities, environment)
    assert isinstance(answer, Paused)
    assert (answer.reason, answer.code) == (Reason.SEND_OUTCOME_UNKNOWN, "unforeseen")
    assert (provider.begun, await scene.states()) == ([], ["unknown"])


async def test_a_claim_whose_machine_stood_still_sends_nothing_whatever_its_own_clock_says(scene: Scene) -> None:
    halt = Halt.new()
    sleeper, provider = _activities(scene, asleep := ScriptedProvider(before=halt)), ScriptedProvider()
    sleeping = asyncio.create_task(_deliver(scene, sleeper, _attempt()))
    await halt.reached.wait()
    await _settle_as_not_sent(scene)
    assert isinstance(await _deliver(scene, _activities(scene, provider), _attempt()), StepDone)
    halt.go.set()
    await sleeping
    assert (len(provider.sent), len(asleep.sent)) == (1, 0)


async def test_the_answer_of_a_claim_that_was_settled_changes_nothing_of_the_next_claim(scene: Scene) -> None:
    halt, other = Halt.new(), Halt.new()
    sleeping = asyncio.create_task(_deliver(scene, _activities(scene, ScriptedProvider(before=halt)), _attempt()))
    await halt.reached.wait()
    await _settle_as_not_sent(scene)
    provider = ScriptedProvider(before=other)
    sending = asyncio.create_task(_deliver(scene, _activities(scene, provider), _attempt()))
    await other.reached.wait()
    halt.go.set()
    await sleeping
    assert await scene.states() == ["sending"], "the next claim is not the woken one's to release"
    other.go.set()
    assert isinstance(await sending, StepDone)
    assert len(provider.sent) == 1


async def _settle_as_not_sent(scene: Scene) -> None:
    async with scene.engine.begin() as connection:  # an hour goes by, of which this process knows nothing
        await connection.execute(text("UPDATE drafts SET claimed_at = now() - interval '1h', overdue_at = now()"))
        asked = SettleStep(instance_id=scene.instance(), step=1, decision=Decision.NOT_SENT, by="grace")
        assert isinstance(await settle(connection, asked, "another run", "worker"), Paused)
    async with scene.engine.begin() as connection:
        assert isinstance(await settle(connection, asked, "another run", "worker"), Ready)


async def test_a_claim_whose_lease_is_over_by_the_clock_of_postgresql_sends_nothing(scene: Scene) -> None:
    halt = Halt.new()
    sleeping = asyncio.create_task(
        _deliver(scene, _activities(scene, provider := ScriptedProvider(before=halt)), _attempt())
    )
    await halt.reached.wait()
    async with scene.engine.begin() as connection:  # its lease is over, and nobody has settled it
        over = text("UPDATE drafts SET overdue_at = now() + make_interval(secs => :timeout)")
        await connection.execute(over, {"timeout": SEND_TIMEOUT.total_seconds()})
    halt.go.set()
    held = await sleeping
    assert isinstance(held, Held)
    assert held.reason is Reason.NOT_SENT
    assert provider.sent == []


async def test_a_claim_whose_lease_ends_while_the_database_answers_sends_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def answer_late(connection: AsyncConnection, draft_id: str, claim: Claim) -> bool:
        asked.append(await holds_claim(connection, draft_id, claim))
        monkeypatch.setattr("activities.steps._uptime", lambda: math.inf)
        return asked[-1]

    monkeypatch.setattr("activities.steps.holds_claim", answer_late)
    held = await _deliver(scene, _activities(scene, provider := ScriptedProvider()), _attempt())
    assert asked == [True]
    assert isinstance(held, Held)
    assert held.reason is Reason.NOT_SENT
    assert provider.sent == []


async def test_a_claim_that_cannot_ask_the_database_sends_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    halt = Halt.new()
    sleeping = asyncio.create_task(
        _deliver(scene, _activities(scene, provider := ScriptedProvider(before=halt)), _attempt())
    )
    await halt.reached.wait()

    def is_down_once(_: AsyncEngine) -> AsyncConnection:
        monkeypatch.undo()
        raise OperationalError("SELECT", {}, ConnectionRefusedError())

    monkeypatch.setattr(AsyncEngine, "connect", is_down_once)
    halt.go.set()
    held = await sleeping
    assert isinstance(held, Held)
    assert held.reason is Reason.NOT_SENT
    assert provider.sent == []


async def test_a_cancelled_attempt_finishes_its_begun_send(scene: Scene) -> None:
    halt = Halt.new()
    activities = _activities(scene, provider := ScriptedProvider(after=halt))
    call = asyncio.create_task(_deliver(scene, activities, environment := _attempt()))
    await halt.reached.wait()
    environment.cancel()
    environment.cancel()
    await asyncio.sleep(0)  # the turn of the loop in which the cancellation arrives
    halt.go.set()
    assert isinstance(await call, StepDone)
    assert await scene.states() == ["sent"]
    assert len(provider.sent) == 1
