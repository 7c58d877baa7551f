"""What the app says in a run: who is enrolled when, who shares an address with whom, who replies, and how often.

Two workspaces have leads of the same ids and addresses. An address is that of several leads, in several spellings.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

STEPS = 3
# By workspace, who sends.
SENDERS = {"chaos": "ada@follow-up.test", "other": "bob@other.test"}
CHAOS, OTHER = WORKSPACES = tuple(SENDERS)
# Every body names its follow-up and step once more, so that the peer's log doesn't depend on the Message-ID alone.
_SEQUENCE = """
name: {name}
beside_others: {beside}
steps:
  - {{wait: 0s, subject: "Following up", body: "mark {workspace}:{name}:{{{{ lead_id }}}}/1\\n{name} 1"}}
  - {{wait: {second}, body: "mark {workspace}:{name}:{{{{ lead_id }}}}/2\\n{name} 2"{approval}}}
  - {{wait: {third}, body: "mark {workspace}:{name}:{{{{ lead_id }}}}/3\\n{name} 3"}}
"""
_SEQUENCES = {
    "plain": {"second": "1s", "third": "2s", "approval": "", "beside": "false"},
    "approved": {"second": "1s", "third": "1s", "approval": ", approval: true", "beside": "false"},
    "beside": {"second": "1s", "third": "2s", "approval": "", "beside": "true"},
}
# What these send may go to one address side by side, and say the same.
TOLERANT = frozenset({"beside"})
_STOPS = ("replied", "booked", "unsubscribed", "bounced", "closed")
_APPROVED, _STOPPED, _RESUMED, _ENROLLED_AGAIN, _IN_OTHER, _TWIN = 0.2, 0.12, 0.05, 0.05, 0.15, 0.1
_BURST = 8
# One domain, as people write it.
_DOMAINS = ("b\u00fccher.test", "B\u00dcCHER.Test", "xn--bcher-kva.test", "XN--BCHER-KVA.TEST")


def write_sequences(folder: Path, workspace: str) -> None:
    """Put the sequences where the ingress finds them."""
    folder.mkdir(exist_ok=True)
    for name, filled in _SEQUENCES.items():
        (folder / f"{name}.yaml").write_text(_SEQUENCE.format(name=name, workspace=workspace, **filled))


def same(address: str) -> str:
    """Return the one form of all spellings of an address."""
    local, _, domain = address.lower().rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}"


class Said(NamedTuple):
    """One event, and the seconds from the beginning at which it is delivered."""

    workspace: str
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

    @property
    def lead(self) -> str:
        """Whom it is about, among all workspaces."""
        return f"{self.workspace}/{self.lead_id}"

    @property
    def is_stop(self) -> bool:
        """Whether it ends follow-ups."""
        return self.type.removeprefix("lead.") in _STOPS

    @property
    def address(self) -> str:
        """The address that it tells, in its one form; empty where it tells none."""
        given = self.data.get("lead", self.data).get("email")
        return same(given) if given else ""

    @property
    def instance_id(self) -> str:
        """The follow-up that it begins; empty where it begins none."""
        return f"{self.workspace}:{self.data['sequence']}:{self.lead_id}" if "sequence" in self.data else ""


class Filed(NamedTuple):
    """One file of leads (id, address), all for one sequence, and when it is given to the starter."""

    workspace: str
    name: str
    sequence: str
    at: float
    leads: list[tuple[str, str]]

    def instance_id(self, lead_id: str) -> str:
        """The follow-up that a lead's row begins."""
        return f"{self.workspace}:{self.sequence}:{lead_id}"


class Story(NamedTuple):
    """All that the app says."""

    events: list[Said]
    files: list[Filed]

    @property
    def leads(self) -> dict[str, set[str]]:
        """By lead (`WORKSPACE/LEAD`) every address that is ever said of it."""
        found: dict[str, set[str]] = {}
        for event in self.events:
            found.setdefault(event.lead, set()).update({event.address} - {""})
        for file in self.files:
            for lead_id, address in file.leads:
                found.setdefault(f"{file.workspace}/{lead_id}", set()).add(same(address))
        return found


def tell(seed: int, leads: int, seconds: float) -> Story:
    """Tell of so many leads, enrolled in bursts until shortly before the end."""
    teller = _Teller(random.Random(f"story {seed}"))
    while teller.leads < leads:
        teller.burst(teller.dice.uniform(0, seconds * 0.92), min(_BURST, leads - teller.leads))
    return teller.story


class _Teller:
    def __init__(self, dice: random.Random) -> None:
        self.dice, self.leads, self.story = dice, 0, Story([], [])

    def burst(self, at: float, leads: int) -> None:
        """Tell of so many leads who are enrolled at once."""
        last, workspace = self.leads + leads, OTHER if self.dice.random() < _IN_OTHER else CHAOS
        if leads == _BURST and self.dice.random() < 0.15:
            self._file(workspace, at)
        while (left := last - self.leads) > 0:
            kind = self.dice.random()
            if kind < 0.12 and left >= 3:
                self._moving(workspace, at)
            elif kind < 0.3 and left >= 2:
                self._sharing(workspace, at, min(left, self.dice.randint(2, 3)))
            else:
                self._alone(workspace, at)

    def _alone(self, workspace: str, at: float) -> None:
        lead_id = self._next()
        sequence = "approved" if self.dice.random() < _APPROVED else "plain"
        self._tell(_Lead(workspace, lead_id, f"{lead_id}@example.test", sequence), at)
        if workspace == CHAOS and self.dice.random() < _TWIN:  # what is said of the one is said of nobody else
            self._tell(_Lead(OTHER, lead_id, f"{lead_id}@example.test", sequence), at)

    def _sharing(self, workspace: str, at: float, leads: int) -> None:
        """Leads of one address: those behind the first are enrolled with it, after it, or not at all."""
        local = f"shared-{self.leads}"
        for place in range(leads):
            lead = _Lead(workspace, self._next(), self._spelt(local), self.dice.choice(list(_SEQUENCES)))
            self._tell(lead, at + (self.dice.uniform(0, 25) if place else 0), stopped=0.2)

    def _moving(self, workspace: str, at: float) -> None:
        """One lead moves onto the address of another, and a third one is enrolled at the address it had."""
        here, there = f"here-{self.leads}", f"there-{self.leads}"
        sequences = self.dice.choices(list(_SEQUENCES), (3, 3, 1), k=3)
        first, mover, heir = (self._next() for _ in range(3))
        self._tell(_Lead(workspace, first, self._spelt(here), sequences[0]), at)
        self._tell(_Lead(workspace, mover, self._spelt(there), sequences[1], moves_to=self._spelt(here)), at)
        self._tell(_Lead(workspace, heir, self._spelt(there), sequences[2]), at + 1 + self.dice.uniform(0, 12))

    def _file(self, workspace: str, at: float) -> None:
        """Leads of a file, some at one address, one at that of a lead whom an event enrolled."""
        first = self.leads
        ids = [self._next() for _ in range(_BURST // 2)]
        rows = [(one, self._spelt(f"filed-{first + place % 3}")) for place, one in enumerate(ids)]
        known = [one for one in self.story.events if one.workspace == workspace and one.address]
        if known:
            rows[-1] = (ids[-1], self.dice.choice(known).address.upper())
        sequence = self.dice.choice(list(_SEQUENCES))
        self.story.files.append(Filed(workspace, f"file-{first}", sequence, at, rows))

    def _next(self) -> str:
        self.leads += 1
        return f"lead-{self.leads - 1}"

    def _spelt(self, local: str) -> str:
        written = self.dice.choice((local, local.upper(), local.title()))
        return f"{written}@{self.dice.choice(_DOMAINS)}"

    def _tell(self, lead: "_Lead", at: float, stopped: float = _STOPPED) -> None:
        """Tell of one lead. Nothing is delivered before it happened, but what happened later may come earlier."""
        events = list(self._events(lead, at, stopped))
        happened = min(event.at[0] for event in events) - 0.1
        moved = False
        for place, event in enumerate(events):
            moved = moved or event.type == "lead.updated"
            # a move comes after all words of those who had the address before
            since = at + 0.5 if moved else happened
            self.story.events.append(event._replace(happened_at=since + place * 0.001))

    def _events(self, lead: "_Lead", at: float, stopped: float) -> Iterator[Said]:
        person = {"lead_id": lead.lead_id, "email": lead.email}
        enrolled = {"sequence": lead.sequence, "lead": person}
        yield self._said(lead, "lead.enrolled", at, enrolled)
        if self.dice.random() < _ENROLLED_AGAIN:
            yield self._said(lead, "lead.enrolled", at + self.dice.uniform(0, 8), enrolled, "again")
        if lead.moves_to:
            yield self._said(lead, "lead.updated", at + self.dice.uniform(1, 9), person | {"email": lead.moves_to})
        if self.dice.random() < stopped:
            earliest = 1 if lead.moves_to else -2
            kind = f"lead.{self.dice.choice(_STOPS)}"
            yield self._said(lead, kind, at + self.dice.uniform(earliest, 9), {"lead_id": lead.lead_id})
        if self.dice.random() < _RESUMED:
            yield self._said(lead, "lead.resumed", at + self.dice.uniform(1, 20), {"lead_id": lead.lead_id})

    def _said(self, lead: "_Lead", kind: str, at: float, data: dict[str, Any], more: str = "") -> Said:
        first = max(at, 0.0)
        copies = [first + self.dice.uniform(0, 10) for _ in range(self.dice.choice((0, 1, 1, 2)))]
        return Said(lead.workspace, f"{kind}-{lead.lead_id}{more}", kind, lead.lead_id, (first, *copies), first, data)


class _Lead(NamedTuple):
    workspace: str
    lead_id: str
    email: str
    sequence: str
    moves_to: str = ""
