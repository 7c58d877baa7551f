"""What a worker sends under."""

from email.headerregistry import Address
from typing import NamedTuple

from activities.linking import NO_LINKS, Links
from domain.limits import NO_LIMITS, Limits


class Terms(NamedTuple):
    """As whom a worker sends, within which limits, and with which links."""

    sender: Address
    limits: Limits = NO_LIMITS
    links: Links = NO_LINKS
