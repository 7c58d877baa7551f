"""What `followup sequence check` says of a sequence that is legal: what it reads, and what may not be meant so."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from domain.duration import write_duration
from domain.sequence import Sequence, Window
from mail.template import check_template
from mail.variables import required_variables
from operating.sequences.openings import openings
from operating.sequences.planning import plan_without_windows

# Every lead has these; a name may be missing.
_ALWAYS_GIVEN = frozenset({"lead_id", "email", "timezone"})
# Less than one morning a week is more often a slip of the finger than a wish.
_LITTLE = timedelta(hours=4)


class Variable(NamedTuple):
    """A variable that a sequence reads, and whether a lead may lack it."""

    name: str
    required: bool


def variables(sequence: Sequence) -> list[Variable]:
    """Return what the templates of a sequence read, in the order of the alphabet."""
    read = frozenset[str]().union(*map(check_template, _templates(sequence)))
    required = frozenset[str]().union(*map(required_variables, _templates(sequence))) - _ALWAYS_GIVEN
    return [Variable(name, name in required) for name in sorted(read)]


def warnings(sequence: Sequence, today: date) -> list[str]:
    """Say what is legal and may not be meant so, a sentence each. Windows are looked at for the year from `today`."""
    return [*_missing(sequence), *_gaps(sequence), *_windows(sequence, today)]


def _templates(sequence: Sequence) -> Iterator[str]:
    for step in sequence.steps:
        yield from (template for template in (step.subject, step.body) if template is not None)


def _missing(sequence: Sequence) -> Iterator[str]:
    required = [one.name for one in variables(sequence) if one.required]
    if required:
        it = "it" if len(required) == 1 else "one of them"
        yield (
            f"no default: {', '.join(required)}; a lead without {it} is refused at enrolment. "
            f"Where that is not meant, write {{{{ {required[0]} | default('…') }}}}"
        )


def _gaps(sequence: Sequence) -> Iterator[str]:
    for order, instants in enumerate(plan_without_windows(sequence), start=1):
        step, kept = sequence.step(order), instants.at - instants.due_at
        if kept:
            waits = f"step {order} waits {write_duration(step.wait)}"
            yield f"{waits}, but min_gap keeps it back for another {write_duration(kept)}"
        if kept > step.expires_after:
            expires = f"step {order} expires meanwhile, after {write_duration(step.expires_after)}"
            yield f"{expires}: a person is asked each time"


def _windows(sequence: Sequence, today: date) -> Iterator[str]:
    known = {window: openings(window, today) for window in _used(sequence)}
    for window, opened in known.items():
        where = f"window {window_words(window)} (of {_steps_of(sequence, window)})"
        if opened.weekly < _LITTLE:
            yield f"{where} permits little: {_hours(opened.weekly)} a week on average"
    for order, step in enumerate(sequence.steps, start=1):
        own = sequence.window_of(order)
        found = known[own] if own else None
        if found is not None and found.longest_closed > step.expires_after:
            yield (
                f"step {order} expires {write_duration(step.expires_after)} after it falls due, and its window is "
                f"closed for up to {_days(found.longest_closed)} on end: then a person is asked"
            )


def _used(sequence: Sequence) -> list[Window]:
    windows = (sequence.window_of(order) for order in range(1, len(sequence.steps) + 1))
    return list(dict.fromkeys(window for window in windows if window is not None))


def _steps_of(sequence: Sequence, window: Window) -> str:
    orders = [order for order in range(1, len(sequence.steps) + 1) if sequence.window_of(order) == window]
    return f"step{'s' if len(orders) > 1 else ''} {', '.join(map(str, orders))}"


def window_words(window: Window) -> str:
    """Write a window in a line: `mon-fri 09:00-17:00, no holidays of US`."""
    holidays = f", no holidays of {window.holidays}" if window.holidays else ""
    return f"{window.days} {window.opens}-{window.closes}{holidays}"


def _hours(length: timedelta) -> str:
    return f"{length / timedelta(hours=1):.1f} hours"


def _days(length: timedelta) -> str:
    return f"{length / timedelta(days=1):.1f} days"
