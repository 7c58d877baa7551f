"""Which faults happen, and when: a pure function of the seed."""

import random
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

PREVIOUS = "worker-previous"
# One workspace has three workers, the other one (`…-other`) has one; each has its ingress.
WORKERS = ("worker-1", "worker-2", PREVIOUS, "worker-other")
INGRESSES = ("ingress", "ingress-other")
INGRESS, POSTGRES, TEMPORAL, SMTP, APP = "ingress", "postgres", "temporal", "smtp", "app"
PARTS = (*WORKERS, *INGRESSES, POSTGRES, TEMPORAL, SMTP)


def link(client: str, server: str) -> str:
    """Name the connections between two."""
    return f"{client}>{server}"


LINKS = (
    *(link(worker, server) for worker in WORKERS for server in (POSTGRES, TEMPORAL, SMTP)),
    *(link(ingress, server) for ingress in INGRESSES for server in (POSTGRES, TEMPORAL)),
    *(link(APP, ingress) for ingress in INGRESSES),
)


class Kind(StrEnum):
    """What is done to a part or a link.

    KILL: SIGKILL to all of its processes, and a start after a while. QUIT: PostgreSQL's immediate stop, and a start
    after a while. BACKEND: SIGKILL to one of PostgreSQL's own processes, from which it recovers by itself. SUSPEND:
    SIGSTOP, and SIGCONT after a while. MISBEHAVE: the SMTP peer goes wrong with the next messages.
    CUT: every connection of a link is reset. REFUSE: the same, and new ones are for a while. DELAY: whatever passes is
    late for a while. FREEZE: nothing passes for a while. HALF: one direction of every connection is closed.
    """

    KILL = "kill"
    QUIT = "quit"
    BACKEND = "backend"
    SUSPEND = "suspend"
    MISBEHAVE = "misbehave"
    CUT = "cut"
    REFUSE = "refuse"
    DELAY = "delay"
    FREEZE = "freeze"
    HALF = "half"


class Phase(StrEnum):
    """Where the SMTP peer goes wrong. UNTAKEN: after the final dot, the message thrown away. TAKEN: after taking it."""

    GREETING = "greeting"
    EHLO = "ehlo"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    UNTAKEN = "untaken"
    TAKEN = "taken"


class How(StrEnum):
    """What the SMTP peer does there instead of the right answer."""

    DROP = "drop"
    HANG = "hang"
    LATER = "4yz"
    NEVER = "5yz"
    GARBAGE = "garbage"


# Only from here on is a message outside, or may be.
OUTSIDE = (Phase.BODY, Phase.UNTAKEN, Phase.TAKEN)
# A peer that takes a message and answers 5yz lies inside the protocol, and nobody can be right about it. With 4yz it
# may answer, as stock servers do when something behind them is slower than they wait for.
WAYS = {phase: tuple(How) for phase in Phase} | {Phase.TAKEN: (How.DROP, How.HANG, How.LATER, How.GARBAGE)}


class Fault(NamedTuple):
    """One fault: `at` and `lasts` in seconds, the first from the beginning."""

    at: float
    target: str
    kind: Kind
    lasts: float = 0
    messages: int = 0  # MISBEHAVE: how many of them
    phase: Phase | None = None
    how: How | None = None

    @property
    def sentence(self) -> str:
        """Write it for people."""
        wrong = f" {self.phase}: {self.how}, {self.messages} times" if self.phase else ""
        lasts = f" for {self.lasts:.1f} s" if self.lasts else ""
        return f"{self.at:7.2f} s  {self.target}: {self.kind}{wrong}{lasts}"


# How often each is drawn. Most are what happens most in real life, and what the rules for unknown outcomes are about.
_DRAWN = {
    (SMTP, Kind.MISBEHAVE): 34,
    ("worker", Kind.KILL): 18,
    ("worker", Kind.SUSPEND): 7,
    ("link", Kind.CUT): 8,
    ("link", Kind.REFUSE): 4,
    ("link", Kind.DELAY): 4,
    ("link", Kind.FREEZE): 5,
    ("link", Kind.HALF): 5,
    (INGRESS, Kind.KILL): 3,
    (INGRESS, Kind.SUSPEND): 1,
    (POSTGRES, Kind.QUIT): 2,
    (POSTGRES, Kind.KILL): 1,
    (POSTGRES, Kind.BACKEND): 2,
    (POSTGRES, Kind.SUSPEND): 1,
    (TEMPORAL, Kind.KILL): 2,
    (TEMPORAL, Kind.SUSPEND): 1,
    (SMTP, Kind.KILL): 2,
    (SMTP, Kind.SUSPEND): 1,
}
# The last one is longer than Temporal waits for a heartbeat: its worker wakes up after it was given up.
_SUSPENDED_WORKER = (1.0, 4.0, 12.0, 40.0)
# A target is left alone so long after a fault, so that it has a chance to work.
_REST = 4.0


def schedule(seed: int, seconds: float, every: float = 3.0) -> list[Fault]:
    """Draw the faults of a run that lasts so many seconds, one in about `every`; the same for the same arguments."""
    dice = random.Random(seed)
    free: dict[str, float] = {}
    faults: list[Fault] = []
    for at in _instants(dice, seconds, every):
        fault = _draw(dice, round(at, 2))
        while fault.kind is not Kind.MISBEHAVE and free.get(fault.target, 0) > at:
            fault = _draw(dice, round(at, 2))
        free[fault.target] = at + fault.lasts + _REST
        faults.append(fault)
    return faults


def _instants(dice: random.Random, seconds: float, every: float) -> Iterator[float]:
    at = every * dice.uniform(0.5, 1.5)
    while at < seconds:
        yield at
        at += every * dice.uniform(0.5, 1.5)


def _draw(dice: random.Random, at: float) -> Fault:
    target, kind = dice.choices(list(_DRAWN), list(_DRAWN.values()))[0]
    if target == "worker":
        target = dice.choice(WORKERS)
    if target == INGRESS:
        target = dice.choice(INGRESSES)
    if target == "link":
        target = dice.choice(LINKS)
    if kind is Kind.MISBEHAVE:
        phase = dice.choice([*Phase, Phase.TAKEN, Phase.UNTAKEN, Phase.TAKEN])
        return Fault(at, SMTP, kind, messages=dice.randint(1, 5), phase=phase, how=dice.choice(WAYS[phase]))
    return Fault(at, target, kind, lasts=round(_lasts(dice, target, kind), 2))


def _lasts(dice: random.Random, target: str, kind: Kind) -> float:
    if kind is Kind.SUSPEND and target in WORKERS:
        return dice.choice(_SUSPENDED_WORKER)
    if kind in (Kind.CUT, Kind.HALF, Kind.BACKEND):
        return 0
    return dice.uniform(0.5, 6)
