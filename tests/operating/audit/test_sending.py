"""What counts as a duplicate, a burst and a doubled task: pure rules, on rows of any system."""

from datetime import UTC, datetime, timedelta

import pytest

from operating.audit.finding import Kind
from operating.audit.sending import Outbound, TaskRow, sending_findings, span, task_findings

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BURST = timedelta(minutes=10)


def sent(step: int, after: timedelta, **more: object) -> Outbound:
    values: dict[str, object] = {"thread": "t", "instance": "i", "message_id": f"<{step}-{after}@x>"} | more
    return Outbound(step=str(step), at=NOON + after, **values)  # type: ignore[arg-type]  # as a table gives them


def found(*rows: Outbound) -> list[tuple[Kind, int]]:
    ordered = sorted(rows, key=lambda row: (row.thread, row.at))
    return [(one.kind, len(one.marks)) for one in sending_findings(ordered, BURST)]


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def test_messages_in_their_time_are_no_finding() -> None:
    assert found(sent(1, minutes(0)), sent(2, minutes(11)), sent(3, minutes(30))) == []


def test_one_step_sent_again_is_a_duplicate_however_much_later() -> None:
    assert found(sent(1, minutes(0)), sent(2, minutes(60)), sent(1, minutes(9000))) == [(Kind.DUPLICATE, 2)]


def test_the_same_step_of_two_instances_is_no_duplicate() -> None:
    assert found(sent(1, minutes(0)), sent(1, minutes(60), instance="j")) == []


def test_messages_closer_than_the_time_of_a_burst_are_one_burst() -> None:
    rows = [sent(step, minutes(step * 9)) for step in range(1, 5)]
    assert found(*rows, sent(5, minutes(100))) == [(Kind.BURST, 4)]


@pytest.mark.parametrize(("gap", "expected"), [(10, [(Kind.BURST, 2)]), (10.1, [])])
def test_a_burst_ends_where_its_time_does(gap: float, expected: list[tuple[Kind, int]]) -> None:
    assert found(sent(1, minutes(0)), sent(2, minutes(gap))) == expected


def test_two_threads_at_a_time_are_no_burst() -> None:
    assert found(sent(1, minutes(0)), sent(1, minutes(1), thread="u", instance="j")) == []


def test_two_bursts_of_a_thread_are_two_findings() -> None:
    rows = [sent(step, minutes(after)) for step, after in enumerate((0, 1, 60, 61), start=1)]
    assert found(*rows) == [(Kind.BURST, 2), (Kind.BURST, 2)]


def test_a_step_that_waited_as_its_sequence_asks_is_no_burst() -> None:
    assert found(sent(1, minutes(0)), sent(2, minutes(1), wait=minutes(1))) == []
    assert found(sent(1, minutes(0)), sent(2, minutes(1), wait=minutes(2))) == [(Kind.BURST, 2)]


def test_no_wait_excuses_a_duplicate_or_another_instance() -> None:
    none = timedelta(0)
    assert found(sent(1, none, wait=none), sent(1, none, wait=none)) == [(Kind.DUPLICATE, 2), (Kind.BURST, 2)]
    assert found(sent(1, none), sent(2, none, wait=none, instance="j")) == [(Kind.BURST, 2)]


def test_a_persons_own_message_is_no_burst_and_an_automatic_one_soon_after_it_is() -> None:
    automatic, own = sent(1, minutes(0)), sent(1, minutes(1), instance="reply", by_hand=True)
    assert found(automatic, own) == []
    assert found(automatic, own, sent(2, minutes(2))) == [(Kind.BURST, 2)]


def test_one_message_for_several_steps_is_a_finding_of_the_thread() -> None:
    rows = [sent(1, minutes(0), message_id="<m@x>"), sent(2, minutes(60), message_id="<m@x>")]
    assert found(*rows) == [(Kind.SAME_MESSAGE, 2)]
    assert found(*(row._replace(message_id="") for row in rows)) == []


def test_a_task_given_again_is_doubled_and_another_kind_is_not() -> None:
    tasks = [TaskRow("i", "1", kind, NOON) for kind in ("call", "approve", "call")]
    [doubled] = task_findings([*tasks, TaskRow("j", "1", "call", NOON)])
    assert (doubled.kind, doubled.thread, doubled.step, len(doubled.marks)) == (Kind.DOUBLED_TASK, "i", "1", 2)


@pytest.mark.parametrize(
    ("length", "written"), [(timedelta(seconds=9.4), "9 s"), (minutes(2), "2 min"), (minutes(200), "3 h")]
)
def test_a_span_is_written_for_people(length: timedelta, written: str) -> None:
    assert span(length) == written
