"""Evidence: what was seen of a message outside of us. It proves that the message went out; silence proves nothing."""

from enum import StrEnum


class EvidenceKind(StrEnum):
    """What was seen.

    REPLY, AUTO_REPLY: an answer that names the message. BOUNCE: a report that it came back. DELIVERY: a report that it
    arrived, or is on its way. SENT_COPY: the message itself, in the sender's Sent folder.
    """

    REPLY = "reply"
    AUTO_REPLY = "auto_reply"
    BOUNCE = "bounce"
    DELIVERY = "delivery"
    SENT_COPY = "sent_copy"
