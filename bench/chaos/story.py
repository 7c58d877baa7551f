"""What the app says in a run: who is enrolled when, who replies, and how often each event is delivered."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

STEPS = 3
# Every body names its lead and step once more, so that the peer's log doesn't depend on the Message-ID alone.
_SEQUENCE = """
name: {name}
steps:
  - {{wait: 0s, subject: "Following up", body: "mark {{{{ name }}}}/1"}}
  - {{wait: {second}, body: "mark {{{{ name }}}}/2"{approval}}}
  - {{wait: {third}, body: "mark {{{{ name }}}}/3"}}
"""
_SEQUENCES = {
    "plain": {"second": "1s", "third": "2s", "approval": ""},
    "approved": {"second": "1s", "third": "1s", "approval": ", approval: true"},
}
_STOPS = ("replied", "booked", "unsubscribed", "bounced", "closed")
_APPROVED, _STOPPED, _RESUMED, _ENROLLED_AGAIN = 0.2, 0.12, 0.05, 0.05
_BURST = 8


def write_sequences(folder: Path) -> None:
    """Put the sequences where the ingress finds them."""
    folder.mkdir(exist_ok=True)
    for name, filled in _SEQUENCES.items():
        (folder / f"{name}.yaml").write_text(_SEQUENCE.format(name=name, **filled))


class Said(NamedTuple):
    """One event, and the seconds from the beginning at which it is delivered."""

    event_id: str
    type: str
    lead_id: str
    at: tuple[float, ...]
    happened_at: float  # by the app's clock, seconds from the beginning
    data: dict[str, Any]

    def content(self, beginning: datetime) -> dict[str, Any]:
        """What is posted."""
        timestamp = (beginning + timedelta(seconds=self.happened_at)).astimezone(UTC)
        return {"type": self.type, "timestamp": timestamp.isoformat(), "data": self.data}


def tell(seed: int, leads: int, seconds: float) -> list[Said]:
    """Tell of so many leads, enrolled in bursts until shortly before the end."""
    dice = random.Random(f"story {seed}")
    bursts = [dice.uniform(0, seconds * 0.92) for _ in range(-(-leads // _BURST))]
    events: list[Said] = []
    for number in range(leads):
        events += _of_lead(dice, f"lead-{number}", bursts[number // _BURST])
    return events


def _of_lead(dice: random.Random, lead_id: str, at: float) -> list[Said]:
    sequence = "approved" if dice.random() < _APPROVED else "plain"
    lead = {"lead_id": lead_id, "email": f"{lead_id}@example.test", "name": lead_id}
    enrolled = {"sequence": sequence, "lead": lead}
    events = [_said(dice, "lead.enrolled", lead_id, at, enrolled)]
    if dice.random() < _ENROLLED_AGAIN:
        events.append(_said(dice, "lead.enrolled", lead_id, at + dice.uniform(0, 8), enrolled, "again"))
    if dice.random() < _STOPPED:
        # one that comes before its enrolment happened after it even so
        events.append(
            _said(dice, f"lead.{dice.choice(_STOPS)}", lead_id, at + dice.uniform(-2, 9), {"lead_id": lead_id})
        )
    if dice.random() < _RESUMED:
        events.append(_said(dice, "lead.resumed", lead_id, at + dice.uniform(0, 20), {"lead_id": lead_id}))
    return [event._replace(happened_at=at + place * 0.001) for place, event in enumerate(events)]


def _said(dice: random.Random, kind: str, lead_id: str, at: float, data: dict[str, Any], more: str = "") -> Said:
    first = max(at, 0.0)
    copies = [first + dice.uniform(0, 10) for _ in range(dice.choice((0, 1, 1, 2)))]
    return Said(f"{kind}-{lead_id}{more}", kind, lead_id, (first, *copies), first, data)
