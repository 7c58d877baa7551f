from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.duration import Wait
from domain.schedule import LONGEST_BACK_OFF, after, back_off, next_permitted
from domain.sequence import Window
from domain.zones import zone, zone_names

MINUTE = timedelta(minutes=1)
BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Window(days="mon-fri", opens="09:00", closes="17:00")

# Half-hour changes (Lord_Howe), changes at midnight (Havana, Cairo, Beirut), a whole date left out (Apia, 2011).
ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "America/Havana",
        "Africa/Cairo",
        "Asia/Beirut",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "America/St_Johns",
        "Africa/Casablanca",
    )
]


def no_holiday(_: date) -> bool:
    return False


def even_day(day: date) -> bool:
    return day.day % 2 == 0


def is_permitted(instant: datetime, window: Window, zone: ZoneInfo, is_holiday: object) -> bool:
    """Say it in the plainest way there is: what does the clock on the wall show?"""
    wall = instant.astimezone(zone)
    assert callable(is_holiday)
    return (
        wall.weekday() in window.weekdays
        and window.opens <= f"{wall:%H:%M}" < window.closes
        and not is_holiday(wall.date())
    )


@st.composite
def windows(draw: st.DrawFn) -> Window:
    opens, closes = sorted(draw(st.lists(st.integers(0, 1440), min_size=2, max_size=2, unique=True)))
    days = draw(st.sampled_from(["mon-fri", "mon-sun", "sun", "sat-mon", "tue,thu"]))
    return Window(days=days, opens=f"{opens // 60:02}:{opens % 60:02}", closes=f"{closes // 60:02}:{closes % 60:02}")


def changes(zone: ZoneInfo) -> list[datetime]:
    """Return the instants, to the hour, around which the zone's clock changed between 2009 and 2026."""
    hours = [datetime(2009, 1, 1, tzinfo=UTC) + timedelta(hours=6 * n) for n in range(4 * 365 * 17)]
    offsets = [hour.astimezone(zone).utcoffset() for hour in hours]
    return [hours[n] for n in range(1, len(hours)) if offsets[n] != offsets[n - 1]]


CHANGES = {zone: changes(zone) for zone in ZONES}


@st.composite
def zones_and_instants(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    zone = draw(st.sampled_from(ZONES))
    anywhere = st.datetimes(datetime(2009, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 Hypothesis wants naive bounds
    if not CHANGES[zone]:
        return zone, draw(anywhere)
    minutes = draw(st.integers(-2000, 500))
    return zone, draw(st.sampled_from(CHANGES[zone]).map(lambda change: change + minutes * MINUTE) | anywhere)


@given(zones_and_instants(), windows(), st.sampled_from([no_holiday, even_day]))
@example(
    (ZoneInfo("America/Havana"), datetime(2026, 3, 8, 3, tzinfo=UTC)),
    Window(days="sun", opens="00:30", closes="24:00"),
    no_holiday,
)
def test_what_is_returned_is_permitted_and_no_earlier_minute_is(
    where: tuple[ZoneInfo, datetime], window: Window, is_holiday: object
) -> None:
    zone, instant = where
    assert callable(is_holiday)
    found = next_permitted(instant, window, zone, is_holiday)
    assert found.tzinfo is UTC
    assert found >= instant
    assert is_permitted(found, window, zone, is_holiday)
    assert found == instant or not is_permitted(found - timedelta.resolution, window, zone, is_holiday)
    # every minute between would take Hypothesis too long: the three days before the found one show any miss
    earlier = max(instant, found - timedelta(days=3))
    while earlier < found:
        assert not is_permitted(earlier, window, zone, is_holiday), earlier
        earlier += 7 * MINUTE


@given(zones_and_instants(), windows())
def test_what_is_permitted_now_is_returned_as_it_is(where: tuple[ZoneInfo, datetime], window: Window) -> None:
    zone, instant = where
    found = next_permitted(instant, window, zone, no_holiday)
    assert next_permitted(found, window, zone, no_holiday) == found


def test_without_a_window_every_instant_is_permitted() -> None:
    instant = datetime(2026, 11, 22, 3, 4, 5, 6, tzinfo=BERLIN)
    assert next_permitted(instant, None, BERLIN, no_holiday) == instant


def test_a_friday_evening_waits_for_monday_morning() -> None:
    friday_evening = datetime(2026, 11, 20, 18, 0, tzinfo=BERLIN)
    assert next_permitted(friday_evening, OFFICE, BERLIN, no_holiday) == datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def test_the_end_of_a_window_is_not_in_it() -> None:
    five = datetime(2026, 11, 19, 17, 0, tzinfo=BERLIN)
    assert next_permitted(five - timedelta.resolution, OFFICE, BERLIN, no_holiday) == five - timedelta.resolution
    assert next_permitted(five, OFFICE, BERLIN, no_holiday) == datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def test_a_window_that_opens_in_a_skipped_hour_opens_after_it() -> None:
    window = Window(days="mon-sun", opens="02:30", closes="04:00")
    before = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)  # 01:00 in Berlin; at 02:00 it becomes 03:00
    assert next_permitted(before, window, BERLIN, no_holiday) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_a_window_that_lies_in_a_skipped_hour_waits_for_the_next_day() -> None:
    window = Window(days="mon-sun", opens="02:10", closes="02:50")
    before = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)
    assert next_permitted(before, window, BERLIN, no_holiday) == datetime(2026, 3, 30, 0, 10, tzinfo=UTC)


def test_a_repeated_hour_is_permitted_twice() -> None:
    window = Window(days="mon-sun", opens="02:00", closes="02:30")
    after_the_first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 in Berlin, for the first time
    assert next_permitted(after_the_first, window, BERLIN, no_holiday) == datetime(2026, 10, 25, 1, 0, tzinfo=UTC)


def test_a_date_that_a_zone_left_out_is_skipped_with_its_window() -> None:
    apia = ZoneInfo("Pacific/Apia")  # went from Thursday 29 to Saturday 31 December 2011
    window = Window(days="fri", opens="09:00", closes="10:00")
    thursday = datetime(2011, 12, 29, 12, 0, tzinfo=apia)
    assert next_permitted(thursday, window, apia, no_holiday).astimezone(apia).date() == date(2012, 1, 6)


def test_a_window_that_never_opens_is_an_error() -> None:
    with pytest.raises(ValueError, match="permits nothing for a year"):
        next_permitted(datetime(2026, 1, 1, tzinfo=UTC), OFFICE, BERLIN, lambda _: True)


def test_a_naive_instant_is_an_error() -> None:
    with pytest.raises(ValueError, match="aware"):
        next_permitted(datetime(2026, 1, 1), OFFICE, BERLIN, no_holiday)  # noqa: DTZ001 the point of the test


def first_that_shows(wall: datetime, near: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the instants within two days at which a zone's clock shows a time, the earliest first: by every offset."""
    around = (near + hours * timedelta(hours=1) for hours in range(-48, 49))
    offsets = {instant.astimezone(zone).utcoffset() or timedelta(0) for instant in around}
    shown = (wall.replace(tzinfo=UTC) - offset for offset in offsets)
    return sorted(one for one in shown if one.astimezone(zone).replace(tzinfo=None) == wall)


ALL_ZONES = [zone(name) for name in sorted(zone_names())]


@st.composite
def anywhere(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    plain = st.datetimes(datetime(1970, 1, 3), datetime(2037, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 Hypothesis wants naive bounds
    return draw(st.tuples(st.sampled_from(ALL_ZONES), plain) | zones_and_instants())


@given(anywhere(), st.integers(1, 40), st.integers(0, 100_000))
@example((BERLIN, datetime(2026, 3, 28, 1, 30, tzinfo=UTC)), 1, 0)
@example((BERLIN, datetime(2026, 10, 24, 0, 30, tzinfo=UTC)), 1, 0)
@example((ZoneInfo("Pacific/Apia"), datetime(2011, 12, 29, 20, tzinfo=UTC)), 1, 60)
def test_days_lead_to_the_first_instant_that_shows_the_same_time_or_follows_a_skipped_one(
    where: tuple[ZoneInfo, datetime], days: int, seconds: int
) -> None:
    zone_, instant = where
    exact = timedelta(seconds=seconds)
    over = after(instant, Wait(days=days, exact=exact), zone_)
    assert over.tzinfo is UTC
    assert over > instant
    by_the_clock = over - exact
    wall = instant.astimezone(zone_).replace(tzinfo=None) + timedelta(days=days)
    if shown := first_that_shows(wall, by_the_clock, zone_):
        assert by_the_clock == shown[0]
    else:
        before = (by_the_clock - timedelta.resolution).astimezone(zone_).replace(tzinfo=None)
        assert before < wall < by_the_clock.astimezone(zone_).replace(tzinfo=None)


@given(anywhere(), st.integers(0, 10**7))
def test_what_is_exact_passes_as_time_does_whatever_the_clock_shows(
    where: tuple[ZoneInfo, datetime], seconds: int
) -> None:
    zone_, instant = where
    assert after(instant, Wait(exact=timedelta(seconds=seconds)), zone_) == instant + timedelta(seconds=seconds)


@given(anywhere(), st.integers(0, 40), st.integers(0, 100_000))
def test_no_wait_is_shorter_than_it_says_where_no_date_was_left_out(
    where: tuple[ZoneInfo, datetime], days: int, seconds: int
) -> None:
    zone_, instant = where
    wait = Wait(days=days, exact=timedelta(seconds=seconds))
    passed = after(instant, wait, zone_) - instant
    assert passed >= wait.shortest or zone_.key in LEFT_OUT_A_DATE


# The date line moved over these, since 1970; Vostok took another zone, seven hours ahead.
LEFT_OUT_A_DATE = {
    "Pacific/Apia", "Pacific/Fakaofo", "Pacific/Kwajalein", "Kwajalein", "Pacific/Kiritimati", "Pacific/Enderbury",
    "Pacific/Kanton", "Antarctica/Vostok",
}  # fmt: skip


@pytest.mark.parametrize(
    ("start", "days", "over"),
    [
        # 02:30 does not exist on 29 March: the first instant behind is 03:00
        (datetime(2026, 3, 28, 2, 30, tzinfo=BERLIN), 1, datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        # 02:30 comes twice on 25 October: the first counts
        (datetime(2026, 10, 24, 2, 30, tzinfo=BERLIN), 1, datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        # from the second of two, a day later
        (datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN), 1, datetime(2026, 10, 26, 1, 30, tzinfo=UTC)),
        (datetime(2026, 3, 28, 9, 0, tzinfo=BERLIN), 7, datetime(2026, 4, 4, 7, 0, tzinfo=UTC)),
    ],
)
def test_a_wait_of_days_over_a_clock_change(start: datetime, days: int, over: datetime) -> None:
    assert after(start, Wait(days=days), BERLIN) == over


def test_a_wait_from_a_naive_instant_is_an_error() -> None:
    with pytest.raises(ValueError, match="aware"):
        after(datetime(2026, 1, 1), Wait(days=1), BERLIN)  # noqa: DTZ001 the point of the test


def test_back_off_doubles_from_30_seconds_to_an_hour_and_stays_there() -> None:
    seconds = [back_off(attempts).total_seconds() for attempts in range(1, 9)]
    assert seconds == [30, 60, 120, 240, 480, 960, 1920, 3600]
    assert back_off(10**9) == LONGEST_BACK_OFF
