"""Each transition carries the cause that made it, and nothing hangs on the words beside it."""

import uuid
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.steps import StepActivities
from domain.cause import Cause
from domain.command import Decision
from domain.draft import DraftKey, DraftState, draft_id
from domain.evidence import EvidenceKind
from domain.instance import Reason
from domain.lease import Lease
from domain.outcome import NotSent, Outcome, Unknown
from domain.step import (
    DecisionRefused,
    DeliverStep,
    Paused,
    PauseFollowUp,
    RecordOutcome,
    Settled,
    SettleStep,
    StepDone,
)
from providers.scripted import ScriptedProvider
from store.counting import StepKind, count_steps_of
from store.drafts import Claim, claim_draft
from store.evidence import Seen
from store.ledger import read_ledger
from tests.store.enrolled import enroll_one, put_draft
from transactions.evidence import EvidenceEffect, Taken, take_evidence
from transactions.record import record
from transactions.sending_policy import SendingPolicy
from transactions.settle import pause_for, settle

_SENDER = Address("Ada Lovelace", addr_spec="ada@example.test")
_Story = list[tuple[str, str, str | None]]


async def _story(engine: AsyncEngine, instance: str) -> _Story:
    async with engine.connect() as connection:
        return [(one.subject, one.to_state, one.cause) for one in await read_ledger(connection, instance)]


async def _settle(engine: AsyncEngine, instance: str, decision: Decision | None, by: str = "ops") -> Settled:
    async with engine.begin() as connection:
        return await settle(connection, SettleStep(instance_id=instance, step=1, decision=decision, by=by), "run", by)


async def _claimed(engine: AsyncEngine, instance: str, overdue: timedelta = timedelta(minutes=1)) -> Claim:
    """A claim whose last possible answer is overdue when `overdue` is negative."""
    claim = Claim(uuid.uuid4(), "run", "worker", Lease(timedelta(0), overdue))
    async with engine.begin() as connection:
        draft = await put_draft(connection, instance)
        assert await claim_draft(connection, draft, claim)
    return claim


async def _record(engine: AsyncEngine, instance: str, claim: Claim, outcome: Outcome) -> None:
    call = RecordOutcome(instance_id=instance, step=1, token=str(claim.token), outcome=outcome, generation=1)
    async with engine.begin() as connection:
        await record(connection, call, "worker")


async def test_a_sent_step_is_rendered_claimed_answered_and_the_next_one_is_advanced_to(engine: AsyncEngine) -> None:
    instance = await enroll_one(engine)
    activities = StepActivities(engine, ScriptedProvider(), SendingPolicy(_SENDER), timedelta(seconds=600), "worker")
    call = DeliverStep(instance_id=instance, step=1, due_at=datetime.now(UTC))
    await ActivityEnvironment().run(activities.deliver_step, call)
    draft = [one for one in await _story(engine, instance) if one[0] == "draft"]
    assert draft == [("draft", "pending", "rendered"), ("draft", "sending", "claimed"), ("draft", "sent", "answered")]
    assert (await _story(engine, instance))[0] == ("instance", "active", "enrolled")


@pytest.mark.parametrize(
    ("decision", "cause"),
    [
        (Decision.RESUME, Cause.RESUMED),
        (Decision.SENT, Cause.SAID_SENT),
        (Decision.NOT_SENT, Cause.SAID_NOT_SENT),
        (Decision.SKIP, Cause.SKIPPED),
        (Decision.STOP, Cause.STOPPED),
    ],
)
async def test_a_settled_send_carries_the_decision_that_settled_it(
    engine: AsyncEngine, decision: Decision, cause: Cause
) -> None:
    instance = await enroll_one(engine)
    claim = await _claimed(engine, instance, -timedelta(minutes=1))
    await _record(engine, instance, claim, Unknown(code="cut"))
    assert ("draft", "unknown", "unanswered") in await _story(engine, instance)
    await _settle(engine, instance, decision)
    story = await _story(engine, instance)
    assert [one[2] for one in story if one[0] == "draft"][-1] == cause
    assert ("task", "closed", str(cause)) in story


async def test_a_skip_before_there_is_a_draft_counts_as_skipped_by_its_cause_alone(engine: AsyncEngine) -> None:
    """I6: neither the words of the skip nor those of anything else decide what a step counts as."""
    skipped = await enroll_one(engine)
    await _settle(engine, skipped, Decision.SKIP)
    assert ("instance", "active", "skipped") in await _story(engine, skipped)
    paused = await enroll_one(engine, "lead-2")
    async with engine.begin() as connection:
        await connection.exec_driver_sql(
            "UPDATE instances SET status = 'paused', reason = 'operator', why = 'skipped, as it were' WHERE id = %s",
            (paused,),
        )
        await connection.exec_driver_sql("UPDATE instances SET step = 2 WHERE id = %s", (paused,))
    async with engine.connect() as connection:
        counted = {(one.instance_id, one.kind) for one in await count_steps_of(connection, [skipped, paused])}
    assert (skipped, StepKind.SKIPPED) in counted
    assert (paused, StepKind.UNACCOUNTED) in counted


@pytest.mark.parametrize("decision", [Decision.SKIP, Decision.RESUME, None])
async def test_a_word_that_is_heard_again_of_a_step_left_out_before_does_not_end_a_later_pause(
    engine: AsyncEngine, decision: Decision | None
) -> None:
    """As a run that was reset hears it: meanwhile the run before has come further, and waits for a person."""
    instance = await enroll_one(engine)
    skipped = await _settle(engine, instance, Decision.SKIP)
    async with engine.begin() as connection:
        paused = SettleStep(instance_id=instance, step=2)
        await pause_for(connection, PauseFollowUp(instance_id=instance, step=2, reason=Reason.OPERATOR, by="ops"))
    story = await _story(engine, instance)
    again = await _settle(engine, instance, decision)
    assert isinstance(skipped, StepDone)
    assert isinstance(again, StepDone)
    assert again.state is DraftState.SKIPPED
    assert await _story(engine, instance) == story
    async with engine.begin() as connection:
        assert await settle(connection, paused, "run", "ops") == Paused(reason=Reason.OPERATOR)


@pytest.mark.parametrize("by", ["ops", "somebody else"])
async def test_a_skip_that_is_heard_again_is_known_by_its_cause_and_actor(engine: AsyncEngine, by: str) -> None:
    instance = await enroll_one(engine)
    claim = await _claimed(engine, instance, -timedelta(minutes=1))
    await _record(engine, instance, claim, Unknown(code="cut"))
    await _settle(engine, instance, Decision.SKIP)
    again = await _settle(engine, instance, Decision.SKIP, by)
    assert isinstance(again, DecisionRefused) is (by != "ops")


async def test_what_settled_a_send_says_so_again_and_what_came_after_it_only_confirms(engine: AsyncEngine) -> None:
    """The later one is older by its own clock."""
    instance = await enroll_one(engine)
    claim = await _claimed(engine, instance)
    await _record(engine, instance, claim, Unknown(code="cut"))
    draft = draft_id(DraftKey(instance, 1))
    now = datetime.now(UTC)
    first = Seen(EvidenceKind.REPLY, "one", now)
    second = Seen(EvidenceKind.REPLY, "another", now - timedelta(days=1))
    taken = []
    for seen in (first, second, first):
        async with engine.begin() as connection:
            taken.append(await take_evidence(connection, draft, seen, "inbound"))
    assert taken == [Taken(EvidenceEffect.SETTLES), Taken(EvidenceEffect.CONFIRMS), Taken(EvidenceEffect.SETTLES)]
    assert ("draft", "sent", "seen") in await _story(engine, instance)


async def test_a_released_claim_and_its_hold_are_caused_by_the_answer(engine: AsyncEngine) -> None:
    instance = await enroll_one(engine)
    await _record(engine, instance, await _claimed(engine, instance), NotSent(code="refused"))
    story = await _story(engine, instance)
    assert story[-2:] == [("draft", DraftState.PENDING, "answered"), ("instance", "held", "answered")]
