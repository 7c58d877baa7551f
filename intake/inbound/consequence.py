"""What follows from a message that came in, for the message of ours that it is about and for whom that went to."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple, assert_never

from domain.event import EVENT, Event, EventType
from domain.evidence import EvidenceKind
from domain.instance import Reason, instance_key
from intake.inbound.mail import Inbound
from intake.inbound.message_class import Failure, InboundKind, same_address
from store.evidence import Named
from store.suppressions import forgotten
from transactions.evidence import Concern

# `domain.event`: a day further off is a person's to judge.
_LONGEST_ABSENCE = timedelta(days=366)


class Consequence(NamedTuple):
    """What was seen of our message, the app event that follows, and what a person has to look into."""

    evidence: EvidenceKind
    event: Event | None = None
    concern: Concern | None = None


def consequence_of(inbound: Inbound, named: Named, came_at: datetime, event_id: str) -> Consequence:
    """Say what follows: whom we wrote to can stop what is written to them, and nobody else's."""
    said = _Said(inbound, named, came_at, event_id)
    match inbound.kind:
        case InboundKind.REPLY:
            return Consequence(EvidenceKind.REPLY, said.event(EventType.REPLIED))
        case InboundKind.AUTO_REPLY:
            return said.absence()
        case InboundKind.BOUNCE:
            return said.bounce()
        case InboundKind.COMPLAINT:
            return Consequence(EvidenceKind.DELIVERY, said.event(EventType.UNSUBSCRIBED, **said.recipient()))
        case InboundKind.DELIVERY_NOTICE:
            return Consequence(EvidenceKind.DELIVERY)
        case _:
            assert_never(inbound.kind)


class _Said(NamedTuple):
    inbound: Inbound
    named: Named
    came_at: datetime
    event_id: str

    def event(self, kind: EventType, **data: Any) -> Event:
        """Make an app event."""
        content = {"lead_id": self.named.lead_id, **data}
        return EVENT.validate_python({"id": self.event_id, "type": kind, "timestamp": self.came_at, "data": content})

    def recipient(self) -> dict[str, str]:
        """Name the address that we wrote to, unless it was forgotten."""
        return {"email": self.named.recipient} if "@" in self.named.recipient else {}

    def absence(self) -> Consequence:
        """Hold until the day that was named, or for as long as is usual; what is longer a person looks at."""
        until, day = self.inbound.away_until, self.came_at.date()
        ahead = until is not None and day < until
        too_long = ahead and until is not None and until > day + _LONGEST_ABSENCE
        concern = Concern(Reason.LONG_ABSENCE, "an automatic reply says that the lead is away for good, or for years")
        event = self.event(EventType.REPLIED, auto=True, until=until if ahead and not too_long else None)
        return Consequence(EvidenceKind.AUTO_REPLY, event, concern if too_long or self.inbound.for_good else None)

    def bounce(self) -> Consequence:
        """Suppress the address that failed if we wrote to it, and for a reason of its own."""
        failures = self.inbound.failures
        ours = [one for one in failures if self.is_ours(one.recipient)]
        if any(one.suppresses for one in ours) and not self.inbound.is_of_another:
            return Consequence(EvidenceKind.BOUNCE, self.event(EventType.BOUNCED, **self.recipient()))
        unnamed = not any(one.recipient for one in failures)
        if self.inbound.is_of_another or not (ours or unnamed or any(map(self.was_forwarded, failures))):
            return Consequence(EvidenceKind.DELIVERY)
        why = f"its message came back: {self.inbound.status or 'no status was given'}"
        return Consequence(EvidenceKind.BOUNCE, concern=Concern(Reason.UNDELIVERED, why))

    def was_forwarded(self, failure: Failure) -> bool:
        """Whether the only place that our recipient's mail goes to failed."""
        return self.is_ours(failure.original) and not any(map(self.is_ours, self.inbound.delivered))

    def is_ours(self, address: str) -> bool:
        """Whether we wrote to an address, even where it has been forgotten since."""
        if "@" in self.named.recipient:
            return same_address(address, self.named.recipient)
        return forgotten(instance_key(self.named.instance_id).workspace, address) == self.named.recipient
