"""What an end of an SMTP dialogue means. The phase decides; the class of an exception never does.

The sources of the rules: RFC 5321, 4.2.1 (the first digit), 4.1.1.10 (a server that is left before the terminator must
drop the message), 4.5.3.2.6 and RFC 1047 (after the terminator silence proves nothing); RFC 3463 (enhanced codes).
Where servers were seen to do otherwise, the rule is stricter than the RFC, and says so.
"""

import re
import ssl
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from aiosmtplib import SMTPResponseException

from domain.enhanced_status import FailureCause, cause_of
from domain.outcome import Fault, NotSent, Outcome, Refused, Sent, Unknown
from providers.smtp.wire import GarbledReplyError, SmtpReply, StrayReplyError


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


class Trust(NamedTuple):
    """What is believed of a server without proof.

    `deferrals`: whoever runs it declares that it never delivers what it answered 4yz after the terminator.
    `orderly`: it has never said anything that nothing had asked for.
    """

    deferrals: bool = False
    orderly: bool = True


# A 5yz here says nothing of the letter, and often passes (a full blocklist, a certificate being renewed)
_BEFORE_ANY_LETTER = {Phase.CONNECT, Phase.EHLO, Phase.TLS}
_LONGEST_REPLY = 500
# After the terminator these alone take responsibility for a message (250, by some servers 251 or 252); any other 2yz
# answers another command: 220 greets, 221 takes leave, 235 is of AUTH
_TAKEN = range(250, 260)
# Enhanced codes of a judgement that was made of the mailbox or by policy (RFC 3463, 3.3 and 3.8): greylisting, rates, a
# full mailbox. Any other 4yz after the terminator may tell of trouble with a message that is delivered all the same: a
# stock Postfix answers 451 4.3.0 when a filter before its queue is slower than its time-out, and the filter hands the
# message on even so.
_JUDGED = re.compile(r"4\.[27]\.\d{1,3}\b")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
# Enhanced codes of a bad *sender* (RFC 3463, 3.2), which servers that delay rejections give at RCPT
_SENDER_STATUS = {"5.1.7", "5.1.8"}
# Replies to RCPT that say "no such mailbox" even without enhanced codes and words (RFC 5321, 4.2.3)
_NO_MAILBOX = (550, 551, 553)


def outcome_of(phase: Phase, happened: SmtpReply | Exception, trust: Trust) -> Outcome:
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
    if phase is Phase.FINAL and reply.code in _TAKEN:
        return Sent(code=f"smtp-{reply.code}", reply=words["reply"])
    return _unrefused(phase, reply, trust)(**words)


def confirmed(phase: Phase, reply: SmtpReply, afterwards: Sequence[SmtpReply], trust: Trust) -> Outcome:
    """Translate a reply that ended a send, by what was heard `afterwards`, when QUIT had been said.

    A server answers in turn, so when its 221 is the next thing heard, the reply answered what it seemed to answer.
    Another one in between leaves open which of them did: then none is believed.
    """
    answers = _is_next(reply, afterwards, trust)
    stray = StrayReplyError("it can't be told which reply is the answer")
    return outcome_of(phase, reply if answers else stray, trust)


def is_to_be_confirmed(phase: Phase, outcome: Outcome) -> bool:
    """Whether an outcome decides something that a wrong one would decide wrongly."""
    return isinstance(outcome, Sent | Refused) or (phase is Phase.FINAL and isinstance(outcome, NotSent))


def _is_next(reply: SmtpReply, afterwards: Sequence[SmtpReply], trust: Trust) -> bool:
    match [one.code for one in afterwards]:
        case [221]:
            return True
        case [] | [421]:  # it goes without a word, or with the one that it may always say
            return trust.orderly
        case [_]:  # its answer to QUIT is odd; were it the missing answer, it would say the same
            return trust.orderly and afterwards[0].digit == reply.digit
        case _:
            return False


def _unrefused(phase: Phase, reply: SmtpReply, trust: Trust) -> type[NotSent] | type[Unknown]:
    if phase is Phase.FINAL:
        return NotSent if reply.digit == 4 and (trust.deferrals or _is_judged(reply)) else Unknown
    # a server that accepts before the end was said has not understood us: who knows what it did with the body
    if phase is Phase.BODY and reply.digit == 2:
        return Unknown
    return NotSent


def _is_judged(reply: SmtpReply) -> bool:
    """Whether each line says so: RFC 2034 has them agree, and who contradicts itself proves nothing."""
    return all(_JUDGED.match(line) for line in reply.text.split("\n"))


def _replied(happened: SmtpReply | Exception) -> SmtpReply | None:
    if isinstance(happened, SmtpReply):
        return happened
    if isinstance(happened, SMTPResponseException) and 100 <= happened.code <= 599:
        return SmtpReply(happened.code, happened.message)
    return None


def _code_of_error(phase: Phase, error: SmtpReply | Exception) -> str:
    # names for people to search by: nothing is decided by them
    match error:
        case ssl.SSLError() | Exception(__cause__=ssl.SSLError()):
            return "smtp-tls"
        case NotOfferedError():
            return f"smtp-no-{error}"
        case TimeoutError():
            return f"smtp-timeout-{phase}"
        case StrayReplyError():
            return f"smtp-stray-{phase}"
        case GarbledReplyError() | SMTPResponseException():
            return f"smtp-garbage-{phase}"
        case OSError() if phase is Phase.CONNECT:
            return "smtp-connect"
        case ConnectionError():
            return f"smtp-eof-{phase}"
    return f"smtp-error-{phase}"


def _fault(phase: Phase, reply: SmtpReply) -> Fault:
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


def _fault_at_rcpt(reply: SmtpReply, status: str) -> Fault:
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
