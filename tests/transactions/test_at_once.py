"""Claims and stops that meet: PostgreSQL decides, and the invariants hold however it does."""

import asyncio
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.steps import StepActivities
from domain.command import Decision
from domain.draft import DraftState
from domain.instance import Reason
from domain.lease import Lease
from domain.step import DeliverStep, Held, Paused, SettleStep, StepDone, Stopped
from providers.scripted import Halt, ScriptedProvider
from store.drafts import Claim, StoredDraft, claim_draft
from tests.meeting import meet
from tests.scene import a_lead
from tests.store.enrolled import enroll_leads, enroll_one, put_draft
from transactions.claim import claim_step
from transactions.sending_policy import SendingPolicy
from transactions.settle import settle

SENDER = Address("Ada Lovelace", addr_spec="ada@example.test")
# So many pairs of transactions meet in every way two can.
_PAIRS = 1000


def _call(instance: str, step: int = 1) -> DeliverStep:
    return DeliverStep(instance_id=instance, step=step, due_at=datetime.now(UTC))


def _activities(engine: AsyncEngine, provider: ScriptedProvider) -> StepActivities:
    return StepActivities(engine, provider, SendingPolicy(SENDER), timedelta(seconds=600), "worker")


async def _claim(engine: AsyncEngine, instance: str, step: int = 1) -> object:
    claim = Claim(uuid.uuid4(), "run", "worker", Lease(timedelta(minutes=1), timedelta(minutes=10)))
    async with engine.begin() as connection:
        return await claim_step(connection, _call(instance, step), claim, SendingPolicy(SENDER))


async def _stop(engine: AsyncEngine, instance: str) -> object:
    call = SettleStep(instance_id=instance, step=1, decision=Decision.STOP, reason=Reason.REPLIED, by="app")
    async with engine.begin() as connection:
        return await settle(connection, call, "run", "app")


async def test_i2_of_fifty_claims_at_once_one_is_granted(engine: AsyncEngine) -> None:
    instance = await enroll_one(engine)
    answers = await asyncio.gather(*(_claim(engine, instance) for _ in range(50)))
    assert sum(isinstance(answer, StoredDraft) for answer in answers) == 1
    others = [answer for answer in answers if not isinstance(answer, StoredDraft)]
    assert all(isinstance(one, Held) and one.reason is Reason.DRAFT_ALREADY_SENDING for one in others)


async def test_i3_a_claim_whose_process_is_gone_is_unknown_to_whoever_comes_next(engine: AsyncEngine) -> None:
    instance = await enroll_one(engine)
    assert isinstance(await _claim(engine, instance), StoredDraft)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE drafts SET claimed_at = claimed_at - interval '6 s'"))
    found = await _claim(engine, instance)
    assert isinstance(found, Paused)
    assert found.reason is Reason.SEND_OUTCOME_UNKNOWN


@pytest.mark.parametrize("state", sorted(set(DraftState) - {DraftState.PENDING}))
async def test_i2_nothing_but_a_pending_draft_becomes_anybodys(engine: AsyncEngine, state: DraftState) -> None:
    claim = Claim(uuid.uuid4(), "run", "worker", Lease(timedelta(minutes=1), timedelta(minutes=10)))
    instance = await enroll_one(engine)
    async with engine.begin() as connection:
        draft = await put_draft(connection, instance, state=state)
        assert not await claim_draft(connection, draft, claim)


async def test_i1_i2_fifty_deliveries_at_once_make_one_call(engine: AsyncEngine) -> None:
    instance = await enroll_one(engine)
    provider = ScriptedProvider()
    activities = _activities(engine, provider)
    answers = await asyncio.gather(
        *(ActivityEnvironment().run(activities.deliver_step, _call(instance)) for _ in range(50))
    )
    assert [letter.draft_id for letter in provider.begun] == [f"{instance}/1/email"]
    assert all(isinstance(answer, StepDone | Held) for answer in answers)


async def test_i4_a_stop_committed_before_a_claim_began_prevents_it(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        instances = await enroll_leads(connection, [a_lead(f"lead-{n}") for n in range(_PAIRS)])
    pairs = await meet([(_claim(engine, instance), _stop(engine, instance)) for instance in instances])
    granted = Counter(isinstance(claimed.result, StoredDraft) for claimed, _ in pairs)
    assert set(granted) == {True, False}, "both sides won now and then, or nothing was tested"
    for claimed, stopped in pairs:
        if isinstance(claimed.result, StoredDraft):
            assert isinstance(stopped.result, Held), "the stop found the claim, and is told to look again"
            assert stopped.end > claimed.start, "the stop was committed first, and yet the claim was granted"
        else:
            assert claimed.result == Stopped(reason=Reason.REPLIED)
    async with engine.connect() as connection:
        sql = "SELECT count(*) FROM drafts JOIN instances i ON i.id = instance_id WHERE i.status = 'stopped'"
        assert (await connection.execute(text(sql))).scalar_one() == 0


async def _share_a_thread(engine: AsyncEngine, *leads: str) -> list[str]:
    async with engine.begin() as connection:
        instances = await enroll_leads(connection, [a_lead(lead) for lead in leads])
        await connection.execute(text("UPDATE instances SET thread_id = 'shared'"))
    return instances


async def _in_flight(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        sql = "SELECT count(*) FROM drafts WHERE thread_id = 'shared' AND state IN ('sending', 'unknown')"
        return int((await connection.execute(text(sql))).scalar_one())


async def test_i5_of_two_leads_in_one_thread_one_is_sent_to_and_the_other_waits(engine: AsyncEngine) -> None:
    first, second = await _share_a_thread(engine, "lead-1", "lead-2")
    halt = Halt.new()
    provider = ScriptedProvider(after=halt)
    activities = _activities(engine, provider)
    sending = asyncio.create_task(ActivityEnvironment().run(activities.deliver_step, _call(first)))
    await halt.reached.wait()
    other = await ActivityEnvironment().run(activities.deliver_step, _call(second))
    assert isinstance(other, Held)
    assert other.reason is Reason.THREAD_BUSY
    halt.go.set()
    assert isinstance(await sending, StepDone)
    assert isinstance(await ActivityEnvironment().run(activities.deliver_step, _call(second)), StepDone)


async def test_i5_a_thread_found_busy_by_the_index_alone_holds_the_step(engine: AsyncEngine) -> None:
    """Both claims have read that the thread is free; the second finds out when it writes."""
    first, second = await _share_a_thread(engine, "lead-1", "lead-2")
    provider = ScriptedProvider()
    activities = _activities(engine, provider)
    claim = Claim(uuid.uuid4(), "run", "worker", Lease(timedelta(minutes=1), timedelta(minutes=10)))
    async with engine.begin() as connection:
        assert isinstance(await claim_step(connection, _call(first), claim, SendingPolicy(SENDER)), StoredDraft)
        late = asyncio.create_task(ActivityEnvironment().run(activities.deliver_step, _call(second)))
        await _until_somebody_waits(engine)
    answer = await late
    assert isinstance(answer, Held)
    assert answer.reason is Reason.THREAD_BUSY
    assert provider.begun == []
    async with engine.connect() as connection:
        row = (
            await connection.execute(text("SELECT status, reason FROM instances WHERE id = :id"), {"id": second})
        ).one()
    assert tuple(row) == ("held", "thread_busy")


async def _until_somebody_waits(engine: AsyncEngine) -> None:
    """Wait until a transaction of this database waits for another one's."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    waiting = 0
    async with asyncio.timeout(30):
        while waiting == 0:  # PostgreSQL tells nobody that somebody waits
            async with engine.connect() as connection:
                waiting = (await connection.execute(text(sql))).scalar_one()


async def test_i5_many_claims_in_one_thread_at_once_never_have_two_in_flight(engine: AsyncEngine) -> None:
    instances = await _share_a_thread(engine, *(f"lead-{n}" for n in range(10)))
    halt = Halt.new()
    activities = _activities(engine, ScriptedProvider(after=halt))
    deliveries = [
        asyncio.create_task(ActivityEnvironment().run(activities.deliver_step, _call(one))) for one in instances
    ]
    await halt.reached.wait()
    while len(done := [one for one in deliveries if one.done()]) < len(deliveries) - 1:
        await asyncio.wait([one for one in deliveries if not one.done()], return_when=asyncio.FIRST_COMPLETED)
    assert all(isinstance(one.result(), Held) for one in done)
    assert await _in_flight(engine) == 1
    halt.go.set()
    answers = await asyncio.gather(*deliveries)
    assert Counter(answer.kind for answer in answers) == {"done": 1, "held": len(instances) - 1}
