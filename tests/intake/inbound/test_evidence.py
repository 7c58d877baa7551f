"""Evidence at the database: it settles what is unknown, contradicts what was decided, and never causes a send."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.cause import Cause
from domain.command import Decision
from domain.evidence import EvidenceKind
from domain.instance import InstanceStatus, Reason
from domain.lease import Lease
from domain.outcome import NotSent, Outcome, Sent, Unknown
from domain.step import DeliverStep, Held, Paused, RecordOutcome, SettleStep, StepDone, Stopped
from store.drafts import Claim, StoredDraft
from store.engine import open_engine
from store.evidence import Seen
from store.instances import set_status
from tests.roles import without_guards
from tests.scene import a_lead
from tests.store.enrolled import enroll_leads, enroll_one, put_draft
from transactions.claim import claim_step
from transactions.evidence import EvidenceEffect, Taken, take_evidence
from transactions.record import record
from transactions.sending_policy import SendingPolicy
from transactions.settle import settle

_SENDER = Address("Ada Lovelace", addr_spec="ada@example.test")
_AT = datetime(2026, 2, 1, tzinfo=UTC)
_REPLY = Seen(EvidenceKind.REPLY, "inbound:1", _AT)
_MANY, _SEEN, _AT_ONCE = 1000, 700, 10


@pytest.fixture
async def engine(application_url: str) -> AsyncIterator[AsyncEngine]:
    opened = open_engine(application_url, connections=_AT_ONCE)
    yield opened
    await opened.dispose()


async def _take(engine: AsyncEngine, draft: str, seen: Seen = _REPLY) -> Taken:
    async with engine.begin() as connection:
        return await take_evidence(connection, draft, seen, seen.source)


async def _deliver(engine: AsyncEngine, instance: str) -> tuple[Claim, object]:
    call = DeliverStep(instance_id=instance, step=1, due_at=datetime.now(UTC))
    claim = Claim(uuid.uuid4(), "run", "worker", Lease(timedelta(minutes=1), timedelta(minutes=10)))
    async with engine.begin() as connection:
        return claim, await claim_step(connection, call, claim, SendingPolicy(_SENDER))


async def _record(engine: AsyncEngine, instance: str, claim: Claim, outcome: Outcome) -> object:
    call = RecordOutcome(instance_id=instance, step=1, token=str(claim.token), outcome=outcome)
    async with engine.begin() as connection:
        return (await record(connection, call, "worker")).result


async def _rows(engine: AsyncEngine, sql: str) -> list[Any]:
    async with engine.connect() as connection:
        return list(await connection.execute(text(sql)))


async def _put(engine: AsyncEngine, state: str, **more: Any) -> str:
    """An instance whose first draft is as it is said; paused, if that is unknown."""
    instance = await enroll_one(engine)
    async with engine.begin() as connection:
        if state == "unknown":
            status, reason = InstanceStatus.PAUSED, Reason.SEND_OUTCOME_UNKNOWN
            await set_status(connection, instance, status, reason, by="test", why="test", cause=Cause.UNANSWERED)
        return await put_draft(connection, instance, state=state, **more)


async def _instance(engine: AsyncEngine) -> tuple[str, str, int]:
    [row] = await _rows(engine, "SELECT status, reason, step FROM instances")
    return row.status, row.reason, row.step


async def _alarms(engine: AsyncEngine) -> int:
    return len(await _rows(engine, "SELECT 1 FROM tasks WHERE kind = 'alarm' AND state = 'open'"))


async def _everything(engine: AsyncEngine) -> list[Any]:
    tables = ("drafts", "instances", "tasks", "evidence", "ledger")
    return [await _rows(engine, f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]  # noqa: S608  # ours


async def test_i3_of_a_thousand_unknown_sends_evidence_settles_just_those_that_were_seen(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        instances = await enroll_leads(connection, [a_lead(f"lead-{n}") for n in range(_MANY)])
        await without_guards(connection)
        await connection.execute(text(_UNKNOWN_OF_ALL))
        await connection.execute(text("UPDATE instances SET status = 'paused', reason = 'send_outcome_unknown'"))
        await connection.execute(text(_TASK_OF_ALL))
    seen = random.sample([f"{instance}/1/email" for instance in instances], _SEEN)
    told = [(draft, source) for draft in seen for source in random.choice([("a",), ("a", "b"), ("a", "a", "b")])]
    random.shuffle(told)
    limit = asyncio.Semaphore(_AT_ONCE)

    async def tell(draft: str, source: str) -> None:
        async with limit:
            await _take(engine, draft, Seen(random.choice(list(EvidenceKind)[:4]), source, _AT))

    await asyncio.gather(*(tell(*one) for one in told))
    sent = await _rows(engine, "SELECT id, sent_at FROM drafts WHERE state = 'sent'")
    assert {row.id for row in sent} == set(seen)
    assert len(await _rows(engine, "SELECT 1 FROM drafts WHERE state = 'unknown'")) == _MANY - _SEEN
    assert {tuple(row) for row in await _rows(engine, _STANDING)} == {
        ("sent", "active", "none", 2, "closed"),
        ("unknown", "paused", "send_outcome_unknown", 1, "open"),
    }
    assert len(await _rows(engine, "SELECT 1 FROM evidence")) == len(set(told))
    # I8: each was settled once, and the ledger says by what
    settled = await _rows(engine, "SELECT who, why FROM ledger WHERE subject = 'draft' AND to_state = 'sent'")
    assert len(settled) == _SEEN
    assert {row.who for row in settled} <= {"a", "b"}


_UNKNOWN_OF_ALL = """
    INSERT INTO drafts (id, instance_id, step, thread_id, state, message_id, sender, recipient, subject, content,
           fingerprint, claim_token, claim_run, claimed_at, overdue_at, who, why)
    SELECT id || '/1/email', id, 1, thread_id, 'unknown', id, 's', 'r', 's', '', 'f', gen_random_uuid(), 'run', now(),
           now(), 'test', 'test' FROM instances"""
_TASK_OF_ALL = """
    INSERT INTO tasks (instance_id, step, kind, who, why)
    SELECT id, 1, 'settle_outcome', 'test', 'test' FROM instances"""
_STANDING = """
    SELECT DISTINCT d.state, i.status, i.reason, i.step, t.state AS task
    FROM drafts d JOIN instances i ON i.id = d.instance_id JOIN tasks t ON t.instance_id = i.id"""


@pytest.mark.parametrize("state", ["unknown", "sent", "pending", "refused"])
async def test_evidence_that_comes_twice_changes_nothing_the_second_time(engine: AsyncEngine, state: str) -> None:
    draft = await _put(engine, state)
    first = await _take(engine, draft)
    before = await _everything(engine)
    assert await _take(engine, draft) == first
    assert await _everything(engine) == before


async def test_i4_what_was_stopped_stays_stopped_when_evidence_settles_its_send(engine: AsyncEngine) -> None:
    draft = await _put(engine, "unknown")
    async with engine.begin() as connection:
        instance = draft.split("/")[0]
        await set_status(
            connection, instance, InstanceStatus.STOPPED, Reason.REPLIED, by="app", why="replied", cause=Cause.STOPPED
        )
    assert await _take(engine, draft) == Taken(EvidenceEffect.SETTLES)
    assert await _instance(engine) == ("stopped", "replied", 1)
    async with engine.begin() as connection:
        call = SettleStep(instance_id=instance, step=1, decision=Decision.RESUME, by="evidence")
        assert await settle(connection, call, "run", "worker") == Stopped(reason=Reason.REPLIED)


async def test_a_send_that_was_seen_while_it_was_under_way_is_sent_though_its_answer_never_comes(
    engine: AsyncEngine,
) -> None:
    instance = await enroll_one(engine)
    claim, claimed = await _deliver(engine, instance)
    assert isinstance(claimed, StoredDraft)
    assert await _take(engine, claimed.id) == Taken(EvidenceEffect.KEPT)
    assert [row.state for row in await _rows(engine, "SELECT state FROM drafts")] == ["sending"]
    assert isinstance(await _record(engine, instance, claim, Unknown(code="cut")), StepDone)
    [draft] = await _rows(engine, "SELECT state, code, why FROM drafts")
    assert tuple(draft) == ("sent", "cut", "its message was seen: reply, inbound:1")
    assert await _rows(engine, "SELECT 1 FROM tasks") == []
    assert await _instance(engine) == ("active", "none", 2)


async def test_i4_of_a_send_that_was_seen_and_stopped_meanwhile_the_workflow_hears_that_it_is_over(
    engine: AsyncEngine,
) -> None:
    instance = await enroll_one(engine)
    claim, claimed = await _deliver(engine, instance)
    assert isinstance(claimed, StoredDraft)
    await _take(engine, claimed.id)
    async with engine.begin() as connection:
        await set_status(
            connection, instance, InstanceStatus.STOPPED, Reason.REPLIED, by="app", why="replied", cause=Cause.STOPPED
        )
    assert await _record(engine, instance, claim, Unknown(code="cut")) == Stopped(reason=Reason.REPLIED)
    assert [row.state for row in await _rows(engine, "SELECT state FROM drafts")] == ["sent"]


async def test_a_send_that_was_seen_is_sent_though_its_worker_died(engine: AsyncEngine) -> None:
    instance = await enroll_one(engine)
    _, claimed = await _deliver(engine, instance)
    assert isinstance(claimed, StoredDraft)
    await _take(engine, claimed.id)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE drafts SET claimed_at = claimed_at - interval '6 s'"))
        result = await settle(connection, SettleStep(instance_id=instance, step=1), "run", "worker")
    assert isinstance(result, StepDone)
    assert await _instance(engine) == ("active", "none", 2)


async def test_evidence_of_a_send_that_is_answered_changes_nothing_of_its_answer(engine: AsyncEngine) -> None:
    instance = await enroll_one(engine)
    claim, claimed = await _deliver(engine, instance)
    assert isinstance(claimed, StoredDraft)
    await _take(engine, claimed.id)
    assert isinstance(await _record(engine, instance, claim, Sent(code="250")), StepDone)
    assert await _alarms(engine) == 0


async def test_what_was_seen_is_not_sent_again_though_its_provider_says_that_it_was_not_sent(
    engine: AsyncEngine,
) -> None:
    instance = await enroll_one(engine)
    claim, claimed = await _deliver(engine, instance)
    assert isinstance(claimed, StoredDraft)
    await _take(engine, claimed.id)
    assert isinstance(await _record(engine, instance, claim, NotSent(code="timeout")), Held)
    for _ in range(2):  # also after somebody resumed it
        assert (await _deliver(engine, instance))[1] == Paused(reason=Reason.EVIDENCE_CONTRADICTS)
        async with engine.begin() as connection:
            call = SettleStep(instance_id=instance, step=1, decision=Decision.RESUME, by="ops")
            await settle(connection, call, "run", "worker")
    assert await _alarms(engine) == 1
    [draft] = await _rows(engine, "SELECT state, generation FROM drafts")
    assert tuple(draft) == ("pending", 2)


async def test_what_an_operator_said_was_not_sent_is_not_sent_once_it_was_seen(engine: AsyncEngine) -> None:
    draft = await _put(engine, "pending", generation=2)
    assert await _take(engine, draft) == Taken(EvidenceEffect.CONTRADICTS, paused=True)
    assert await _instance(engine) == ("paused", "evidence_contradicts", 1)
    assert await _alarms(engine) == 1
    assert (await _deliver(engine, draft.split("/")[0]))[1] == Paused(reason=Reason.EVIDENCE_CONTRADICTS)


async def test_a_pause_that_somebody_asked_for_keeps_its_reason_and_still_nothing_is_sent(engine: AsyncEngine) -> None:
    draft = await _put(engine, "pending")
    instance = draft.split("/")[0]
    async with engine.begin() as connection:
        await set_status(
            connection, instance, InstanceStatus.PAUSED, Reason.OPERATOR, by="ops", why="asked", cause=Cause.PAUSED
        )
    assert await _take(engine, draft) == Taken(EvidenceEffect.CONTRADICTS)
    assert await _instance(engine) == ("paused", "operator", 1)
    async with engine.begin() as connection:
        call = SettleStep(instance_id=instance, step=1, decision=Decision.RESUME, by="ops")
        await settle(connection, call, "run", "worker")
    assert (await _deliver(engine, instance))[1] == Paused(reason=Reason.EVIDENCE_CONTRADICTS)


@pytest.mark.parametrize("state", ["skipped", "refused", "stopped"])
async def test_what_ended_unsent_and_was_seen_raises_an_alarm_and_stays_as_it_is(
    engine: AsyncEngine, state: str
) -> None:
    draft = await _put(engine, state)
    assert await _take(engine, draft) == Taken(EvidenceEffect.CONTRADICTS)
    assert await _alarms(engine) == 1
    assert [row.state for row in await _rows(engine, "SELECT state FROM drafts")] == [state]
    assert (await _instance(engine))[:2] == ("active", "none")


async def test_two_copies_among_the_sent_raise_an_alarm_and_one_does_not(engine: AsyncEngine) -> None:
    draft = await _put(engine, "unknown")
    first = Seen(EvidenceKind.SENT_COPY, "imap:host/Sent/1/7", _AT)
    for _ in range(2):
        await _take(engine, draft, first)
    await _take(engine, draft, _REPLY)
    assert await _alarms(engine) == 0
    assert await _take(engine, draft, first._replace(source="imap:host/Sent/1/8")) == Taken(EvidenceEffect.CONFIRMS)
    assert await _alarms(engine) == 1
    [task] = await _rows(engine, "SELECT why FROM tasks WHERE kind = 'alarm'")
    assert task.why == "its message was sent 2 times: imap:host/Sent/1/7, imap:host/Sent/1/8"


async def test_evidence_of_no_draft_of_ours_is_a_mistake_of_the_caller(engine: AsyncEngine) -> None:
    instance = await enroll_one(engine)
    with pytest.raises(LookupError):
        await _take(engine, f"{instance}/1/email")
