"""What a worker sends under."""

from dataclasses import dataclass, field
from email.headerregistry import Address

from domain.limits import NO_LIMITS, Limits
from transactions.linking import Links


@dataclass(frozen=True, slots=True)
class SendingPolicy:
    """As whom a worker sends, within which limits, and with which links."""

    sender: Address
    limits: Limits = NO_LIMITS
    links: Links = field(default_factory=Links)  # it keeps a key of one database
