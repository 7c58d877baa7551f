"""The plan of a follow-up: each mail at the first instant that its wait, the gap and its window permit."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.calendar import is_holiday
from domain.duration import Wait
from domain.schedule import after
from domain.sequence import Sequence, Window
from mail.template import TemplateError
from operating.sequences.planning import length, plan
from tests.scene import a_lead, a_sequence

# Every offset of these, and every window below, is of whole quarters: so whatever is permitted at all for a while is
# permitted at a whole quarter of an hour.
QUARTER = timedelta(minutes=15)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"]
NOON = datetime(2026, 3, 27, 12, tzinfo=UTC)  # a Friday; Berlin changes its clocks two days later
DAY = timedelta(days=1)

_quarters = st.integers(0, 95)
_clocks = st.tuples(_quarters, _quarters).filter(lambda two: two[0] != two[1]).map(sorted)
_days = st.sampled_from(["mon-fri", "sat,sun", "wed", "mon-sun", "tue,thu"])
_durations = st.integers(0, 6 * 24 * 3600).map(lambda seconds: timedelta(seconds=seconds))
_waits = st.builds(lambda days, exact: Wait(days=days, exact=exact), st.integers(0, 9), _durations)


def _clock(quarter: int) -> str:
    return f"{quarter // 4:02}:{quarter % 4 * 15:02}"


_windows = st.builds(
    lambda days, clocks, holidays: Window(
        days=days, opens=_clock(clocks[0]), closes=_clock(clocks[1]), holidays=holidays
    ),
    _days,
    _clocks,
    st.sampled_from([None, "US", "DE-BY"]),
)
_steps = st.fixed_dictionaries(
    {"wait": _waits, "body": st.just("Hello"), "window": st.none() | _windows, "channel": st.just("email")}
)


def _sequence(steps: list[dict[str, Any]], window: Window | None, gap: timedelta) -> Sequence:
    steps[0]["subject"] = "Following up"
    return Sequence.model_validate({"name": "s", "min_gap": gap, "window": window, "steps": steps})


_sequences = st.builds(_sequence, st.lists(_steps, min_size=1, max_size=4), st.none() | _windows, _durations)
_instants = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # it has one


def _permitted(instant: datetime, window: Window | None, zone: ZoneInfo) -> bool:
    if window is None:
        return True
    local = instant.astimezone(zone)
    open_now = window.opens <= f"{local:%H:%M}" < window.closes
    return open_now and local.weekday() in window.weekdays and not is_holiday(window.holidays)(local.date())


@settings(max_examples=60)
@given(_sequences, st.sampled_from(ZONES), _instants)
def test_each_mail_goes_out_at_the_first_instant_that_wait_gap_and_window_permit(
    sequence: Sequence, zone: str, at: datetime
) -> None:
    lead = a_lead(timezone=zone)
    done_at, mailed_at = at, at - 365 * DAY
    for one in plan(sequence, lead, at):
        window = sequence.window_of(one.order)
        assert one.due_at == after(done_at, sequence.step(one.order).wait, lead.zone)
        earliest = max(one.due_at, mailed_at + sequence.min_gap)
        assert one.at >= earliest
        assert _permitted(one.at, window, lead.zone)
        assert one.at == earliest or not _permitted(earliest, window, lead.zone)
        before = datetime.fromtimestamp(earliest.timestamp() // 900 * 900, UTC) + QUARTER
        while before < one.at:
            assert not _permitted(before, window, lead.zone), before
            before += QUARTER
        done_at = mailed_at = one.at


@pytest.mark.parametrize(("wait", "hour"), [("1d", 20), ("24h", 21), ("1w", 20), ("1d1h", 21)])
def test_a_day_over_a_clock_change_keeps_the_time_on_the_wall_and_24_hours_do_not(wait: str, hour: int) -> None:
    steps: list[dict[str, Any]] = [{"wait": "0s", "body": "b"}, {"wait": wait, "body": "b"}]
    lead = a_lead(timezone="America/New_York")
    enrolled_at = datetime(2026, 3, 7, 21, 15, tzinfo=UTC)  # 16:15 in New York, whose clocks go forward the day after
    _, second = plan(_sequence(steps, None, 0 * DAY), lead, enrolled_at)
    assert (second.at.hour, second.at.minute) == (hour, 15)
    assert second.at.date() == date(2026, 3, 14 if wait == "1w" else 8)


def test_later_mails_answer_in_the_thread_of_the_first() -> None:
    planned = plan(a_sequence(), a_lead(), NOON)
    assert [one.subject for one in planned] == ["Following up, Grace"] + ["Re: Following up, Grace"] * 2


def test_a_manual_step_is_no_mail_for_the_gap_and_what_follows_it_answers_nothing() -> None:
    steps: list[dict[str, Any]] = [
        {"wait": DAY, "body": "Call {{ name }}", "channel": "task"},
        {"wait": 0 * DAY, "body": "Hello", "subject": "Our call"},
    ]
    call, mail = plan(Sequence.model_validate({"name": "s", "min_gap": 2 * DAY, "steps": steps}), a_lead(), NOON)
    assert (call.at, call.body) == (NOON + DAY, "Call Grace")
    assert (mail.at, mail.subject) == (NOON + DAY, "Our call")
    between = [steps[1], {"wait": DAY, "body": "Call", "channel": "task"}, {"wait": 0 * DAY, "body": "And?"}]
    planned = plan(Sequence.model_validate({"name": "s", "min_gap": 2 * DAY, "steps": between}), a_lead(), NOON)
    assert [one.at - NOON for one in planned] == [0 * DAY, DAY, 2 * DAY]


def test_a_closed_window_that_outlasts_a_step_is_seen() -> None:
    window = Window(days="mon", opens="09:00", closes="10:00")
    steps = [{"wait": 0 * DAY, "subject": "s", "body": "b", "expires_after": 2 * DAY}]
    [kept] = plan(Sequence.model_validate({"name": "s", "window": window, "steps": steps}), a_lead(), NOON)
    assert kept.expired
    [in_time] = plan(
        Sequence.model_validate({"name": "s", "window": window, "steps": [steps[0] | {"expires_after": 3 * DAY}]}),
        a_lead(),
        NOON,
    )
    assert not in_time.expired


def test_a_lead_that_does_not_fill_a_template_has_no_plan() -> None:
    with pytest.raises(TemplateError, match="step 1, subject: 'name' is undefined"):
        plan(a_sequence(), a_lead(name=""), NOON)


def test_the_length_of_a_run_counts_waits_and_the_gaps_that_are_longer() -> None:
    assert length(a_sequence(DAY, DAY, 3 * DAY, min_gap=2 * DAY)) == (1 + 2 + 3) * DAY
