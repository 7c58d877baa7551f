from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.duration import LONGEST, read_duration, write_duration
from domain.sequence import CHOOSABLE_STOPS, Sequence, StopKind, Window

FIRST = {"wait": "2d", "subject": "Hello", "body": "Hello"}
NEXT = {"wait": "4d", "body": "Again"}


def sequence(**changes: object) -> Sequence:
    return Sequence.model_validate({"name": "no-reply", "steps": [FIRST, NEXT], **changes})


def problem(**changes: object) -> str:
    with pytest.raises(ValidationError) as error:
        sequence(**changes)
    return str(error.value)


@pytest.mark.parametrize(
    ("written", "duration"),
    [
        ("0s", timedelta(0)),
        ("30s", timedelta(seconds=30)),
        ("15m", timedelta(minutes=15)),
        ("4h", timedelta(hours=4)),
        ("2d", timedelta(days=2)),
        ("1w", timedelta(weeks=1)),
        ("1d12h", timedelta(hours=36)),
        (" 365d ", timedelta(days=365)),
    ],
)
def test_a_duration_is_read_as_people_write_it(written: str, duration: timedelta) -> None:
    assert read_duration(written) == duration


@pytest.mark.parametrize("written", ["3x", "", " ", "3", 3, None, "-1d", "1.5h", "12h1d", "2 d", "d", "١d", True])
def test_what_is_no_duration_is_refused_with_the_remedy(written: object) -> None:
    with pytest.raises(ValueError, match="write a number and s, m, h, d or w"):
        read_duration(written)


@pytest.mark.parametrize("written", ["366d", "99999w", timedelta(seconds=-1)])
def test_a_duration_out_of_bounds_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="from 0s to 365d"):
        read_duration(written)


@given(st.integers(0, int(LONGEST.total_seconds())).map(lambda seconds: timedelta(seconds=seconds)))
def test_a_duration_written_is_read_back(duration: timedelta) -> None:
    assert read_duration(write_duration(duration)) == duration


durations = st.integers(0, 10**7).map(lambda seconds: timedelta(seconds=seconds))
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=40).filter(str.strip)
WINDOWS: list[Window | None] = [
    None,
    Window(days="mon-fri", opens="09:00", closes="17:00", holidays="DE-BY"),
    Window(days="Sat - mon, WED", opens="00:00", closes="24:00"),
]


@st.composite
def sequences(draw: st.DrawFn) -> Sequence:
    windows = st.sampled_from(WINDOWS)
    steps = [
        {
            "wait": draw(durations),
            "subject": None if order else draw(texts),
            "body": draw(texts),
            "approval": draw(st.booleans()),
            "window": draw(windows),
            "expires_after": draw(durations.filter(bool)),
        }
        for order in range(draw(st.integers(1, 4)))
    ]
    return Sequence.model_validate(
        {
            "name": draw(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,59}", fullmatch=True)),
            "min_gap": draw(durations),
            "window": draw(windows),
            "stop_on": draw(st.lists(st.sampled_from(CHOOSABLE_STOPS))),
            "steps": steps,
        }
    )


@given(sequences())
def test_a_sequence_written_as_json_is_read_back_equal_with_the_same_version(written: Sequence) -> None:
    read = Sequence.model_validate_json(written.model_dump_json())
    assert read == written
    assert read.version == written.version
    assert read.model_dump_json() == written.model_dump_json()


def test_a_version_names_the_content() -> None:
    assert sequence().version == sequence().version == "298dace9be7d"
    assert len({sequence().version, sequence(min_gap="1s").version, sequence(steps=[FIRST]).version}) == 3


def test_a_sequence_never_changes() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        sequence().name = "other"  # type: ignore[misc] # the point of the test


def test_closed_always_stops_and_the_others_when_asked() -> None:
    assert all(sequence().stops_on(kind) for kind in StopKind)
    assert [kind for kind in StopKind if sequence(stop_on=["booked"]).stops_on(kind)] == ["booked", "closed"]
    assert "closed always stops" in problem(stop_on=["closed"])


def test_the_first_step_has_the_subject_and_no_other() -> None:
    assert "step 1 has no subject" in problem(steps=[NEXT])
    assert "step 2 has a subject" in problem(steps=[FIRST, FIRST])


OFFICE = {"days": "mon-fri", "from": "09:00", "to": "17:00"}
CALL = {"wait": "1d", "channel": "task", "body": "Call {{ name }}"}


def test_the_first_e_mail_has_the_subject_wherever_it_stands_and_a_sequence_may_have_none() -> None:
    assert sequence(steps=[CALL, FIRST, CALL, NEXT]).opening == 2
    assert sequence(steps=[CALL]).opening is None
    assert "step 2 has no subject" in problem(steps=[CALL, NEXT])
    assert "step 3 has a subject, but it answers in the thread of step 2" in problem(steps=[CALL, FIRST, FIRST])


def test_a_manual_step_has_nothing_that_only_a_mail_has() -> None:
    assert "a manual step has no subject" in problem(steps=[CALL | {"subject": "x"}])
    assert "a manual step has no window" in problem(steps=[CALL | {"window": OFFICE}])
    assert "needs no approval" in problem(steps=[CALL | {"approval": True}])
    assert sequence(window=OFFICE, steps=[CALL]).window_of(1) is None


def test_only_a_manual_step_times_out_and_any_other_expires() -> None:
    assert "only a manual step" in problem(steps=[FIRST | {"times_out_after": "1d"}])
    assert sequence(steps=[CALL | {"times_out_after": "3d"}]).step(1).patience == timedelta(days=3)
    assert sequence(steps=[CALL | {"expires_after": "2d"}]).step(1).patience == timedelta(days=2)


def test_a_sequence_has_1_to_50_steps() -> None:
    assert len(sequence(steps=[FIRST, *[NEXT] * 49]).steps) == 50
    assert "give 1 to 50" in problem(steps=[FIRST, *[NEXT] * 50])
    assert "give 1 to 50" in problem(steps=[])


def test_steps_count_from_1_and_there_are_no_others() -> None:
    assert [sequence().step(order).body for order in (1, 2)] == ["Hello", "Again"]
    for order in (0, -1, 3):
        with pytest.raises(IndexError, match="steps 1 to 2"):
            sequence().step(order)


def test_a_step_keeps_to_its_own_window_before_the_sequences() -> None:
    own, general = WINDOWS[1:]
    with_windows = sequence(window=general, steps=[FIRST, {**NEXT, "window": own}])
    assert [with_windows.window_of(order) for order in (1, 2)] == [general, own]


@pytest.mark.parametrize(
    ("days", "weekdays"),
    [
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("mon,wed", {0, 2}),
        ("sat-mon", {5, 6, 0}),
        ("Sun", {6}),
        ("mon-tue, fri", {0, 1, 4}),
    ],
)
def test_days_are_read_as_people_write_them(days: str, weekdays: set[int]) -> None:
    assert Window(days=days, opens="09:00", closes="17:00").weekdays == weekdays


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"days": "mo-fr"}, "are not days"),
        ({"days": ""}, "are not days"),
        ({"days": "mon-"}, "are not days"),
        ({"days": "mon,,tue"}, "are not days"),
        ({"from": "9:00"}, "not a time of day"),
        ({"to": "24:01"}, "not a time of day"),
        ({"from": "17:00"}, "within one day"),
        ({"from": "22:00", "to": "06:00"}, "within one day"),
        ({"holidays": "Germany"}, "not a calendar"),
        ({"until": "17:00"}, "Extra inputs"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(changes: dict[str, str], said: str) -> None:
    given = {"days": "mon-fri", "from": "09:00", "to": "17:00", **changes}
    assert said in problem(window=given)


@pytest.mark.parametrize("name", ["", "A", "-a", "a b", "a/b", "a" * 61, "a\n", "ä"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    assert "is not a name" in problem(name=name)


@pytest.mark.parametrize(
    "step",
    [
        {**FIRST, "body": " \n"},
        {**FIRST, "subject": " "},
        {**FIRST, "body": "x" * 65_537},
        {**FIRST, "body": "\x00x"},
        {**FIRST, "body": "\ud800x"},
        {**FIRST, "expires_after": "0s"},
        {**FIRST, "channel": "fax"},
        {**FIRST, "aproval": True},
    ],
)
def test_a_step_that_makes_no_sense_is_refused(step: dict[str, object]) -> None:
    assert "steps.0." in problem(steps=[step])
