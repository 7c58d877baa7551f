"""Bounces of servers that nobody but `flufl.bounce` knows. It is asked last: it does not tell why they failed."""

import logging
from email import message_from_bytes

from flufl.bounce import all_failures

from domain.enhanced_status import FailureCause, cause_of, read_statuses
from intake.inbound.message_class import Failure, InboundKind, MessageClass
from intake.inbound.parts import Part, break_lines, own_text

# what it logs when it fails may quote the message
logging.getLogger("flufl.bounce").disabled = True
# A report's own words come first. Its patterns cost the square of a line's length, times the number of lines.
_MOST_BYTES = 64 * 1024
_MOST_RECIPIENTS = 100


def ask_library(part: Part, raw: bytes) -> MessageClass | None:
    """Recognise a bounce by its recipients that failed for good; None when there are none."""
    broken = b"".join(break_lines(raw[:_MOST_BYTES]))
    try:
        _, permanent = all_failures(message_from_bytes(broken))
    except Exception:  # a stranger's message may break it in any way
        return None
    words = " ".join(own_text(part)[:_MOST_BYTES].split())
    statuses = read_statuses(words)
    cause = cause_of(statuses, words)
    found = sorted(one.decode("ascii", "replace").lower() for one in permanent)[:_MOST_RECIPIENTS]
    if not found or cause in (FailureCause.TEMPORARY, FailureCause.MAILBOX_FULL):
        return None
    status = next(iter(statuses), "")
    return MessageClass(InboundKind.BOUNCE, tuple(Failure(one, status, cause) for one in found), status, found[0])
