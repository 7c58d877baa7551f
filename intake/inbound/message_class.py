"""What a message that came in is told to be: its kind, and what it says of each recipient that failed."""

import re
from enum import StrEnum
from typing import NamedTuple

from domain.enhanced_status import FailureCause

_ADDRESS = re.compile(r"[^\s<>()\[\];:,\"]{1,64}@[^\s<>()\[\];:,\"]{1,255}")
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")


class InboundKind(StrEnum):
    """What a message is.

    REPLY: a person wrote it. AUTO_REPLY: a program did, in a person's name. BOUNCE: it says that a message came back
    for good. DELIVERY_NOTICE: it says that one arrived, was shown, is late, or may still come back. COMPLAINT: its
    reader called it spam, or their filter refuses our mail.
    """

    REPLY = "reply"
    AUTO_REPLY = "auto_reply"
    BOUNCE = "bounce"
    DELIVERY_NOTICE = "delivery_notice"
    COMPLAINT = "complaint"


class Failure(NamedTuple):
    """One recipient that failed: the address that did, and the one it was written to before any forwarding.

    Either is empty where the report does not say it.
    """

    recipient: str
    status: str
    cause: FailureCause
    original: str = ""

    @property
    def is_forwarded(self) -> bool:
        """Whether another address failed than the one that was written to."""
        return self.original != "" and not same_address(self.original, self.recipient)

    @property
    def is_explained(self) -> bool:
        """Whether a status says more than that it failed."""
        return self.status not in ("", "4.0.0", "5.0.0")

    @property
    def suppresses(self) -> bool:
        """Whether the report fails the very address it names, for a reason of that address."""
        return self.cause is FailureCause.ADDRESS and self.recipient != "" and not self.is_forwarded


class MessageClass(NamedTuple):
    """The kind of a message; `failures` are those of a bounce.

    `status` and `recipient` are of the first one, or of the first recipient that a notice speaks of.
    """

    kind: InboundKind
    failures: tuple[Failure, ...] = ()
    status: str = ""
    recipient: str = ""
    delivered: tuple[str, ...] = ()  # addresses that got the message, by the same report


def find_address(text: str) -> str:
    """Return the first address in a text, in lower case; nothing when there is none."""
    plain = _ESCAPED.sub(lambda found: chr(min(int(found[1], 16), 0x10FFFF)), text)  # RFC 6533, 3
    found = _ADDRESS.search(plain)
    return found[0].strip("'.").lower() if found else ""


def same_address(one: str, other: str) -> bool:
    """Say whether two addresses are one, however their case and their domains are written."""
    return _wire(one) == _wire(other)


def _wire(address: str) -> str:
    local, at, domain = address.strip().strip("<>").lower().rpartition("@")
    try:
        domain = domain.encode("idna").decode()
    except UnicodeError:
        return local + at + domain
    return local.strip('"') + at + domain
