"""How a server behaves: how often it does what, by the manners that it has."""

from enum import StrEnum
from typing import NamedTuple


class How(StrEnum):
    """What a server does where a reply is due.

    DROP, RESET: it ends the connection. HALF_CLOSE: it ends its own direction and reads on. HANG: it says nothing more.
    SPLIT, DELAY: the right reply, octet by octet or late. GOES: 421, and the end. LATER, NEVER: 4yz or 5yz, the message
    not taken. After the terminator alone: TAKES_AND_GOES: 250, then 421 unasked, and the end. DEFERS: 451, and the
    message is delivered all the same. GREETS: a 2yz of another command, the message not taken. THROWS_AWAY: 250, the
    message not taken. DENIES: 554 or a 4yz by policy, and the message is delivered.
    """

    RIGHT = "right"
    DROP = "drop"
    RESET = "reset"
    HALF_CLOSE = "half-close"
    HANG = "hang"
    SPLIT = "split"
    DELAY = "delay"
    GOES = "421 and goes"
    LATER = "4yz"
    NEVER = "5yz"
    TAKES_AND_GOES = "250 and 421"
    DEFERS = "4yz, delivered"
    GREETS = "another 2yz"
    THROWS_AWAY = "250, thrown away"
    DENIES = "refused, delivered"


class Manners(NamedTuple):
    """Out of a thousand: what happens where a reply to the envelope is due, and to the terminator.

    `doubled` and `unasked` out of a thousand, too: a reply that is said again, at once or some milliseconds later; a
    word that comes while the message does. `latest` is in seconds.
    """

    envelope: dict[How, int]
    final: dict[How, int]
    doubled: int = 0
    unasked: int = 0
    latest: float = 0.008


_ENDS = {How.DROP: 4, How.RESET: 4, How.HALF_CLOSE: 3, How.GOES: 5}
_REFUSES = {How.LATER: 10, How.NEVER: 10}
_SLOW = {How.SPLIT: 40, How.DELAY: 40}
# A refusal is what a stray reply could hide, so these servers refuse a third of what they are given.
_JUDGES = {How.LATER: 80, How.NEVER: 250, How.DROP: 15, How.RESET: 10, How.GOES: 10}

# What RFC 5321 allows, or an accident makes of any server
ACCIDENTS = "ends, resets, half-closes, hangs, splits, delays"
REFUSALS = "refuses: 4yz, 5yz, 421 and goes, 250 and 421"
# What it forbids
DEFERRALS = "4yz to what it delivers"
OTHER_REPLIES = "a 2yz of another command to the terminator"
DOUBLED = "says any reply again, at once or late"
UNASKED = "says anything at any time of a message"
# Inside the protocol
LIES = "lies inside the protocol"

MANNERS = {
    ACCIDENTS: Manners(
        envelope=_ENDS | _SLOW | {How.HANG: 1},
        final=_SLOW | {How.DROP: 60, How.RESET: 60, How.HALF_CLOSE: 40, How.HANG: 4, How.NEVER: 100},
    ),
    REFUSALS: Manners(
        envelope=_REFUSES | _SLOW | {How.GOES: 10},
        final=_SLOW | {How.LATER: 120, How.NEVER: 120, How.GOES: 80, How.TAKES_AND_GOES: 120},
    ),
    DEFERRALS: Manners(envelope=_REFUSES, final={How.DEFERS: 300, How.LATER: 100, How.NEVER: 100}),
    OTHER_REPLIES: Manners(envelope=_REFUSES, final={How.GREETS: 300, How.NEVER: 100, How.TAKES_AND_GOES: 50}),
    DOUBLED: Manners(envelope=_REFUSES, final=_JUDGES | {How.DELAY: 300, How.TAKES_AND_GOES: 30}, doubled=150),
    UNASKED: Manners(envelope=_REFUSES, final=_JUDGES | {How.DELAY: 300, How.DEFERS: 30}, unasked=200),
    LIES: Manners(envelope=_REFUSES, final={How.THROWS_AWAY: 100, How.DENIES: 100, How.LATER: 50}),
}
# The servers whose outcomes must never be wrong.
JUDGED = [name for name in MANNERS if name != LIES]
