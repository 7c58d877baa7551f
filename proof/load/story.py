"""What an app says of its leads in the load test of events, and how each lead must end because of it."""

import random
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

# Two letters a second apart; and two of which the second is never due, so that whatever ends it was a stop.
_SEQUENCES = {
    "short": "name: short\nsteps: [{wait: 0s, subject: Hello, body: 'Hello {{ name }}'}, {wait: 1s, body: Again}]",
    "long": "name: long\nsteps: [{wait: 0s, subject: Hello, body: 'Hello {{ name }}'}, {wait: 30d, body: Again}]",
}
_STOPS = ("replied", "booked", "unsubscribed", "bounced", "closed")


def write_sequences(folder: Path) -> None:
    """Put the sequences where the ingress finds them."""
    for name, sequence in _SEQUENCES.items():
        (folder / f"{name}.yaml").write_text(sequence)


class Said(NamedTuple):
    """One event."""

    event_id: str
    content: dict[str, Any]


class Story(NamedTuple):
    """What is said of one lead, in no order that matters, and its follow-up's only right end."""

    lead_id: str
    events: list[Said]
    sequence: str
    status: str
    reason: str
    letters: range  # how many are sent: stopped ones may have sent their first before


def tell(events: int, dice: random.Random) -> list[Story]:
    """Tell of as many leads as it takes for so many events."""
    stories: list[Story] = []
    while sum(len(story.events) for story in stories) < events:
        stories.append(dice.choice((_plain, _stopped, _again))(f"lead-{len(stories)}", dice))
    return stories


def _plain(lead_id: str, dice: random.Random) -> Story:  # noqa: ARG001  # the form of every story
    return Story(lead_id, [_enrolled(lead_id, "short")], "short", "completed", "none", range(2, 3))


def _stopped(lead_id: str, dice: random.Random) -> Story:
    kind = dice.choice(_STOPS)
    events = [_enrolled(lead_id, "long", minutes_ago=1), _of(lead_id, f"lead.{kind}")]
    return Story(lead_id, events, "long", "stopped", kind, range(2))


def _again(lead_id: str, dice: random.Random) -> Story:  # noqa: ARG001  # the form of every story
    """A lead whom the app enrols twice, by two events, and of whom it knows something better in between."""
    better = _of(lead_id, "lead.updated", timezone="Europe/London")
    events = [_enrolled(lead_id, "short"), better, _enrolled(lead_id, "short")]
    return Story(lead_id, events, "short", "completed", "none", range(2, 3))


def _enrolled(lead_id: str, sequence: str, minutes_ago: int = 0) -> Said:
    lead = {"lead_id": lead_id, "email": f"{lead_id}@example.test", "name": "Grace"}
    return _said("lead.enrolled", minutes_ago, {"sequence": sequence, "lead": lead})


def _of(lead_id: str, event_type: str, **more: str) -> Said:
    return _said(event_type, 0, {"lead_id": lead_id, **more})


def _said(event_type: str, minutes_ago: int, data: dict[str, Any]) -> Said:
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return Said(f"evt-{uuid.uuid4().hex}", {"type": event_type, "timestamp": at.isoformat(), "data": data})
