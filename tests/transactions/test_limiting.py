"""Caps and gaps on a clock of the test: nobody is early, the caps hold, and nobody wakes more often than they must."""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.cause import Cause
from domain.instance import Reason
from domain.limits import Limits
from domain.schedule import next_permitted
from domain.sequence import Window
from domain.step import Held
from store.drafts import stop_pending
from store.leads import lock_lead
from tests.scene import a_lead
from tests.store.enrolled import enroll_leads, put_draft
from transactions.limits import Turn, await_turn, count_turn
from transactions.locked_step import LockedStep

_START = datetime(2026, 3, 2, 8, tzinfo=UTC)  # a Monday
_NEVER = _START + timedelta(days=3650)
_GAP = timedelta(seconds=30)
_OFFICE = Window.model_validate({"days": "mon-fri", "from": "09:00", "to": "17:00"})


class _Sent(NamedTuple):
    """What became of the instances of a run: when each was sent, how often each woke, and why they were held."""

    at: dict[str, datetime]
    woken: Counter[str]
    reasons: set[Reason]


def _any_time(instant: datetime) -> datetime:
    return instant.astimezone(UTC)


def _office_hours(instant: datetime) -> datetime:
    return next_permitted(instant, _OFFICE, ZoneInfo("Europe/Berlin"), lambda _: False)


async def _look(
    engine: AsyncEngine,
    instance: str,
    now: datetime,
    limits: Limits,
    permitted: Callable[[datetime], datetime] = _any_time,
    expires_at: datetime = _NEVER,
) -> Held | None:
    async with engine.begin() as connection:
        locked = await lock_lead(connection, instance)
        assert locked is not None
        turn = Turn(
            LockedStep(connection, locked, 1, "worker"),
            locked.recipient,
            "Ada@example.test",
            now,
            expires_at,
            permitted,
        )
        return await await_turn(turn, limits)


async def _enroll(engine: AsyncEngine, count: int) -> list[str]:
    async with engine.begin() as connection:
        return await enroll_leads(connection, [a_lead(f"lead-{n:03}") for n in range(count)])


async def _run(
    engine: AsyncEngine,
    instances: list[str],
    limits: Limits,
    permitted: Callable[[datetime], datetime] = _any_time,
    late: Callable[[], timedelta] = timedelta,
) -> _Sent:
    """Let each wake when it was told to, a little late, until all are sent."""
    sent = _Sent({}, Counter(), set())
    waking = [(permitted(_START), instance) for instance in instances]
    heapq.heapify(waking)
    while waking:
        due, instance = heapq.heappop(waking)
        now = due + late()
        sent.woken[instance] += 1
        held = await _look(engine, instance, now, limits, permitted)
        if held is None:
            sent.at[instance] = now
        else:
            assert held.until > now
            sent.reasons.add(held.reason)
            heapq.heappush(waking, (held.until, instance))
    return sent


async def test_sends_of_one_sender_keep_their_gap_and_each_sleeps_until_its_turn(engine: AsyncEngine) -> None:
    instances = await _enroll(engine, 60)
    seeded = random.Random(1)
    late = lambda: timedelta(seconds=seeded.random() * 0.9)  # noqa: E731  # a worker's usual delay
    sent = await _run(engine, instances, Limits(sender_gap=_GAP), late=late)
    instants = sorted(sent.at.values())
    assert all(after - before >= _GAP for before, after in pairwise(instants))
    assert instants[-1] - _START < 60 * (_GAP + timedelta(seconds=2)), "a turn was wasted"
    assert max(sent.woken.values()) <= 3
    assert sum(sent.woken.values()) <= 2.5 * len(instances), "they wake to see one of them go"
    assert sent.reasons == {Reason.SENDER_GAP}


async def test_workers_that_were_away_do_not_let_all_go_at_once(engine: AsyncEngine) -> None:
    instances = await _enroll(engine, 10)
    limits = Limits(sender_gap=_GAP)
    for instance in instances:
        await _look(engine, instance, _START, limits)
    back = _START + timedelta(hours=1)
    answers = [await _look(engine, instance, back, limits) for instance in instances[1:]]
    assert [answer for answer in answers if answer is None] == [None]
    assert len({answer.until for answer in answers if answer}) == 8


async def test_a_senders_daily_cap_holds_on_every_day_and_within_office_hours(engine: AsyncEngine) -> None:
    instances = await _enroll(engine, 25)
    limits = Limits(sender_daily_cap=4, sender_gap=timedelta(minutes=30))
    sent = await _run(engine, instances, limits, _office_hours)
    by_day = Counter(at.date() for at in sent.at.values())
    assert set(by_day.values()) <= {4, 1}
    assert sum(by_day.values()) == 25
    assert all(_office_hours(at) == at for at in sent.at.values())
    assert max(sent.woken.values()) <= 3
    assert sent.reasons == {Reason.SENDER_DAILY_CAP, Reason.SENDER_GAP}


async def test_two_windows_share_a_sender_and_neither_waits_for_the_others_nights(engine: AsyncEngine) -> None:
    """Whoever may be sent now is not queued behind those whose window opens tomorrow."""
    at_night, at_once = await _enroll(engine, 2)
    limits = Limits(sender_gap=_GAP)
    evening = datetime(2026, 3, 2, 20, tzinfo=UTC)
    await _look(engine, (await _enroll_more(engine, "lead-x"))[0], evening, limits)
    held = await _look(engine, at_night, evening, limits, _office_hours)
    assert held is not None
    assert held.until == datetime(2026, 3, 3, 8, tzinfo=UTC)
    other = await _look(engine, at_once, evening, limits)
    assert other is not None
    assert other.until < evening + timedelta(minutes=1)


async def _enroll_more(engine: AsyncEngine, lead_id: str) -> list[str]:
    async with engine.begin() as connection:
        return await enroll_leads(connection, [a_lead(lead_id)])


async def test_a_stopped_follow_up_leaves_its_turn_to_others(engine: AsyncEngine) -> None:
    first, second, third = await _enroll(engine, 3)
    limits = Limits(sender_gap=_GAP)
    assert await _look(engine, first, _START, limits) is None
    held = await _look(engine, second, _START, limits)
    async with engine.begin() as connection:
        await stop_pending(connection, second, by="test", why="stopped", cause=Cause.STOPPED)
    other = await _look(engine, third, _START, limits)
    assert held is not None
    assert other is not None
    assert other.until == held.until


async def test_a_persons_own_reply_is_counted_but_not_held(engine: AsyncEngine) -> None:
    reply, automatic = await _enroll(engine, 2)
    limits = Limits(sender_gap=_GAP)
    async with engine.begin() as connection:
        locked = await lock_lead(connection, reply)
        assert locked is not None
        turn = Turn(
            LockedStep(connection, locked, 1, "worker"), locked.recipient, "ada@example.test", _START, _NEVER, _any_time
        )
        await count_turn(turn, limits)
    held = await _look(engine, automatic, _START + timedelta(seconds=1), limits)
    assert held is not None
    assert held.until >= _START + _GAP


async def test_a_turn_that_comes_too_late_wakes_for_a_person_and_keeps_no_place(engine: AsyncEngine) -> None:
    first, second = await _enroll(engine, 2)
    limits = Limits(sender_gap=timedelta(days=2))
    assert await _look(engine, first, _START, limits) is None
    expires_at = _START + timedelta(days=1)
    held = await _look(engine, second, _START, limits, expires_at=expires_at)
    assert held is not None
    assert expires_at < held.until <= expires_at + timedelta(seconds=1)
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM sender_slots"))).scalar() == 1


@pytest.mark.parametrize("state", ["sent", "unknown"])
async def test_a_leads_weekly_cap_counts_what_went_and_what_may_have_gone(engine: AsyncEngine, state: str) -> None:
    [instance] = await _enroll_more(engine, "lead-1")
    async with engine.begin() as connection:
        await put_draft(
            connection, instance, state=state, claimed_at=_START, sent_at=_START if state == "sent" else None
        )
    now, limits = _START + timedelta(days=6), Limits(lead_weekly_cap=1)
    held = await _look(engine, instance, now, limits)
    assert held == Held(until=_START + timedelta(weeks=1), reason=Reason.LEAD_WEEKLY_CAP)
    assert await _look(engine, instance, now, Limits(lead_weekly_cap=2)) is None
    assert await _look(engine, instance, held.until, limits) is None
