"""Running follow-ups moved to another version of their sequence: which may, and what a claim beside it sees."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.lease import Lease
from domain.outcome import Sent
from domain.sequence import Sequence, StopKind
from domain.step import DeliverStep, RecordOutcome, StepDone
from store.drafts import Claim, StoredDraft
from store.ledger import read_ledger
from store.locks import lock_leads
from store.sequences import Movement, Upgradable, lock_upgradable, move, save_sequence
from store.stops import RecordedStop, record_stop
from tests.scene import a_lead, a_sequence
from tests.store.enrolled import WORKSPACE, enroll_leads
from transactions.claim import claim_step
from transactions.record import record
from transactions.sending_policy import SendingPolicy
from transactions.upgrade import Outlook, Upgrade, objection

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SENDER = Address("Ada Lovelace", addr_spec="ada@example.test")
Step = dict[str, Any]


def _sequence(*bodies: str, **more: Any) -> Sequence:
    steps: list[Step] = [{"wait": timedelta(0), "body": body} for body in bodies]
    return a_sequence(steps=[steps[0] | {"subject": "Following up"}, *steps[1:]], **more)


OLD = _sequence("one", "two", "three")


def _at(step: int, drafted: int, **lead: str) -> Upgradable:
    return Upgradable("w:no-reply:lead-1", a_lead(**lead), OLD.version, step, drafted, NOW, "active")


@pytest.mark.parametrize(
    ("new", "step", "drafted", "why"),
    [
        (_sequence("one", "two", "3"), 2, 1, None),
        (_sequence("one", "two", "3"), 3, 2, None),
        (_sequence("one", "two", "3"), 3, 3, "step 3 changed, and has its message already"),
        (_sequence("1", "two", "three"), 1, 0, None),
        (_sequence("1", "two", "three"), 1, 1, "step 1 changed, and has its message already"),
        (_sequence("1", "two", "three"), 2, 1, "step 1 changed, and is behind it"),
        # a step without a draft, which a person skipped, is behind it all the same
        (_sequence("1", "two", "three"), 2, 0, "step 1 changed, and is behind it"),
        (_sequence("one"), 1, 1, None),
        (_sequence("one"), 2, 1, "it is at step 2, and the new version has 1"),
        (_sequence("one", "two", "three", "four"), 3, 3, None),
        (_sequence("one", "two", "three", min_gap=DAY), 3, 3, None),
        (_sequence("one", "two {{ plan }}"), 2, 1, "step 2, body: 'plan' is undefined: give the lead a column of "),
        (_sequence("one", "two", "three {{ name }}"), 1, 0, None),
    ],
)
def test_only_what_lies_ahead_may_differ(new: Sequence, step: int, drafted: int, why: str | None) -> None:
    found = objection(OLD, new, _at(step, drafted), [])
    assert found == why or str(found).startswith(str(why))


def test_a_message_that_is_written_needs_no_data_of_its_lead_any_more() -> None:
    old, new = _sequence("Hello {{ name }}"), _sequence("Hello {{ name }}", "two")
    nameless = _at(1, 1, name="")
    assert objection(old, new, nameless, []) is None
    assert "'name' is undefined" in str(objection(old, new, nameless._replace(drafted=0), []))


def _replied(lead_id: str, at: datetime) -> RecordedStop:
    return RecordedStop(event_id="event-1", lead_id=lead_id, kind=StopKind.REPLIED, occurred_at=at, recorded_at=at)


def test_who_would_have_been_stopped_under_the_new_version_stays() -> None:
    tolerant = _sequence("one", "two", "three", stop_on=["booked"])
    replied = _replied("lead-1", NOW + DAY)
    assert "its lead replied since" in str(objection(tolerant, OLD, _at(2, 1), [replied]))
    before = _replied("lead-1", NOW - DAY)
    assert objection(tolerant, OLD, _at(2, 1), [before]) is None
    assert objection(OLD, tolerant, _at(2, 1), [replied]) is None


async def _enroll(engine: AsyncEngine, leads: int, sequence: Sequence = OLD) -> list[str]:
    async with engine.begin() as connection:
        return await enroll_leads(connection, [a_lead(f"lead-{n}") for n in range(leads)], sequence)


async def _claim(engine: AsyncEngine, instance: str) -> StoredDraft:
    claim = Claim(uuid.uuid4(), "run", "worker", Lease(timedelta(minutes=1), timedelta(minutes=10)))
    call = DeliverStep(instance_id=instance, step=1, due_at=datetime.now(UTC))
    async with engine.begin() as connection:
        draft = await claim_step(connection, call, claim, SendingPolicy(SENDER))
    assert isinstance(draft, StoredDraft)
    return draft._replace(claim_token=claim.token)


async def _versions(engine: AsyncEngine) -> dict[str, tuple[str, int]]:
    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT id, version, steps FROM instances"))
        return {row.id: (row.version, row.steps) for row in rows}


async def _until_somebody_waits(engine: AsyncEngine) -> None:
    sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(30):
        while True:  # PostgreSQL tells nobody that somebody waits
            async with engine.connect() as connection:
                if (await connection.execute(text(sql))).scalar_one():
                    return


def _upgrade(engine: AsyncEngine, to: Sequence) -> Upgrade:
    return Upgrade(engine, Movement(WORKSPACE, to.name, to.version), to, by="ada", note="better words")


async def test_what_is_claimed_between_looking_and_moving_keeps_its_version(engine: AsyncEngine) -> None:
    instances = await _enroll(engine, 205)
    new = _sequence("1", "two", "three", "four")
    upgrade, advanced = _upgrade(engine, new), list[int]()
    [outlook] = (await upgrade.look(advanced.append)).values()
    assert (outlook.moves, outlook.stays, advanced) == ({1: 205}, {}, [100, 100, 5])
    assert upgrade.last is not None
    await _claim(engine, instances[0])
    done = Outlook()
    await upgrade.move(upgrade.last, done, advanced.append)
    assert (done.moves, done.stays) == ({1: 204}, {"step 1 changed, and has its message already": 1})
    versions = await _versions(engine)
    assert versions.pop(instances[0]) == (OLD.version, 3)
    assert set(versions.values()) == {(new.version, 4)}
    async with engine.connect() as connection:
        last = (await read_ledger(connection, instances[1]))[-1]
    assert (last.subject, last.to_state, last.who) == ("note", "upgraded", "ada")
    assert last.why == f"from version {OLD.version} to {new.version}: better words"


async def test_what_is_claimed_while_its_lock_is_waited_for_keeps_its_version(engine: AsyncEngine) -> None:
    [instance] = await _enroll(engine, 1)
    upgrade = _upgrade(engine, _sequence("1", "two", "three"))
    await upgrade.look(lambda _: None)
    assert upgrade.last is not None
    done, claim = Outlook(), Claim(uuid.uuid4(), "run", "worker", Lease(timedelta(minutes=1), timedelta(minutes=10)))
    async with engine.begin() as connection:
        call = DeliverStep(instance_id=instance, step=1, due_at=datetime.now(UTC))
        assert isinstance(await claim_step(connection, call, claim, SendingPolicy(SENDER)), StoredDraft)
        moving = asyncio.create_task(upgrade.move(upgrade.last, done, lambda _: None))
        await _until_somebody_waits(engine)
    await moving
    assert (done.moves.total(), done.stays.total()) == (0, 1)
    assert (await _versions(engine))[instance] == (OLD.version, 3)


async def _move_while(engine: AsyncEngine, instance: str, to: Sequence, what: Any) -> Any:
    """Move an instance while something else waits for its lead's lock; return what that did afterwards."""
    async with engine.begin() as connection:
        await lock_leads(connection, WORKSPACE, ["lead-0"])
        moving = await lock_upgradable(connection, Movement(WORKSPACE, to.name, to.version), [instance])
        beside = asyncio.create_task(what)
        await _until_somebody_waits(engine)
        await save_sequence(connection, WORKSPACE, to)
        await move(connection, moving, to, by="ada")
    return await beside


async def test_a_claim_that_waited_for_an_upgrade_writes_the_new_version(engine: AsyncEngine) -> None:
    [instance] = await _enroll(engine, 1)
    draft = await _move_while(engine, instance, _sequence("better", "two"), _claim(engine, instance))
    async with engine.connect() as connection:
        sql = "SELECT content FROM drafts WHERE id = :id"
        content = (await connection.execute(text(sql), {"id": draft.id})).scalar_one()
    assert bytes(content).endswith(b"\r\nbetter\r\n")


@pytest.mark.parametrize(("old", "new"), [(1, 3), (3, 1)])
async def test_an_answer_that_waited_for_an_upgrade_goes_on_as_the_new_version_says(
    engine: AsyncEngine, old: int, new: int
) -> None:
    bodies = ["one", "two", "three"]
    [instance] = await _enroll(engine, 1, _sequence(*bodies[:old]))
    token = str((await _claim(engine, instance)).claim_token)

    async def answer() -> StepDone:
        call = RecordOutcome(instance_id=instance, step=1, token=token, outcome=Sent(code="ok"))
        async with engine.begin() as connection:
            result = (await record(connection, call, "worker")).result
        assert isinstance(result, StepDone)
        return result

    done = await _move_while(engine, instance, _sequence(*bodies[:new]), answer())
    assert (done.steps, done.next_due_at is None) == (new, new == 1)


async def test_a_stop_that_the_old_version_let_pass_is_found_in_the_store(engine: AsyncEngine) -> None:
    tolerant = _sequence("one", "two", stop_on=["booked"])
    [first, second] = await _enroll(engine, 2, tolerant)
    later = datetime.now(UTC) + DAY
    async with engine.begin() as connection:
        await record_stop(connection, WORKSPACE, _replied("lead-0", later))
        await connection.execute(text("UPDATE instances SET status = 'completed' WHERE id = :id"), {"id": second})
    [outlook] = (await _upgrade(engine, _sequence("one", "two")).look(lambda _: None)).values()
    assert (outlook.moves.total(), list(outlook.examples.values())) == (0, [first]), "and who has ended is not meant"
