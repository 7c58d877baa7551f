"""Reports for programs: of delivery (RFC 3464, 6533), of what was shown or refused (RFC 8098), of spam (RFC 5965).

Their fields are read as text, line by line: servers put comments into them, blank lines between them, encode them, or
write them into a part of another kind.
"""

import re
from collections.abc import Iterable
from email.message import Message

from domain.enhanced_status import FailureCause, cause_of, is_specific, read_statuses
from intake.inbound.message_class import Failure, InboundKind, MessageClass, find_address, same_address
from intake.inbound.parts import Part, leaves, own_text, subject_of, text_of

Fields = dict[str, str]

_DELIVERY = re.compile(r"text/(?:global-|x)?delivery-status")
_DISPOSITION = re.compile(r"text/(?:global-)?disposition-notification")
_FEEDBACK = "text/feedback-report"
_FIELD = re.compile(r"([A-Za-z][A-Za-z-]{2,60})[ \t]*:(.*)")
_RECIPIENT_FIELDS = ("final-recipient", "original-recipient", "x-actual-recipient")
_WENT_ON = ("delivered", "relayed", "expanded")
_MOST_RECIPIENTS = 100
_MOST_WORDS = 2000
# Of a reader: the others are a filter's own reports (RFC 6591), or say that it is no spam.
_COMPLAINTS = ("abuse", "fraud", "opt-out", "opt-out-list", "complaint", "unsubscribe", "virus", "other", "")
# An Outlook that was asked for a receipt says "deleted" of a message that was thrown away unread: that refuses nothing.
_UNREAD = re.compile(
    r"(?i)without (?:being|having been) read|\bnot read\b|ungelesen|nicht gelesen|non lue?\b|no le[ií]d|"
    r"niet gelezen|non letto|sans (?:avoir été|être) lu"
)


def read_report(part: Part) -> MessageClass | None:
    """Read the report that a message is, or has among its parts; None when there is none, or it says nothing."""
    for leaf in leaves(part):
        kind = leaf.get_content_type()
        if _DELIVERY.fullmatch(kind):
            told = read_delivery(text_of(leaf))
        elif _DISPOSITION.fullmatch(kind):
            told = _read_disposition(part, text_of(leaf))
        elif kind == _FEEDBACK:
            told = _read_feedback(text_of(leaf))
        else:
            continue
        if told is not None:
            return told
    return None


def read_delivery(text: str) -> MessageClass | None:
    """Read what a report of delivery says of each recipient; None when it says nothing of any."""
    groups = read_fields(text)
    recipients = [group for group in groups if _is_of_recipient(group)][:_MOST_RECIPIENTS]
    common: Fields = {}
    for group in groups:
        common |= {name: group[name] for name in ("action", "status") if name in group and not _is_of_recipient(group)}
    if not recipients and not common:
        return None
    merged = [common | group for group in recipients or [{}]]
    if not any("action" in group or "status" in group for group in merged):
        return None
    return _judge(merged)


def _judge(recipients: list[Fields]) -> MessageClass:
    failed = [_failure(group) for group in recipients if _has_failed(group)]
    lasting = tuple(one for one in failed if one.cause in (FailureCause.ADDRESS, FailureCause.OTHER))
    went_on = (group for group in recipients if group.get("action", "").strip().lower().startswith(_WENT_ON))
    delivered = tuple(address for group in went_on for address in _addresses(group))
    first = next(iter(lasting or failed), None)
    status = first.status if first else next((s for g in recipients for s in read_statuses(g.get("status", ""))), "")
    kind = InboundKind.BOUNCE if lasting else InboundKind.DELIVERY_NOTICE
    recipient = first.recipient if first else _addresses(recipients[0])[0]
    return MessageClass(kind, lasting, status, recipient, delivered)


def read_fields(text: str) -> list[Fields]:
    """Read fields in groups, as blank lines, or a further recipient, part them; names in lower case."""
    groups: list[Fields] = [{}]
    last = ""
    for line in text.splitlines():
        field = _FIELD.match(line)
        name = field[1].lower() if field else ""
        if not line.strip() or (name in _RECIPIENT_FIELDS and name in groups[-1]):
            groups.append({})
            last = ""
        if field:
            last = name
            groups[-1].setdefault(name, field[2].strip()[:_MOST_WORDS])
        elif last and len(groups[-1][last]) < _MOST_WORDS:
            groups[-1][last] += " " + line.strip()
    return [group for group in groups if group]


def _is_of_recipient(group: Fields) -> bool:
    return any(name in group for name in _RECIPIENT_FIELDS)


def _has_failed(group: Fields) -> bool:
    action = group.get("action", "").strip().lower()
    if action.startswith((*_WENT_ON, "delayed")):
        return False
    return action.startswith("fail") or group.get("status", "").strip().startswith("5")


def _failure(group: Fields) -> Failure:
    words = group.get("diagnostic-code", "")
    statuses = [*read_statuses(group.get("status", "")), *read_statuses(words)]
    recipient, original = _addresses(group)
    return Failure(recipient, most_telling(statuses), cause_of(statuses, words), original)


def most_telling(statuses: Iterable[str]) -> str:
    """Return the first status that is specific; else the first."""
    given = list(statuses)
    return next(filter(is_specific, given), next(iter(given), ""))


def _addresses(group: Fields) -> tuple[str, str]:
    """Return the address that a group is about, and the one that was written to, where that is another field."""
    final, original, actual = (
        find_address(group.get(name, "")) for name in ("final-recipient", "original-recipient", "x-actual-recipient")
    )
    if actual and final and not same_address(actual, final):  # Sendmail's own forwarding
        return actual, original or final
    return final or original, original


def _read_disposition(part: Part, text: str) -> MessageClass | None:
    fields = {name: value for group in read_fields(text) for name, value in group.items()}
    mode, _, kind = fields.get("disposition", "").lower().partition(";")
    said = own_text(part)
    refuses = kind.strip().startswith("deleted") and "automatic-action" in mode
    if not refuses or _UNREAD.search(f"{subject_of(part)} {said}"):
        return MessageClass(InboundKind.DELIVERY_NOTICE)
    recipient = find_address(fields.get("final-recipient", "") or fields.get("original-recipient", ""))
    cause = cause_of((), said[:_MOST_WORDS])
    if cause in (FailureCause.MAILBOX_FULL, FailureCause.TEMPORARY):  # Dovecot refuses so for a mailbox that is full
        return MessageClass(InboundKind.DELIVERY_NOTICE)
    return MessageClass(InboundKind.COMPLAINT, (Failure(recipient, "", FailureCause.OTHER),), recipient=recipient)


def _read_feedback(text: str) -> MessageClass | None:
    fields = {name: value for group in read_fields(text) for name, value in group.items()}
    if fields.get("feedback-type", "").strip().lower() not in _COMPLAINTS:
        return MessageClass(InboundKind.DELIVERY_NOTICE)
    named = next((fields[name] for name in ("original-rcpt-to", "removal-recipient") if name in fields), "")
    recipient = find_address(named)
    return MessageClass(InboundKind.COMPLAINT, (Failure(recipient, "", FailureCause.OTHER),), recipient=recipient)


def is_report_part(leaf: Message) -> bool:
    """Say whether a part is what programs read of a report."""
    kind = leaf.get_content_type()
    return bool(_DELIVERY.fullmatch(kind) or _DISPOSITION.fullmatch(kind)) or kind == _FEEDBACK
