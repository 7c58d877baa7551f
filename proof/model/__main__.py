"""`make model`: plays the claim protocol in every order, then without each guard; prints figures and traces."""

import argparse
import sys
from collections.abc import Mapping

from proof.model.scenes import (
    BROKEN,
    ENDLESS,
    MADE_UP_FOR,
    SCENES,
    SHARED,
    SHARED_BROKEN,
    WINDOW,
    WINDOW_UNUSED,
    Play,
    Shared,
)
from proof.model.searching import RECIPIENT, Found, How, Searcher, SearchError, missing, searchers


def main() -> int:
    """Return 0 when the protocol holds in all scenes and every guard that is left out is found out."""
    argparse.ArgumentParser(prog="make model", description=__doc__).parse_args()
    if lacks := missing():
        print(f"{' and '.join(lacks)} missing (Debian, Ubuntu: apt install spin gcc)", file=sys.stderr)
        return 1
    try:
        with searchers(How.DEEP, How.SHORTEST, How.CYCLES) as (deep, shortest, cycles):
            right = [_holds("The protocol as it is", deep, SCENES), _holds("Nothing repeats for ever", cycles, ENDLESS)]
            right.append(_found_out("A guard is left out", shortest, BROKEN))
            right.append(_found_out("The known exception", shortest, WINDOW))
            right.append(_holds("And no other", deep, WINDOW_UNUSED))
            right.append(_holds("Another guard makes up for it", deep, MADE_UP_FOR))
        with searchers(How.DEEP, How.SHORTEST, of=RECIPIENT) as (deep, shortest):
            right.append(_holds("Two leads with one address", deep, SHARED))
            right.append(_found_out("A guard of theirs is left out", shortest, SHARED_BROKEN))
    except SearchError as error:
        print(error, file=sys.stderr)
        return 1
    return 0 if all(right) else 1


def _holds(title: str, searcher: Searcher, plays: Mapping[str, Play | Shared]) -> bool:
    print(f"{title}\n{'states':>12} {'transitions':>12} {'depth':>6}")
    found = [_told(name, searcher.search(play)) for name, play in plays.items()]
    right = not any(one.trace for one in found)
    print(f"{sum(one.states for one in found):>12,} states, {'no errors' if right else 'ERRORS'}\n")
    return right


def _told(name: str, found: Found) -> Found:
    print(f"{found.states:>12,} {found.transitions:>12,} {found.depth:>6}  {name}", flush=True)
    _print_trace(found)
    return found


def _found_out(title: str, searcher: Searcher, plays: Mapping[str, Play | Shared]) -> bool:
    print(title)
    right = True
    for name, play in plays.items():
        found = searcher.search(play)
        right = right and bool(found.trace)
        print(f"  {name}: {'found' if found.trace else 'NOT FOUND'} in {found.states:,} states", flush=True)
        _print_trace(found)
    print()
    return right


def _print_trace(found: Found) -> None:
    for number, sentence in enumerate(found.trace, start=1):
        print(f"    {number:>2}  {sentence}")


if __name__ == "__main__":
    sys.exit(main())
