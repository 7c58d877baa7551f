"""What is wrong with what was sent: duplicates, bursts and doubled tasks. Pure rules over rows, whosever they are."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import NamedTuple, TypeVar

from operating.audit.finding import Finding, Kind, Mark

_Row = TypeVar("_Row")
# Named in a sentence; a burst of a hundred is told from its first ones.
_MOST_NAMED = 8


class Outbound(NamedTuple):
    """A message that went out.

    `wait` is how long its sequence waits at least before it after an earlier step, where known. `by_hand`: a person
    wrote it.
    """

    thread: str
    instance: str
    step: str
    at: datetime
    message_id: str
    wait: timedelta | None = None
    by_hand: bool = False


class TaskRow(NamedTuple):
    """A task that a person was given."""

    instance: str
    step: str
    kind: str
    at: datetime


# An instant is written a moment after it was read: a wait is kept though it looks shorter by as much.
_SLACK = timedelta(seconds=1)


def sending_findings(sent: Iterable[Outbound], burst: timedelta) -> Iterator[Finding]:
    """Find duplicates and bursts. `sent` comes thread by thread, each in the order of time; one is held at a time."""
    for _, rows in groupby(sent, key=lambda row: row.thread):
        yield from thread_findings(list(rows), burst)


def thread_findings(rows: Sequence[Outbound], burst: timedelta) -> Iterator[Finding]:
    """Find what is wrong in one thread, whose rows are in the order of time."""
    yield from map(_duplicate, repeated(rows, lambda row: (row.instance, row.step)))
    for same in repeated([row for row in rows if row.message_id], lambda row: row.message_id):
        # those of one step are its duplicates, and were told as such
        if len({(row.instance, row.step) for row in same}) > 1:
            yield _same_message(same)
    for close in _bursts(rows, burst):
        yield _burst(close)


def task_findings(tasks: Iterable[TaskRow]) -> Iterator[Finding]:
    """Find tasks that were given more than once for one step."""
    for same in repeated(list(tasks), lambda task: (task.instance, task.step, task.kind)):
        first = same[0]
        sentence = f"step {first.step} of {first.instance} has {len(same)} tasks where one was meant{_spread(same)}"
        marks = tuple(Mark(task.at, f"task, step {task.step}") for task in same)
        yield Finding(Kind.DOUBLED_TASK, first.instance, first.step, sentence, marks)


def repeated(rows: Sequence[_Row], key: Callable[[_Row], Hashable]) -> Iterator[list[_Row]]:
    """Group the rows that share a key with another, in the order of their first ones."""
    groups: dict[Hashable, list[_Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    yield from (group for group in groups.values() if len(group) > 1)


def _bursts(rows: Sequence[Outbound], burst: timedelta) -> Iterator[list[Outbound]]:
    close: list[Outbound] = []
    for earlier, later in pairwise(rows):
        if later.at - earlier.at <= burst and not _as_planned(earlier, later):
            close = close or [earlier]
            close.append(later)
        elif close:
            yield close
            close = []
    if close:
        yield close


def _as_planned(earlier: Outbound, later: Outbound) -> bool:
    """Say whether the later one waited as its sequence asks, be that as short as it may; a person need not wait."""
    if later.by_hand and later.instance != earlier.instance:
        return True
    if later.wait is None or later.instance != earlier.instance or later.step == earlier.step:
        return False
    return later.at - earlier.at + _SLACK >= later.wait


def _duplicate(rows: list[Outbound]) -> Finding:
    first = rows[0]
    sentence = f"step {first.step} of {first.instance} was sent {len(rows)} times{_spread(rows)}: {_named(rows)}"
    return Finding(Kind.DUPLICATE, first.thread, first.step, sentence, _marks(rows))


def _same_message(rows: list[Outbound]) -> Finding:
    steps = ", ".join(sorted({row.step for row in rows}))
    sentence = f"{rows[0].message_id} was sent {len(rows)} times in thread {rows[0].thread}, for steps {steps}"
    return Finding(Kind.SAME_MESSAGE, rows[0].thread, None, sentence, _marks(rows))


def _burst(rows: list[Outbound]) -> Finding:
    steps = ", ".join(row.step for row in rows[:_MOST_NAMED]) + (", …" if len(rows) > _MOST_NAMED else "")
    sentence = f"{len(rows)} messages in thread {rows[0].thread}{_spread(rows)}: steps {steps}"
    return Finding(Kind.BURST, rows[0].thread, None, sentence, _marks(rows))


def _named(rows: Sequence[Outbound]) -> str:
    named = [row.message_id or "(no Message-ID)" for row in rows[:_MOST_NAMED]]
    return ", ".join(named + ["…"] * (len(rows) > _MOST_NAMED))


def _marks(rows: Iterable[Outbound]) -> tuple[Mark, ...]:
    return tuple(Mark(row.at, f"step {row.step} {row.message_id}".rstrip()) for row in rows)


def _spread(rows: Sequence[Outbound | TaskRow]) -> str:
    first, last = min(row.at for row in rows), max(row.at for row in rows)
    return f" within {span(last - first)} from {first:%Y-%m-%d %H:%M:%S} UTC"


def span(length: timedelta) -> str:
    """Write how long something took, for people: `4 s`, `12 min`, `3 h`, `2 d`."""
    seconds = length.total_seconds()
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
