"""Whom a stop reaches, and since when, by what the app said and was answered: pure functions of these."""

from collections.abc import Iterator
from typing import NamedTuple

from proof.chaos.story import Said, Story


class Heard(NamedTuple):
    """When the app's words were first answered, Unix time: events by workspace and id, rows of files by follow-up."""

    events: dict[tuple[str, str], float]
    files: dict[str, float]


class Stopped(NamedTuple):
    """A stop of whoever has an address (`WORKSPACE/ADDRESS`): when it happened, and since when all of it is known."""

    person: str
    happened: float
    since: float


def stopped(story: Story, heard: Heard, beginning: float) -> list[Stopped]:
    """List what the app's stops reach: whoever has the address that their lead had when they happened.

    All of it is known when the stop is answered and everything that was said of the lead's address until it happened.
    """
    return [
        Stopped(f"{stop.workspace}/{address}", beginning + stop.happened_at, since)
        for stop in story.events
        if stop.is_stop
        for address, since in _reached(stop, story, heard)
    ]


def _reached(stop: Said, story: Story, heard: Heard) -> Iterator[tuple[str, float]]:
    words = [one for one in story.events if one.lead == stop.lead and one.address]
    until_then = sorted((one for one in words if one.happened_at <= stop.happened_at), key=lambda one: one.happened_at)
    instants = [heard.events.get((one.workspace, one.event_id)) for one in (stop, *until_then)]
    known = [instant for instant in instants if instant is not None]
    if until_then and len(known) == len(instants):
        yield until_then[-1].address, max(known)


def enrolled_at(story: Story, heard: Heard, beginning: float) -> dict[str, float]:
    """Tell when each follow-up was asked for, Unix time; of a row of a file when it had been answered at the latest."""
    found = dict(heard.files)
    for event in story.events:
        if event.instance_id:
            at = beginning + event.happened_at
            found[event.instance_id] = min(at, found.get(event.instance_id, at))
    return found


def shared(leads: dict[str, set[str]]) -> set[str]:
    """Name the leads of which an address was another's, too, at any time."""
    had: dict[str, set[str]] = {}
    for lead, addresses in leads.items():
        for address in addresses:
            had.setdefault(f"{lead.partition('/')[0]}/{address}", set()).add(lead)
    return {lead for those in had.values() if len(those) > 1 for lead in those}
