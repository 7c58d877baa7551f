"""Count what the SMTP peer took: the same way for every engine, and from the peer's log alone."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

Accepted = tuple[float, str]  # when, in seconds of the epoch, and which step of whom


class Tally(NamedTuple):
    """What became of a job."""

    sent: int  # messages, each copy
    twice: int  # copies beyond the first of a step
    missing: int  # steps never sent
    stray: int  # messages that are no step's
    seconds: float  # from the beginning until the last step was first sent


def name(lead: str, step: int) -> str:
    """Name a step of a lead: the Message-ID it is sent with. Steps count from 1."""
    return f"<{lead}.{step}@peers.test>"


def count(accepted: Iterable[Accepted], wanted: Iterable[str], began: float) -> Tally:
    """Count messages against the steps that should be sent, each once. `began`: in seconds of the epoch."""
    log = sorted(accepted)
    steps = set(wanted)
    copies = Counter(which for _, which in log if which in steps)
    first = {which: at for at, which in reversed(log) if which in steps}
    return Tally(
        sent=len(log),
        twice=sum(number - 1 for number in copies.values()),
        missing=len(steps - copies.keys()),
        stray=len(log) - copies.total(),
        seconds=max(first.values(), default=began) - began,
    )
