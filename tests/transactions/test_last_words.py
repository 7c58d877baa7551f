"""Words that come last: a stop of what a dead worker left behind, and an answer to what somebody else has settled."""

import uuid
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.command import Decision
from domain.instance import Reason
from domain.lease import Lease
from domain.outcome import Fault, NotSent, Refused, Sent, Unknown
from domain.step import DecisionRefused, DeliverStep, Paused, Ready, RecordOutcome, SettleStep, Stopped
from store.drafts import Claim, StoredDraft
from store.ledger import read_ledger
from tests.naming import message_hash
from tests.roles import without_guards
from tests.store.enrolled import enroll_one
from transactions.claim import claim_step
from transactions.record import record
from transactions.sending_policy import SendingPolicy
from transactions.settle import settle
from workflows.inbox import NO_PAUSE

_SENDER = Address("Ada Lovelace", addr_spec="ada@example.test")
_RUN = "run"


async def _claimed(engine: AsyncEngine, instance: str) -> StoredDraft:
    claim = Claim(uuid.uuid4(), _RUN, "worker", Lease(timedelta(minutes=1), timedelta(minutes=10)))
    call = DeliverStep(instance_id=instance, step=1, due_at=datetime.now(UTC))
    async with engine.begin() as connection:
        draft = await claim_step(connection, call, claim, SendingPolicy(_SENDER))
        assert isinstance(draft, StoredDraft)
        await connection.execute(text("UPDATE drafts SET claimed_at = claimed_at - interval '1 minute'"))
    return draft._replace(claim_token=claim.token)


async def _decide(engine: AsyncEngine, instance: str, decision: Decision | None) -> object:
    async with engine.begin() as connection:
        call = SettleStep(instance_id=instance, step=1, decision=decision, by="grace")
        return await settle(connection, call, _RUN, "worker")


async def _state(engine: AsyncEngine) -> str:
    async with engine.connect() as connection:
        return str((await connection.execute(text("SELECT state FROM drafts"))).scalar_one())


async def test_an_operators_stop_ends_what_a_dead_worker_was_sending(engine: AsyncEngine) -> None:
    instance = await enroll_one(engine)
    await _claimed(engine, instance)
    assert await _decide(engine, instance, Decision.STOP) == Stopped(reason=Reason.OPERATOR)
    assert await _state(engine) == "skipped"


async def test_a_refusal_of_our_configuration_that_comes_after_a_stop_leaves_nothing_pending(
    engine: AsyncEngine,
) -> None:
    instance = await enroll_one(engine)
    draft = await _claimed(engine, instance)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE instances SET status = 'stopped', reason = 'replied', who = 'app'"))
    async with engine.begin() as connection:
        outcome = Refused(code="smtp-535-auth", fault=Fault.CONFIGURATION)
        told = RecordOutcome(instance_id=instance, step=1, token=str(draft.claim_token), outcome=outcome)
        answered = await record(connection, told, "worker")
    assert (answered.result, await _state(engine)) == (Stopped(reason=Reason.REPLIED), "stopped")


async def test_i3_a_not_sent_that_is_committed_once_more_releases_no_later_try(engine: AsyncEngine) -> None:
    instance = await enroll_one(engine)
    said = SettleStep(
        instance_id=instance, step=1, decision=Decision.NOT_SENT, not_sent_from=await _overdue(engine, instance)
    )
    async with engine.begin() as connection:
        assert await settle(connection, said, _RUN, "worker") == Ready()
    await _overdue(engine, instance)
    async with engine.begin() as connection:
        refused = await settle(connection, said, _RUN, "worker")
    assert isinstance(refused, DecisionRefused)
    assert "tried again since" in refused.sentence
    assert await _state(engine) == "unknown"


@pytest.mark.parametrize("decision", [Decision.RESUME, Decision.SENT, Decision.NOT_SENT])
async def test_i3_what_was_said_before_a_send_became_uncertain_settles_nothing(
    engine: AsyncEngine, decision: Decision
) -> None:
    instance = await enroll_one(engine)
    await _overdue(engine, instance)
    said = SettleStep(instance_id=instance, step=1, decision=decision, not_sent_from=NO_PAUSE)
    async with engine.begin() as connection:
        assert isinstance(await settle(connection, said, _RUN, "worker"), DecisionRefused)
    assert await _state(engine) == "unknown"


async def _second_try(engine: AsyncEngine, instance: str) -> StoredDraft:
    """Claim the step, let it fail, and claim it once more; then restore the store to what was between the two."""
    first = await _claimed(engine, instance)
    async with engine.begin() as connection:
        outcome = NotSent(code="smtp-421-ehlo")
        told = RecordOutcome(instance_id=instance, step=1, token=str(first.claim_token), outcome=outcome)
        await record(connection, told, "worker")
    second = await _claimed(engine, instance)
    assert second.generation == 2
    async with engine.begin() as connection:
        await without_guards(connection)
        forgotten = "claim_token = NULL, claim_run = NULL, claimed_at = NULL, overdue_at = NULL"
        await connection.execute(text(f"UPDATE drafts SET state = 'pending', {forgotten}"))  # noqa: S608  # ours
    return second


async def test_an_uncertain_second_try_that_a_restored_store_has_forgotten_waits_for_a_person(
    engine: AsyncEngine,
) -> None:
    instance = await enroll_one(engine)
    draft = await _second_try(engine, instance)
    told = RecordOutcome(
        instance_id=instance, step=1, token=str(draft.claim_token), outcome=Unknown(code="cut"), generation=2
    )
    async with engine.begin() as connection:
        answered = await record(connection, told, "worker")
    assert answered.result == Paused(
        reason=Reason.STORE_IS_BEHIND, code="cut", message_hash=message_hash(f"{instance}/1/email")
    )


async def test_a_second_try_that_a_restored_store_has_forgotten_is_not_released_by_a_plain_resume(
    engine: AsyncEngine,
) -> None:
    instance = await enroll_one(engine)
    await _second_try(engine, instance)
    unknown = Reason.SEND_OUTCOME_UNKNOWN
    said = SettleStep(instance_id=instance, step=1, decision=Decision.RESUME, paused_for=unknown, generation=2)
    async with engine.begin() as connection:
        refused = await settle(connection, said, _RUN, "worker")
    assert isinstance(refused, DecisionRefused)
    assert "restored to an earlier point" in refused.sentence


async def _overdue(engine: AsyncEngine, instance: str) -> datetime:
    """Claim the step, lose the worker, and let the last possible answer be overdue; returns since when it is."""
    await _claimed(engine, instance)
    await _decide(engine, instance, None)
    async with engine.begin() as connection:
        moved = "UPDATE drafts SET overdue_at = clock_timestamp() RETURNING overdue_at"
        overdue: datetime = (await connection.execute(text(moved))).scalar_one()
        return overdue


async def test_i8_an_answer_that_contradicts_a_decision_is_noted_and_changes_nothing(engine: AsyncEngine) -> None:
    instance = await enroll_one(engine)
    draft = await _claimed(engine, instance)
    await _decide(engine, instance, None)
    await _decide(engine, instance, Decision.SKIP)
    async with engine.begin() as connection:
        outcome = Sent(code="smtp-250")
        await record(
            connection,
            RecordOutcome(instance_id=instance, step=1, token=str(draft.claim_token), outcome=outcome),
            "worker",
        )
    async with engine.connect() as connection:
        notes = [entry.to_state for entry in await read_ledger(connection, instance) if entry.subject == "note"]
    assert (await _state(engine), notes) == ("skipped", ["late_answer"])
