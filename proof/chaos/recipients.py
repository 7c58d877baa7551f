"""What must be zero of each recipient, an address in its workspace, counted from the peer's log.

What else is known is said by the app and the operators. The store's tables are asked for one thing alone: whether a
message that came after a stop had been claimed before it, and for such a one there is a longest time even so.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from itertools import pairwise, permutations
from typing import NamedTuple

from domain.instance import instance_key
from proof.chaos.counting import Claim, Offences
from proof.chaos.log import Taken
from proof.chaos.people import Stopped

# A claim has its lease of ten seconds to begin its end, a worker sleeps for 40 at most, and a link or the peer stands
# still for six: what comes later than all of these after a stop was claimed after it, whatever a table says.
LONGEST = 75.0


class Known(NamedTuple):
    """What is known beside the log.

    `senders` is by workspace, `tolerant` the sequences that run beside others, `moved` the leads that came to another
    address, `asked_at` when each follow-up was asked for, `ended_at` when a stop of a follow-up was answered,
    `written_off` the Message-IDs of unknown sends that an operator's stop ended without a look at the log. Of `caps`
    each is of a workspace.
    """

    senders: Mapping[str, str]
    tolerant: Set[str]
    moved: Set[str]
    asked_at: Mapping[str, float]
    ended_at: Mapping[str, float]
    written_off: Set[str]
    caps: Mapping[str, int]


def broken_to_recipients(
    taken: list[Taken], claims: Iterable[Claim], stops: Iterable[Stopped], known: Known
) -> Offences:
    """Count what broke a promise to whoever has an address. What names no follow-up is counted elsewhere."""
    taken = [one for one in taken if one.step]
    return {
        "two at a time": _two_at_a_time(taken, known),
        "the same again": _the_same_again(taken, known),
        "mailed after a stop": _mailed_after(taken, claims, stops, known),
        "over the cap": _over_the_cap(taken, known),
        "of another workspace": _foreign(taken, known),
    }


def _by_person(taken: Iterable[Taken]) -> dict[str, list[Taken]]:
    found: dict[str, list[Taken]] = defaultdict(list)
    for one in sorted(taken):
        found[one.person].append(one)
    return found


def _lead(instance_id: str) -> str:
    key = instance_key(instance_id)
    return f"{key.workspace}/{key.lead_id}"


def _may_meet(one: str, other: str, known: Known) -> bool:
    """Say whether two follow-ups may go to one address at a time: of one lead, or where a sequence allows it."""
    sequences = {instance_key(one).sequence, instance_key(other).sequence}
    return _lead(one) == _lead(other) or bool(sequences & known.tolerant)


def _two_at_a_time(taken: Iterable[Taken], known: Known) -> dict[str, str]:
    """Find a message to an address between two of another follow-up, of another lead, that allows none beside it."""
    found = {}
    for person, those in _by_person(taken).items():
        times: dict[str, list[float]] = defaultdict(list)
        for message in those:
            # what was on its way when its follow-up ended may come while the next one is under way
            if message.at <= known.ended_at.get(message.instance_id, message.at):
                times[message.instance_id].append(message.at)
        for one, other in permutations(times, 2):
            if not _may_meet(one, other, known) and times[one][0] < times[other][0] < times[one][-1]:
                found[one] = f"{other} went to {person} between its messages"
    return found


def _the_same_again(taken: Iterable[Taken], known: Known) -> dict[str, str]:
    """Find a text that an address got of two leads, neither of whom was moved there."""
    found = {}
    for person, those in _by_person(taken).items():
        texts: dict[str, list[Taken]] = defaultdict(list)
        for one in those:
            if _lead(one.instance_id) not in known.moved:
                texts[one.text].append(one)
        for alike in texts.values():
            for one, other in pairwise(alike):
                if not _may_meet(one.instance_id, other.instance_id, known):
                    found[other.instance_id] = f"{person} had got step {other.step} of {one.instance_id} already"
    return found


def _mailed_after(
    taken: Iterable[Taken], claims: Iterable[Claim], stops: Iterable[Stopped], known: Known
) -> dict[str, str]:
    begun: dict[tuple[str, int], list[float]] = defaultdict(list)
    for claim in claims:
        begun[claim.instance_id, claim.step].append(claim.at)
    of_person: dict[str, list[Stopped]] = defaultdict(list)
    for stop in stops:
        of_person[stop.person].append(stop)
    found = {}
    for one in taken:
        before = [at for at in begun[one.instance_id, one.step] if at <= one.at]
        claimed_at = max([*before, one.at - LONGEST]) if before else one.at
        for stop in of_person[one.person]:
            if stop.since < claimed_at and stop.happened >= known.asked_at.get(one.instance_id, float("inf")):
                late = one.at - stop.since
                found[one.instance_id] = f"step {one.step} came to {one.person} {late:.1f} s after a stop was answered"
    return found


def _over_the_cap(taken: Iterable[Taken], known: Known) -> dict[str, str]:
    found = {}
    for person, those in _by_person(taken).items():
        counted = [one for one in those if one.message_id not in known.written_off]
        cap = known.caps.get(person.partition("/")[0], len(counted))
        if len(counted) > cap:
            found[counted[-1].instance_id] = f"{person} got {len(counted)} messages, and may get {cap}"
    return found


def _foreign(taken: Iterable[Taken], known: Known) -> dict[str, str]:
    return {
        one.instance_id: f"step {one.step} was sent by {one.sender}"
        for one in taken
        if one.sender != known.senders.get(one.workspace)
    }
