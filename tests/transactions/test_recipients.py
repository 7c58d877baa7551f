"""Claims of one address under several lead ids that meet: PostgreSQL decides, and the rules hold by recipient."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.instance import Reason
from domain.lead import Lead
from domain.lease import Lease
from domain.limits import Limits
from domain.outcome import NotSent
from domain.sequence import Sequence, StopKind
from domain.step import DeliverStep, Held, Paused, RecordOutcome, Stopped
from store.drafts import Claim, StoredDraft
from store.engine import is_down
from store.leads import keep_addresses, lock_person
from store.locks import lock_domains, lock_recipients
from store.stops import RecordedStop, record_stop
from store.suppressions import suppress
from tests.meeting import meet
from tests.scene import a_lead, a_sequence
from tests.store.enrolled import WORKSPACE, enroll_leads, put_draft
from transactions.claim import claim_step
from transactions.enrol import Enrolling, WantedEnrolment, store_enrolments
from transactions.record import record
from transactions.sending_policy import SendingPolicy
from transactions.stop import end_reached

_SENDER = Address("Ada Lovelace", addr_spec="ada@example.test")
_AT_ONCE = 20
# So many pairs of transactions meet in every way two can.
_PAIRS = 1000
_TOLERANT = a_sequence(beside_others=True)


async def _claim(engine: AsyncEngine, instance: str, limits: Limits | None = None) -> object:
    claim = Claim(uuid.uuid4(), "run", "worker", Lease(timedelta(minutes=1), timedelta(minutes=10)))
    call = DeliverStep(instance_id=instance, step=1, due_at=datetime.now(UTC))
    while True:
        try:
            async with engine.begin() as connection:
                return await claim_step(connection, call, claim, SendingPolicy(_SENDER, limits or Limits()))
        except DBAPIError as error:
            if not is_down(error):  # as a worker does, whose wait for a lock was cut off on a busy machine
                raise


async def _enroll(engine: AsyncEngine, leads: list[Lead], sequence: Sequence = _TOLERANT) -> list[str]:
    async with engine.begin() as connection:
        return await enroll_leads(connection, leads, sequence)


def _sharing(count: int, email: str = "shared@example.test") -> list[Lead]:
    spellings = (email, email.upper(), email.title())
    return [a_lead(f"lead-{n}", email=spellings[n % 3]) for n in range(count)]


def _held(answers: list[object], reason: Reason) -> int:
    return sum(isinstance(answer, Held) and answer.reason is reason for answer in answers)


async def test_i10_a_weekly_cap_holds_for_an_address_under_two_hundred_ids_at_once(engine: AsyncEngine) -> None:
    instances = await _enroll(engine, _sharing(200))
    answers = await asyncio.gather(*(_claim(engine, one, Limits(lead_weekly_cap=3)) for one in instances))
    assert sum(isinstance(answer, StoredDraft) for answer in answers) == 3
    assert _held(answers, Reason.LEAD_WEEKLY_CAP) == 197


async def test_i5_i10_a_gap_holds_for_an_address_under_two_hundred_ids_at_once(engine: AsyncEngine) -> None:
    instances = await _enroll(engine, _sharing(200), a_sequence(beside_others=True, min_gap="4h"))
    answers = await asyncio.gather(*(_claim(engine, one) for one in instances))
    assert sum(isinstance(answer, StoredDraft) for answer in answers) == 1
    assert _held(answers, Reason.MINIMUM_GAP) == 199


async def test_i5_i10_a_gap_counts_what_went_where_the_draft_is_frozen_to(engine: AsyncEngine) -> None:
    """Its lead has moved since: the message goes to the old address all the same."""
    leads = [a_lead("moved", email="new@x.test"), a_lead("other", email="elsewhere@x.test")]
    moved, other = await _enroll(engine, leads, a_sequence(beside_others=True, min_gap="4h"))
    now = datetime.now(UTC)
    async with engine.begin() as connection:
        await put_draft(connection, moved, recipient="Old@x.test")
        await put_draft(connection, other, recipient="old@x.test", state="sent", claimed_at=now, sent_at=now)
    assert await _claim(engine, moved) == Held(until=now + timedelta(hours=4), reason=Reason.MINIMUM_GAP)


async def test_i10_of_a_hundred_follow_ups_of_one_address_that_tolerate_no_other_one_is_sent(
    engine: AsyncEngine,
) -> None:
    instances = await _enroll(engine, _sharing(100), a_sequence())
    answers = await asyncio.gather(*(_claim(engine, one) for one in instances))
    claimed = [one for one, answer in zip(instances, answers, strict=True) if isinstance(answer, StoredDraft)]
    assert len(claimed) == 1
    assert sum(answer == Paused(reason=Reason.RECIPIENT_IN_USE) for answer in answers) == 99
    async with engine.connect() as connection:
        sql = "SELECT count(*) FROM tasks WHERE kind = 'shared_recipient' AND state = 'open'"
        assert (await connection.execute(text(sql))).scalar_one() == 99


async def _stop(engine: AsyncEngine, lead_id: str) -> list[str]:
    async with engine.begin() as connection:
        known = await lock_person(connection, WORKSPACE, lead_id)
        assert known is not None
        stop = RecordedStop(
            event_id=f"stop-{lead_id}",
            lead_id=lead_id,
            kind=StopKind.REPLIED,
            occurred_at=datetime.now(UTC) + timedelta(minutes=1),
            recipients=(known.email,),
        )
        await record_stop(connection, WORKSPACE, stop)
        return await end_reached(connection, WORKSPACE, stop, "app")


async def test_i4_i10_after_a_stop_under_one_id_no_claim_under_another_begins_by_the_thousand(
    engine: AsyncEngine,
) -> None:
    addresses = [f"person-{n}@example.test" for n in range(_PAIRS)]
    written_to = await _enroll(engine, [a_lead(f"to-{n}", email=one.title()) for n, one in enumerate(addresses)])
    await _enroll(engine, [a_lead(f"from-{n}", email=one) for n, one in enumerate(addresses)])
    pairs = await meet([(_claim(engine, written_to[n]), _stop(engine, f"from-{n}")) for n in range(_PAIRS)])
    granted = Counter(isinstance(claimed.result, StoredDraft) for claimed, _ in pairs)
    assert set(granted) == {True, False}, "both sides won now and then, or nothing was tested"
    for claimed, stopped in pairs:
        if isinstance(claimed.result, StoredDraft):
            assert stopped.end > claimed.start, "the stop was committed first, and yet the claim was granted"
        else:
            assert claimed.result == Stopped(reason=Reason.REPLIED)


async def test_no_claim_begins_after_a_suppression_was_answered(engine: AsyncEngine) -> None:
    leads = [a_lead(f"lead-{n}", email=f"lead-{n}@{'a' if n % 2 else 'b'}.test") for n in range(400)]
    instances = await _enroll(engine, leads)

    async def suppressed() -> datetime:
        async with engine.begin() as connection:
            await suppress(connection, WORKSPACE, [*(lead.email for lead in leads[1::2]), "@b.test"], "test", "test")
        async with engine.connect() as connection:
            return (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()  # type: ignore[no-any-return]

    turns = asyncio.Semaphore(_AT_ONCE)

    async def claimed(instance: str) -> object:
        async with turns:
            return await _claim(engine, instance)

    claims = [asyncio.create_task(claimed(one)) for one in instances]
    await asyncio.wait(claims, return_when=asyncio.FIRST_COMPLETED)
    answered = await suppressed()
    answers = await asyncio.gather(*claims)
    assert {True, False} == {isinstance(answer, StoredDraft) for answer in answers}, "or nothing was tested"
    async with engine.connect() as connection:
        late = text("SELECT count(*) FROM drafts WHERE claimed_at > :answered")
        assert (await connection.execute(late, {"answered": answered})).scalar_one() == 0


async def test_a_claim_whose_lead_moves_while_it_waits_is_judged_at_the_new_address(engine: AsyncEngine) -> None:
    [instance] = await _enroll(engine, [a_lead("lead-1", email="old@example.test")])
    async with engine.begin() as connection:
        await suppress(connection, WORKSPACE, ["new@example.test"], "test", "test")
    async with engine.begin() as moving:
        await lock_person(moving, WORKSPACE, "lead-1", "new@example.test")
        claiming = asyncio.create_task(_claim(engine, instance))
        await _until_somebody_waits(engine)
        await moving.execute(text("UPDATE leads SET email = 'New@example.test'"))
    assert await claiming == Stopped(reason=Reason.SUPPRESSED)


async def _until_somebody_waits(engine: AsyncEngine) -> None:
    """Wait until a transaction of this database waits for another one's."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    waiting = 0
    async with asyncio.timeout(30):
        while waiting == 0:  # PostgreSQL tells nobody that somebody waits
            async with engine.connect() as connection:
                waiting = (await connection.execute(text(sql))).scalar_one()


_WAITS = text(
    """
    SELECT count(*) > 0 FROM pg_locks
    WHERE locktype = 'advisory' AND NOT granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND objid = CAST(hashtextextended(:name, 0) & 4294967295 AS oid)
    """
)


async def _waits(engine: AsyncEngine, task: asyncio.Task[Any], name: str) -> bool:
    """Say whether a transaction comes to wait for a lock; False when it ends without."""
    async with asyncio.timeout(30):
        while not task.done():  # PostgreSQL tells nobody that somebody waits
            async with engine.connect() as connection:
                if (await connection.execute(_WAITS, {"name": f"{WORKSPACE}/{name}"})).scalar_one():
                    return True
    return False


async def test_a_claim_whose_lead_moves_while_it_waits_waits_for_the_new_address_too(engine: AsyncEngine) -> None:
    [instance] = await _enroll(engine, [a_lead("lead-1", email="old@x.test")])
    async with engine.begin() as there, engine.begin() as moving:
        await lock_recipients(there, WORKSPACE, ["new@x.test"])  # somebody at the new address
        await lock_recipients(moving, WORKSPACE, ["old@x.test"])
        claiming = asyncio.create_task(_claim(engine, instance))
        assert await _waits(engine, claiming, "recipient/old@x.test")
        await moving.execute(text("UPDATE leads SET email = 'new@x.test'"))
        await moving.commit()
        assert await _waits(engine, claiming, "recipient/new@x.test")
    assert isinstance(await claiming, StoredDraft)


@pytest.mark.parametrize(
    ("lock", "named", "waits_for"),
    [
        pytest.param(lock_recipients, "new@x.test", "recipient/new@x.test", id="its lead's address"),
        pytest.param(lock_recipients, "old@y.test", "recipient/old@y.test", id="the address its draft is frozen to"),
        pytest.param(lock_domains, "x.test", "domain/x.test", id="the domain"),
    ],
)
async def test_a_claim_waits_for_whoever_has_locked_what_it_goes_to(
    engine: AsyncEngine,
    lock: Callable[[AsyncConnection, str, list[str]], Awaitable[None]],
    named: str,
    waits_for: str,
) -> None:
    [instance] = await _enroll(engine, [a_lead("lead-1", email="New@x.test")])
    async with engine.begin() as connection:
        await put_draft(connection, instance, recipient="Old@y.test")
    async with engine.begin() as holding:
        await lock(holding, WORKSPACE, [named])
        claiming = asyncio.create_task(_claim(engine, instance))
        assert await _waits(engine, claiming, waits_for)
    assert isinstance(await claiming, StoredDraft)


@pytest.mark.parametrize("entry", ["shared@example.test", "@example.test"])
async def test_a_suppression_waits_for_a_claim_that_is_under_way(engine: AsyncEngine, entry: str) -> None:
    [instance] = await _enroll(engine, _sharing(1))

    async def suppressed() -> None:
        async with engine.begin() as connection:
            await suppress(connection, WORKSPACE, [entry], "test", "test")

    await _waits_for_a_claim(engine, instance, suppressed(), entry)


async def test_i4_i10_a_stop_under_one_id_waits_for_a_claim_under_another(engine: AsyncEngine) -> None:
    [instance, _] = await _enroll(engine, _sharing(2))
    await _waits_for_a_claim(engine, instance, _stop(engine, "lead-1"), "shared@example.test")


async def test_i4_i10_a_stop_waits_for_a_claim_of_an_address_that_its_lead_had(engine: AsyncEngine) -> None:
    """It may have happened before the lead moved, and reaches whoever has that address."""
    [instance, _] = await _enroll(engine, [*_sharing(1), a_lead("moved")])
    async with engine.begin() as connection:
        await keep_addresses(connection, WORKSPACE, "moved", [(datetime.now(UTC), "shared@example.test")])
    await _waits_for_a_claim(engine, instance, _stop(engine, "moved"), "shared@example.test")


async def test_i4_i10_an_enrolment_waits_for_a_claim_of_an_address_that_its_lead_had(engine: AsyncEngine) -> None:
    """A stop that came before may be found to reach it."""
    [instance, _] = await _enroll(engine, [*_sharing(1), a_lead("moved")])
    async with engine.begin() as connection:
        await keep_addresses(connection, WORKSPACE, "moved", [(datetime.now(UTC), "shared@example.test")])
    enrolling = Enrolling(workspace=WORKSPACE, sequence=_TOLERANT, at=datetime.now(UTC), by="app", updates=True)

    async def enrolled() -> None:
        async with engine.begin() as connection:
            await store_enrolments(connection, enrolling, [WantedEnrolment(a_lead("moved"), "w:again:moved")])

    await _waits_for_a_claim(engine, instance, enrolled(), "shared@example.test")


async def _waits_for_a_claim(
    engine: AsyncEngine, instance: str, forbids: Coroutine[Any, Any, object], entry: str
) -> None:
    claim = Claim(uuid.uuid4(), "run", "worker", Lease(timedelta(minutes=1), timedelta(minutes=10)))
    call = DeliverStep(instance_id=instance, step=1, due_at=datetime.now(UTC))
    name = f"domain/{entry[1:]}" if entry.startswith("@") else f"recipient/{entry}"
    async with engine.begin() as claiming:
        assert isinstance(await claim_step(claiming, call, claim, SendingPolicy(_SENDER)), StoredDraft)
        forbidding = asyncio.create_task(forbids)
        assert await _waits(engine, forbidding, name)
    await forbidding


async def _left_with_a_draft(engine: AsyncEngine, sequence: Sequence) -> tuple[str, str]:
    """A lead whose draft is frozen to an address that is another lead's now; returns the follow-ups of both."""
    [left] = await _enroll(engine, [a_lead("left", email="Was@example.test")], sequence)
    assert isinstance(await _claim(engine, left), StoredDraft)
    async with engine.begin() as connection:
        token = (await connection.execute(text("SELECT claim_token FROM drafts"))).scalar_one()
        outcome = NotSent(code="smtp-eof-data")
        told = RecordOutcome(instance_id=left, step=1, token=str(token), outcome=outcome, generation=1)
        await record(connection, told, "worker")
        elsewhere = "UPDATE leads SET email = 'elsewhere@example.test', email_at = now() WHERE lead_id = 'left'"
        await connection.execute(text(elsewhere))
    [heir] = await _enroll(engine, [a_lead("heir", email="was@example.test")], sequence)
    assert isinstance(await _claim(engine, heir, Limits(lead_weekly_cap=1)), StoredDraft)
    return left, heir


async def test_i10_a_draft_that_is_frozen_to_an_address_waits_for_who_is_followed_up_there_now(
    engine: AsyncEngine,
) -> None:
    left, _ = await _left_with_a_draft(engine, a_sequence())
    assert await _claim(engine, left) == Paused(reason=Reason.RECIPIENT_IN_USE)


async def test_i10_a_cap_holds_for_the_address_that_a_draft_is_frozen_to(engine: AsyncEngine) -> None:
    left, _ = await _left_with_a_draft(engine, _TOLERANT)
    assert _held([await _claim(engine, left, Limits(lead_weekly_cap=1))], Reason.LEAD_WEEKLY_CAP) == 1
    assert isinstance(await _claim(engine, left, Limits(lead_weekly_cap=2)), StoredDraft)
