"""What kind a message is that came in: a person's answer, a machine's, a bounce, a notice of delivery, a complaint.

A report for programs is believed for its parts, a mail server's prose where something beside it says that a server
wrote it. Words alone are nobody's proof: taking a person's answer for a machine's would mean to go on writing to
somebody who answered, taking it for a bounce, never to write to them again.
"""

import re

from domain.enhanced_status import FailureCause
from intake.inbound.library import ask_library
from intake.inbound.machine import (
    ServerLikelihood,
    has_null_path,
    is_answer,
    is_automatic,
    is_of_desk,
    reads_like_absence,
    server_of,
)
from intake.inbound.message_class import Failure, InboundKind, MessageClass, find_address
from intake.inbound.parts import Part, value
from intake.inbound.prose import read_prose
from intake.inbound.report import is_report_part, read_report
from intake.inbound.returned import read_returned

__all__ = ["InboundKind", "classify"]

_WRAPPED = re.compile(r"multipart/(?:mixed|signed|related|alternative)")
# Outlook.com's feedback loop (JMRP) is older than RFC 5965: it returns the message under this header, and says nothing.
_REPORTED = "X-HmXmrOriginalRecipient"


def classify(part: Part, raw: bytes) -> MessageClass:
    """Say what kind a message is; `raw` is what it was read from."""
    server = server_of(part)
    told = read_report(part) if _may_report(part, server) else None
    if told is not None:
        return _refined(part, told)
    if complaint := _read_old_complaint(part):
        return complaint
    if server is not ServerLikelihood.NO or "Auto-Submitted" in part or _is_report(part):
        told = read_prose(part) or (
            ask_library(part, raw) if server is ServerLikelihood.YES or _is_report(part) else None
        )
        # a mail program's note may quote anything; a server's own words name a status, or nobody is away in them
        if told is not None and (told.status or not (is_automatic(part) and server is not ServerLikelihood.YES)):
            return told
    if (server is ServerLikelihood.YES or _is_report(part)) and not reads_like_absence(part):
        return MessageClass(InboundKind.DELIVERY_NOTICE)
    if is_automatic(part):
        return MessageClass(InboundKind.AUTO_REPLY)
    is_notice = has_null_path(part) and not is_of_desk(part)
    return MessageClass(InboundKind.DELIVERY_NOTICE if is_notice else InboundKind.REPLY)


def _refined(part: Part, told: MessageClass) -> MessageClass:
    """Where a report gives no reason, take that of the text that goes with it."""
    if told.kind is not InboundKind.BOUNCE or all(one.is_explained for one in told.failures):
        return told
    words = read_prose(part)
    said = {one.recipient: one for one in words.failures} if words is not None else {}
    better = [one if one.is_explained else said.get(one.recipient, one) for one in told.failures]
    failures = tuple(new._replace(original=old.original) for new, old in zip(better, told.failures, strict=True))
    return told._replace(failures=failures, status=failures[0].status, recipient=failures[0].recipient)


def _may_report(part: Part, server: ServerLikelihood) -> bool:
    """Say whether a report among the parts is what the message is; else somebody may have attached it."""
    return server is not ServerLikelihood.NO or _is_report(part) or not is_answer(part)


def _is_report(part: Part) -> bool:
    """Say whether a message is a report, or only signs one, or adds something to it."""
    while _WRAPPED.fullmatch(part.get_content_type()):
        inner = part.get_payload() if part.is_multipart() else None
        if not isinstance(inner, list) or not inner or not isinstance(inner[0], Part):
            return False
        part = inner[0]
    return part.get_content_type() == "multipart/report" or is_report_part(part)


def _read_old_complaint(part: Part) -> MessageClass | None:
    named = next((value(head, _REPORTED) for head in read_returned(part) if _REPORTED in head), None)
    if named is None:
        return None
    recipient = find_address(named)
    return MessageClass(InboundKind.COMPLAINT, (Failure(recipient, "", FailureCause.OTHER),), recipient=recipient)
