"""What an end of an SMTP dialogue means. The phase decides; the class of an exception never does.

The sources of the rules: RFC 5321, 4.2.1 (the first digit), 4.1.1.10 (a server that is left before the terminator must
drop the message), 4.5.3.2.6 and RFC 1047 (after the terminator silence proves nothing); RFC 3463 (enhanced codes).
"""

import re
import ssl
from enum import StrEnum

from aiosmtplib import SMTPResponseException

from domain.enhanced_status import FailureCause, cause_of
from domain.outcome import Fault, NotSent, Outcome, Refused, Sent, Unknown
from providers.smtp_wire import GarbledReplyError, Reply


class Phase(StrEnum):
    """How far a send came; the last word of most codes.

    CONNECT: name, TCP, TLS from the start, greeting. EHLO, TLS (STARTTLS), AUTH, MAIL, RCPT, DATA: that command.
    BODY: the message is under way, its terminator is not. FINAL: the terminator may be out; the point of no return
    lies before it.
    """

    CONNECT = "connect"
    EHLO = "ehlo"
    TLS = "tls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    FINAL = "final"


class NotOfferedError(Exception):
    """The server does not offer what every send needs; the text is the extension's name in lower case."""


# A 5yz here says nothing of the letter, and often passes (a full blocklist, a certificate being renewed)
_BEFORE_ANY_LETTER = {Phase.CONNECT, Phase.EHLO, Phase.TLS}
_LONGEST_REPLY = 500
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
# Enhanced codes of a bad *sender* (RFC 3463, 3.2), which servers that delay rejections give at RCPT
_SENDER_STATUS = {"5.1.7", "5.1.8"}
# Replies to RCPT that say "no such mailbox" even without enhanced codes and words (RFC 5321, 4.2.3)
_NO_MAILBOX = (550, 551, 553)


def outcome_of(phase: Phase, happened: Reply | Exception) -> Outcome:
    """Translate what ended a send in a phase: a reply of the server, or whatever was raised meanwhile."""
    reply = _replied(happened)
    if phase is Phase.AUTH and isinstance(happened, NotOfferedError):
        return Refused(fault=Fault.CONFIGURATION, code="smtp-no-auth")
    if reply is None:
        make = Unknown if phase is Phase.FINAL else NotSent
        return make(code=_code_of_error(phase, happened), reply=_trimmed(phase, str(happened)))
    words = {"code": f"smtp-{reply.code}-{phase}", "reply": _trimmed(phase, reply.text)}
    if reply.digit == 5 and phase not in _BEFORE_ANY_LETTER:
        return Refused(fault=_fault(phase, reply), **words)
    if phase is Phase.FINAL and reply.digit == 2:
        return Sent(code=f"smtp-{reply.code}", reply=words["reply"])
    return _unrefused(phase, reply)(**words)


def _unrefused(phase: Phase, reply: Reply) -> type[NotSent] | type[Unknown]:
    if phase is Phase.FINAL and reply.digit != 4:
        return Unknown
    # a server that accepts before the end was said has not understood us: who knows what it did with the body
    if phase is Phase.BODY and reply.digit == 2:
        return Unknown
    return NotSent


def _replied(happened: Reply | Exception) -> Reply | None:
    if isinstance(happened, Reply):
        return happened
    if isinstance(happened, SMTPResponseException) and 100 <= happened.code <= 599:
        return Reply(happened.code, happened.message)
    return None


def _code_of_error(phase: Phase, error: Reply | Exception) -> str:
    # names for people to search by: nothing is decided by them
    match error:
        case ssl.SSLError() | Exception(__cause__=ssl.SSLError()):
            return "smtp-tls"
        case NotOfferedError():
            return f"smtp-no-{error}"
        case TimeoutError():
            return f"smtp-timeout-{phase}"
        case GarbledReplyError() | SMTPResponseException():
            return f"smtp-garbage-{phase}"
        case OSError() if phase is Phase.CONNECT:
            return "smtp-connect"
        case ConnectionError():
            return f"smtp-eof-{phase}"
    return f"smtp-error-{phase}"


def _fault(phase: Phase, reply: Reply) -> Fault:
    found = _STATUS.match(reply.text)
    status = found[0] if found else ""
    if phase is Phase.AUTH or reply.code in (530, 535) or status in _SENDER_STATUS:
        return Fault.CONFIGURATION
    if status.startswith("5.3."):  # the mail system's limits, size above all (RFC 1870)
        return Fault.MESSAGE
    if phase is Phase.MAIL:
        return Fault.CONFIGURATION
    cause = cause_of([status] if status else [], reply.text)
    if cause is FailureCause.ADDRESS and (status or phase is Phase.RCPT):
        return Fault.RECIPIENT
    if phase is Phase.RCPT and cause is not FailureCause.MAILBOX_FULL:
        return _fault_at_rcpt(reply, status)
    # 5.7.x here too: the server has read the text, and judges it (spam, alignment), not the address and not the relay
    return Fault.MESSAGE


def _fault_at_rcpt(reply: Reply, status: str) -> Fault:
    if status.startswith("5.2."):  # a full mailbox, a limit of the mailbox: the address is good
        return Fault.MESSAGE
    # Without any words the code says it alone; with words that do not, it may be about us (relaying, a blocklist)
    if not status and reply.code in _NO_MAILBOX and not reply.text.strip():
        return Fault.RECIPIENT
    return Fault.CONFIGURATION


def _trimmed(phase: Phase, text: str) -> str:
    """Keep a server's words short and printable. Of AUTH only the status: a server may repeat what it was given."""
    if phase is Phase.AUTH:
        status = _STATUS.match(text)
        return status[0] if status else ""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable.strip()[:_LONGEST_REPLY]
