from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.duration import LONGEST, Wait, read_duration, read_wait, write_duration
from domain.sequence import Sequence

_HOUR = timedelta(hours=1)
waits = st.builds(
    lambda days, seconds: Wait(days=days, exact=timedelta(seconds=seconds)),
    st.integers(0, 182),
    st.integers(0, int(LONGEST.total_seconds()) // 2),
)


@pytest.mark.parametrize(
    ("written", "wait", "canonical"),
    [
        ("0s", Wait(), "0s"),
        ("0d", Wait(), "0s"),
        ("2d", Wait(days=2), "2d"),
        ("1w", Wait(days=7), "1w"),
        ("7d", Wait(days=7), "1w"),
        ("10d", Wait(days=10), "1w3d"),
        ("24h", Wait(exact=24 * _HOUR), "24h"),
        ("36h", Wait(exact=36 * _HOUR), "36h"),
        ("1d12h", Wait(days=1, exact=12 * _HOUR), "1d12h"),
        ("90m", Wait(exact=1.5 * _HOUR), "1h30m"),
        ("1440m", Wait(exact=24 * _HOUR), "24h"),
        (" 30s ", Wait(exact=timedelta(seconds=30)), "30s"),
    ],
)
def test_days_and_hours_are_read_as_what_they_are_and_written_in_one_form(
    written: str, wait: Wait, canonical: str
) -> None:
    assert read_wait(written) == wait
    assert str(wait) == canonical


@given(waits)
def test_a_wait_written_is_read_back(wait: Wait) -> None:
    assert read_wait(str(wait)) == wait


@given(
    st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59)).map(
        lambda counts: "".join(f"{count}{unit}" for count, unit in zip(counts, "wdhms", strict=True))
    )
)
def test_what_has_no_day_of_hours_is_written_as_it_always_was(written: str) -> None:
    """So the versions of sequences that are stored stay what they are."""
    assert str(read_wait(written)) == write_duration(read_duration(written))


@pytest.mark.parametrize("written", ["3x", "", "3", 3, None, "-1d", "1.5h", "12h1d", "2 d", True])
def test_what_is_no_wait_is_refused_with_the_remedy(written: object) -> None:
    with pytest.raises(ValueError, match="write a number and s, m, h, d or w"):
        read_wait(written)


@pytest.mark.parametrize("written", ["366d", "365d1s", "8761h", timedelta(seconds=-1), timedelta(milliseconds=1)])
def test_a_wait_out_of_bounds_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match=r"from 0s to 365d|whole seconds"):
        read_wait(written)


def _version(wait: object) -> str:
    step = {"wait": wait, "subject": "Hello", "body": "Hello"}
    return Sequence.model_validate({"name": "s", "steps": [step]}).version


def test_a_day_and_24_hours_are_two_versions_of_a_sequence_and_7_days_and_a_week_are_one() -> None:
    assert _version("1d") != _version("24h")
    assert _version("7d") == _version("1w")
    assert _version("60m") == _version("1h")
    assert _version(timedelta(days=1)) == _version("1d"), "the days of a program are days"
