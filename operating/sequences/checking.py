"""What `followup sequence check` says of a sequence that is legal: what it reads, and what may not be meant so."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from domain.duration import write_duration
from domain.lead import UNSUBSCRIBE_URL, spelling_key
from domain.sequence import Sequence, Window
from mail.template import check_template
from mail.variables import required_variables
from operating.sequences.foreign import foreign_placeholders
from operating.sequences.openings import openings
from operating.sequences.planning import plan_without_windows

# Every lead has these; a name may be missing. The link is not the lead's.
_ALWAYS_GIVEN = frozenset({"lead_id", "email", "timezone", UNSUBSCRIBE_URL})
# A variable whose name has one of these is more often the link that we make than one of the app's.
_OF_A_LINK = ("unsub", "optout")
_NO_ZONE = "windows are on the lead's own clock, and a lead without a timezone has UTC: give each lead its timezone"
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


def warnings(sequence: Sequence, today: date, *, has_links: bool = True) -> list[str]:
    """Say what is legal and may not be meant so, a sentence each. Windows are looked at for the year from `today`.

    `has_links`: there is a public URL, so each message has a link of its own.
    """
    return [
        *_missing(sequence),
        *_links(sequence, has_links=has_links),
        *_foreign(sequence),
        *_gaps(sequence),
        *_windows(sequence, today),
        *([_NO_ZONE] if _used(sequence) else []),
    ]


def _templates(sequence: Sequence) -> Iterator[str]:
    yield from (template for _, template in _placed_templates(sequence))


def _placed_templates(sequence: Sequence) -> Iterator[tuple[str, str]]:
    for order, step in enumerate(sequence.steps, start=1):
        for field, template in (("subject", step.subject), ("body", step.body)):
            if template is not None:
                yield f"step {order}, {field}", template


def _missing(sequence: Sequence) -> Iterator[str]:
    required = [one.name for one in variables(sequence) if one.required]
    if required:
        it = "it" if len(required) == 1 else "one of them"
        yield (
            f"no default: {', '.join(required)}; a lead without {it} is refused at enrolment. "
            f"Where that is not meant, write {{{{ {required[0]} | default('…') }}}}"
        )


def _links(sequence: Sequence, *, has_links: bool) -> Iterator[str]:
    for place, template in _placed_templates(sequence):
        reads = check_template(template)
        for name in sorted(reads - {UNSUBSCRIBE_URL}):
            if any(part in spelling_key(name) for part in _OF_A_LINK):
                link = f"{{{{ {UNSUBSCRIBE_URL} }}}}"
                yield f"{place}: reads {name} of the lead; the link that each message has of its own is {link}"
        if UNSUBSCRIBE_URL in reads and not has_links:
            required = UNSUBSCRIBE_URL in required_variables(template)
            so = "nobody can be enrolled until it is" if required else "so no message has a link"
            yield f"{place}: reads {UNSUBSCRIBE_URL}, and FOLLOWUP_PUBLIC_URL is not set here: {so}"


def _foreign(sequence: Sequence) -> Iterator[str]:
    for place, template in _placed_templates(sequence):
        for one in foreign_placeholders(template):
            meant = f"; write {one.meant} if a variable is meant" if one.meant else ", all of its variants; write one"
            yield f"{place}: {one.written} is sent as it stands{meant}"


def _gaps(sequence: Sequence) -> Iterator[str]:
    for order, instants in enumerate(plan_without_windows(sequence), start=1):
        step, kept = sequence.step(order), instants.at - instants.due_at
        if kept:
            waits = f"step {order} waits {step.wait}"
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
