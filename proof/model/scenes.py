"""What is played: the scenes in which the protocol must hold, and the guards that are left out one by one.

Each field of `Play` is a variable of claim.pml, and each of `Shared` one of recipient.pml: mostly how often something
may happen at most. All orders of it are searched.
"""

from dataclasses import dataclass
from enum import IntEnum


class Variant(IntEnum):
    """What is changed in the protocol; the numbers are those of claim.pml."""

    RIGHT = 0
    GATE_WITHOUT_TOKEN = 1
    RELEASED_ON_SILENCE = 2
    STOP_READ_BEFORE = 3
    ATTEMPT_TWO_SENDS = 4
    NOT_SENT_AT_ONCE = 5
    RECORD_WITHOUT_TOKEN = 6
    GATE_WITHOUT_LEASE = 7
    FRESH_CLAIMS_ARE_SETTLED = 8
    WORDS_OF_ANY_TRY = 9
    THREAD_UNGUARDED = 10
    EVIDENCE_UNREAD = 11
    WINDOW = 12
    ATTEMPT_TWO_CLAIMS = 13
    ANY_RUN_GIVES_UP = 14
    THREAD_BY_INDEX_ALONE = 15
    WINDOW_UNUSED = 16
    LATE_DEFERRAL_PROVES = 17
    LEASE_BY_DATABASE_ALONE = 18
    LEASE_BY_OWN_CLOCK_ALONE = 19
    COMMITS_UNPINNED = 20


@dataclass(frozen=True)
class Play:
    """What may happen. `instances` share one thread and have two leads; `calm`: nothing fails and nobody dies."""

    attempts: int
    variant: Variant = Variant.RIGHT
    instances: int = 1
    words: int = 0
    resets: int = 0
    reruns: int = 0
    stragglers: int = 0
    stops: int = 0
    evidence: int = 0
    outages: int = 0
    crashes: int = 0
    fingers: int = 0
    calm: int = 0
    only_not_sent: int = 0


class SharedVariant(IntEnum):
    """What is changed in how several leads share an address; the numbers are those of recipient.pml."""

    RIGHT = 0
    RECIPIENT_UNLOCKED = 1
    STOP_OF_LEAD_ALONE = 2
    SENDS_OF_LEAD_ALONE = 3
    OTHERS_UNREAD = 4
    ISOLATION_UNPINNED = 5
    ADDRESS_READ_ONCE = 6
    FROZEN_UNREAD = 7
    OLD_ADDRESS_UNLOCKED = 8


@dataclass(frozen=True)
class Shared:
    """What may happen to two leads with one address. `cap`, `gap`, `alone`: what limits their sends."""

    variant: SharedVariant = SharedVariant.RIGHT
    stops: int = 0
    moves: int = 0
    cap: int = 0
    gap: int = 0
    alone: int = 0


# The protocol as it is: each scene has what it is about, and an operator who speaks while it happens.
SCENES = {
    "workers die, PostgreSQL is down": Play(3, words=2, outages=1),
    "workers die, PostgreSQL crashes": Play(2, words=2, crashes=1),
    "the app stops the follow-up": Play(3, words=1, stops=1),
    "a message is seen outside": Play(3, words=2, evidence=1),
    "an operator resets the workflow": Play(2, words=2, resets=1),
    "a reset, and a third attempt": Play(3, words=1, resets=1, calm=1),
    "Temporal runs an attempt again": Play(3, words=1, reruns=1),
    "a settlement is committed late": Play(3, words=1, stragglers=1),
    "an operator says anything at any time": Play(2, words=2, fingers=1),
    "two follow-ups share a thread": Play(2, words=1, instances=2),
    "stops, resets and evidence at once": Play(2, words=1, resets=1, stops=1, evidence=1, calm=1),
}
# A part of them that is searched in a second or two: for the tests.
FEW = {
    "workers die": Play(2, words=1),
    "two follow-ups share a thread": Play(2, instances=2, calm=1),
}
# Nothing repeats for ever: every path comes to an end, at which the model asks whether it ended or waits for a person.
ENDLESS = {
    "workers die": Play(3, words=1),
    "a reset and a second attempt": Play(2, words=1, resets=1, reruns=1, calm=1),
}

_V = Variant
# A guard is left out, and what must never be happens. `The sentence` says what it is that is left out.
BROKEN = {
    "the gate does not ask whether its claim still holds": Play(1, _V.GATE_WITHOUT_TOKEN, words=1),
    "the gate does not look at its lease": Play(2, _V.GATE_WITHOUT_LEASE, words=1),
    "the lease is looked at by the database alone": Play(2, _V.LEASE_BY_DATABASE_ALONE, words=1),
    "an unknown send is released when it has been silent for long": Play(2, _V.RELEASED_ON_SILENCE),
    "the stop is read before the claim's transaction": Play(1, _V.STOP_READ_BEFORE, stops=1),
    "a second attempt takes up its run's claim and sends": Play(2, _V.ATTEMPT_TWO_SENDS, reruns=1),
    "not_sent is accepted before the claim is overdue": Play(2, _V.NOT_SENT_AT_ONCE, words=1),
    "an outcome is recorded without its token": Play(2, _V.RECORD_WITHOUT_TOKEN, words=1, calm=1, only_not_sent=1),
    "a not_sent is taken of a later try": Play(3, _V.WORDS_OF_ANY_TRY, words=1, calm=1, only_not_sent=1),
    "nothing guards the thread": Play(2, _V.THREAD_UNGUARDED, instances=2),
    "a 4yz after the terminator is taken for a proof": Play(2, _V.LATE_DEFERRAL_PROVES),
    "a COMMIT is answered before it is on disk": Play(2, _V.COMMITS_UNPINNED, crashes=1),
    "a claim does not look for evidence": Play(2, _V.EVIDENCE_UNREAD, words=2, evidence=1, calm=1),
}
# The exception that is known (docs/why.md): open, it is found; open and not used, nothing else is.
WINDOW = {"a process is suspended between the gate's yes and the terminator": Play(2, _V.WINDOW, words=1)}
WINDOW_UNUSED = {"the same, but nobody says not_sent meanwhile": Play(2, _V.WINDOW_UNUSED, words=1)}
# Another guard makes up for it: nothing must be found.
MADE_UP_FOR = {
    "a second attempt may claim, if nothing is claimed": Play(3, _V.ATTEMPT_TWO_CLAIMS, words=1, reruns=1, calm=1),
    "a claim is settled while it is fresh": Play(2, _V.FRESH_CLAIMS_ARE_SETTLED, words=1),
    "another run's claim is given up before it is overdue": Play(2, _V.ANY_RUN_GIVES_UP, words=1, resets=1),
    "the gate looks at its lease by its own clock alone": Play(2, _V.LEASE_BY_OWN_CLOCK_ALONE, words=1),
    "the claim does not read whether the thread is busy": Play(2, _V.THREAD_BY_INDEX_ALONE, instances=2),
}

# Two leads with one address, and each guard of theirs left out (recipient.pml).
SHARED = {
    "a cap of one, a stop, a lead that moves": Shared(stops=1, moves=1, cap=1),
    "a gap, a stop, a lead that moves": Shared(stops=1, moves=1, gap=1),
    "one follow-up at a time, a stop, a lead that moves": Shared(stops=1, moves=1, alone=1),
}
_S = SharedVariant
SHARED_BROKEN = {
    "a claim locks its lead, and not the recipient (a cap)": Shared(_S.RECIPIENT_UNLOCKED, cap=1),
    "a claim locks its lead, and not the recipient (a stop)": Shared(_S.RECIPIENT_UNLOCKED, stops=1),
    "a stop reaches the lead that it names, and nobody else": Shared(_S.STOP_OF_LEAD_ALONE, stops=1),
    "a cap counts what was sent under one lead id": Shared(_S.SENDS_OF_LEAD_ALONE, cap=1),
    "a gap counts what was sent under one lead id": Shared(_S.SENDS_OF_LEAD_ALONE, gap=1),
    "a claim does not ask who else is followed up there": Shared(_S.OTHERS_UNREAD, alone=1),
    "facts are those from before the wait (isolation is not pinned)": Shared(_S.ISOLATION_UNPINNED, cap=1),
    "a lead that has moved meanwhile is not locked anew": Shared(_S.ADDRESS_READ_ONCE, moves=1, cap=1),
    "a stop of the address that a draft is frozen to is not read": Shared(_S.FROZEN_UNREAD, stops=1, moves=1),
    "a stop does not lock an address that its lead had before": Shared(_S.OLD_ADDRESS_UNLOCKED, stops=1, moves=1),
    "a cap does not count what went where a draft is frozen to": Shared(_S.FROZEN_UNREAD, moves=1, cap=1),
}
