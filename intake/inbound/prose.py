"""Bounces in prose: of mail servers and gateways that write no report for programs, or one that can't be read."""

import re
from collections.abc import Iterable, Iterator
from itertools import takewhile

from domain.enhanced_status import FailureCause, cause_of, names_no_address, read_statuses
from intake.inbound.message_class import Failure, InboundKind, MessageClass, find_address
from intake.inbound.parts import Part, addresses, leaves, own_text, text_lines, text_of, values
from intake.inbound.report import most_telling, read_delivery

# A server's own words come first; what follows for pages is a transcript, or what it returns.
_MOST_LINES = 300
_MOST_CHARACTERS = 32 * 1024
_MOST_RECIPIENTS = 100
# What a server says of a recipient stands on these lines, the address's own included.
_LINES_OF_ONE = 8
_COPY_BELOW = re.compile(
    r"(?i)^\W*(?:below this line is a copy|this is a copy of (?:the|your) message|(?:below|attached|included|"
    r"here) is a copy|"
    r"(?:the )?(?:original|returned|unsent|rejected|undelivered) (?:message|mail|text|"
    r"headers?)\b.{0,40}(?:follows?\b|\bbelow\b|[:=-]\W*$)|"
    r"original message\W*$|message headers? follow|(?:your|the) (?:original )?message (?:is )?(?:follows|attached)|"
    r"returned (?:message|content)|copy of (?:the )?message|-{2,} ?(?:original|returned))"
)
# A head has one of these somewhere; what a server tells of a message, its sender and subject, has not.
_TRACE = re.compile(r"(?i)^[>|]?(?:return-path|received|message-id|mime-version|x-mailer):")
_HEADER = re.compile(r"^[>|]?(?:[A-Za-z][A-Za-z0-9-]{1,40}:|[ \t]+\S)")
_FEWEST_HEADERS = 3
_MOST_HEADERS = 40
_LATE = re.compile(
    r"(?i)still (?:being )?(?:re)?tr(?:ied|ying)|will (?:be )?retri|(?:will|to) (?:keep|continue) (?:to try|trying)|"
    r"you do not need to re-?send|this is a warning message only|warning message only|not yet been delivered|"
    r"has been delayed|delivery (?:is |has been )?delayed|no action is required"
)
_UNDELIVERED = re.compile(
    r"(?i)(?:could ?n[o']t|can ?n[o']t|was not|were not|unable to|not able to|failed to|has not been|have not been) "
    r"(?:be )?(?:\S{1,40} ){0,3}?(?:deliver|sent|reach|relay|forward)|undeliver|delivery (?:has |to \S{1,255} )?fail|"
    r"permanent(?:ly)? (?:error|fail|fatal)|deliver\w{0,8} to .{0,60}failed|not delivered|"
    r"returned to (?:the )?sender|(?:has been|was) returned|did not reach|rejected|nicht zugestellt|unzustellbar|"
    r"non (?:è stato|ha potuto)|n'a pas pu être|no se pudo entregar|não foi entregue"
)
_ADDRESS = re.compile(r"[^\s<>()\[\];:,\"']{1,64}@[^\s<>()\[\];:,\"']{1,255}")
_FIELD_PLACES = ("text/plain", "application/octet-stream")
_FIELDS = re.compile(r"(?im)^(?:final|original)-recipient[ \t]*:")
# whom to ask about it
_HELPERS = re.compile(r"(?:postmaster|mailer-daemon|abuse)@")
_ID = re.compile(r"(?i)(?:message-?id|in-reply-to|references)\W")


def read_prose(part: Part) -> MessageClass | None:
    """Read a bounce from its words; None where they say nothing of a delivery that failed."""
    lines = list(own_lines(part))
    text = "\n".join(lines)
    told = _read_fields(part)
    if told is not None:
        return told
    said = _joined(text)
    failures = [_failure(recipient, words) for recipient, words in _recipients(part, lines).items()]
    failures = failures or [_failure("", said)]
    if _LATE.search(said):
        return MessageClass(InboundKind.DELIVERY_NOTICE, (), failures[0].status, failures[0].recipient)
    if not (_statuses(said) or names_no_address(said) or _UNDELIVERED.search(said) or "X-Failed-Recipients" in part):
        return None
    lasting = tuple(one for one in failures if one.cause in (FailureCause.ADDRESS, FailureCause.OTHER))
    kind = InboundKind.BOUNCE if lasting else InboundKind.DELIVERY_NOTICE
    first = (lasting or failures)[0]
    return MessageClass(kind, lasting, first.status, first.recipient)


def _read_fields(part: Part) -> MessageClass | None:
    """Read the fields of a report where they stand in a text, or in what it was attached as."""
    for leaf in leaves(part):
        if leaf.get_content_type() in _FIELD_PLACES or leaf.get_content_maintype() == "multipart":
            text = text_of(leaf)[:_MOST_CHARACTERS]
            if _FIELDS.search(text):
                return read_delivery(text)
    return None


def own_lines(part: Part) -> Iterator[str]:
    """Yield the lines that the writer of a report wrote: up to what it returns, and without what it quotes."""
    lines = text_lines(own_text(part)[:_MOST_CHARACTERS])[:_MOST_LINES]
    ends = [number for number, line in enumerate(lines) if _begins_copy(lines, number, line)]
    for line in lines[: ends[0] if ends else None]:
        if not line.lstrip().startswith(">"):
            yield line


def _begins_copy(lines: list[str], number: int, line: str) -> bool:
    if _COPY_BELOW.match(line):
        return True
    if not _HEADER.match(line) or line[:1].isspace() or (number and lines[number - 1].strip()):
        return False
    head = list(takewhile(_HEADER.match, lines[number : number + _MOST_HEADERS]))
    return len(head) >= _FEWEST_HEADERS and any(map(_TRACE.match, head))


def _recipients(part: Part, lines: list[str]) -> dict[str, str]:
    """Find who failed, and what is said of each: the addresses of the text, but for those that it comes from and to."""
    ours = {*addresses(values(part, "To")), *addresses(values(part, "From"))}
    said: dict[str, list[str]] = {one: [] for one in addresses(values(part, "X-Failed-Recipients"))}
    current: list[str] = []
    left = 0
    for line in lines:
        found = [one for one in _addresses(line) if one not in ours]
        if found and len(said) < _MOST_RECIPIENTS:
            current = said.get(found[0], [])
            for one in found:
                said.setdefault(one, current)
            left = _LINES_OF_ONE
        if left > 0:
            current.append(line)
            left -= 1
    if len(said) == 1:
        return dict.fromkeys(said, "\n".join(lines))
    return {one: "\n".join(words) for one, words in said.items()}


def _addresses(line: str) -> Iterable[str]:
    found = [] if _ID.search(line) else map(find_address, _ADDRESS.findall(line))
    return [one for one in found if "." in one and not _HELPERS.match(one)]


def _joined(text: str) -> str:
    """Undo how lines were wrapped."""
    return " ".join(text.split())


def _statuses(words: str) -> list[str]:
    return [status for status in read_statuses(words) if not status.startswith("2")]  # of a delivery that went well


def _failure(recipient: str, text: str) -> Failure:
    words = _joined(text)
    statuses = _statuses(words)
    return Failure(recipient, most_telling(statuses), cause_of(statuses, words))
