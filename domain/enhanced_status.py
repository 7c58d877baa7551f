"""Why a delivery failed, by enhanced status codes (RFC 3463) and a server's words: one rule for SMTP and bounces.

Taking another failure for the address's own would suppress an address that works, one for each lead behind a filter
that blocks us. So doubt is never the address's.
"""

import re
from collections.abc import Iterable
from enum import StrEnum


class FailureCause(StrEnum):
    """Why a delivery failed.

    ADDRESS: there is no such mailbox or domain, or it is closed: it fails every time. MAILBOX_FULL: it is emptied some
    day. TEMPORARY: the same message may pass tomorrow. OTHER: policy, reputation, size, or nobody knows.
    """

    ADDRESS = "address"
    MAILBOX_FULL = "mailbox_full"
    TEMPORARY = "temporary"
    OTHER = "other"


# No such mailbox (5.1.1), host (5.1.2) or syntax (5.1.3); moved (5.1.6); null MX or, at Exchange, not found (5.1.10);
# mailbox disabled (5.2.1). 5.1.7 and 5.1.8 are about the sender, 5.1.4 about an alias with two owners.
ADDRESS_STATUSES = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
# "Other": the words beside it say more. Postfix's 5.0.0 stands for any bare 5yz.
_UNSPECIFIC = re.compile(r"[45]\.(?:0\.\d{1,3}|1\.0)")
_EXPIRED = "5.4.7"
# Neither a part of an IP address, nor of a version, nor of an id
_ENHANCED = re.compile(r"(?:(?<![\w.@/-])|(?<=\b[45]\d\d-))([245]\.\d{1,3}\.\d{1,3})(?![\w@-]|\.\d)")
# Those of RFC 5321 and its extensions alone: a text has other numbers, too
_REPLY_CODE = re.compile(r"(?<![\w.@/-])(?:(4)(?:21|32|5[0-4])|(5)(?:0[0-4]|2[13]|3[0458]|5[0-7]|7[01]))(?!\w|\.\d)")

_FULL = re.compile(
    r"(?i)quota|(?:mailbox|inbox|account|storage|disk|folder|postfach|bo[iî]te|buz[oó]n|casella).{0,40}"
    r"\b(?:full|exceed|voll|pleine?|llen[oa]|pien[oa]|over.?limit)|insufficient (?:system )?(?:disk|storage)|"
    r"out of (?:disk |storage )?space|no space left|not enough (?:disk |storage )?space"
)
_TEMPORARY = re.compile(
    r"(?i)queue too long|retry time(?:out)? (?:exceeded|not reached)|still (?:being )?(?:re)?tr(?:ied|ying)|"
    r"will (?:be )?(?:retr|keep trying|continue to try|try again)|not (?:yet )?been delivered (?:yet|after)|delayed|"
    r"(?:delivery|message) (?:time )?(?:has )?(?:expired|timed out)|connection (?:timed out|refused)|"
    r"tempora(?:ry|rily)|not found, try again|try (?:again )?later|do not need to resend|grey-?list"
)
# Servers without enhanced codes use 550 for "no such user" and for "I won't relay for you" alike.
_POLICY = re.compile(
    r"(?i)relay|sender|policy|spam|junk|virus|block|black|denied|not (?:allowed|permitted|accepted)|authent|"
    r"rcpthosts|"
    r"verif|client|reputation|\blisted|\brbl\b|\bspf\b|dkim|dmarc|\brate\b|too (?:many|big|large|fast|quickly)|"
    r"too much|content|unsolicited|prohibited|loop|mail from|invalid ip"
)
_OBJECT = (
    r"(?:user(?:id)?|recipient|mailbox|mail box|account|address|addressee|e-?mail|alias|person|customer|local.?part|"
    r"name)"
)
_NO_ADDRESS = re.compile(
    rf"(?i)(?:unknown|invalid|bad|non-?existe?nt|no such|inactive|disabled) (?:local |virtual |destination |"
    rf"e-?mail |mail |final |delivery ){{0,2}}"
    rf"{_OBJECT}|{_OBJECT}[ ,:]{{0,2}}(?:<?[^\s<>]{{1,64}}@[^\s<>]{{1,255}}>?[ ,:.]{{0,3}})?(?:[^\s.:;]{{1,40}} "
    rf"){{0,4}}?(?:unknown|invalid|"
    rf"disabled|deactivated|"
    rf"inactive|closed|terminated|deleted|not (?:exist|found|known|valid|listed|active|recognized|registered|here)|"
    rf"no longer (?:available|valid|active|in use|exists?|accept))|(?:does|do|did) ?(?:not|n'?t) (?:exist|"
    rf"have an? )|"
    r"no (?:mailbox|account|user) (?:here )?(?:by|with|of) that name|not a(?:n existing| valid|"
    r"n? ?known)? (?:user|mailbox|address)|no such (?:user|person|host|domain)|unrouteable (?:mail )?address|"
    r"(?:host|domain)(?: name)?(?: \S{1,255})? (?:is )?(?:unknown|not found|does not exist)|unknown (?:host|domain)|"
    r"(?:empf[aä]nger|adressat|benutzer|adresse|postfach) (?:\S{1,40} ){0,3}?(?:unbekannt|nicht gefunden|"
    r"existiert nicht)|"
    r"unbekannter (?:empf[aä]nger|benutzer)|(?:destinataire|utilisateur|adresse) (?:\S{1,40} ){0,2}?inconnue?|"
    r"(?:usuario|destinatario) (?:\S{1,40} ){0,2}?(?:desconocido|sconosciuto|inesistente)"
)


def cause_of(statuses: Iterable[str], words: str = "") -> FailureCause:
    """Say why a delivery failed for good, or did not; `words` are what a server said of this one recipient."""
    given = [status for status in statuses if not status.startswith("2")]
    specific = {status for status in given if is_specific(status)}
    if any(status.startswith("4") for status in given):
        return FailureCause.TEMPORARY
    if any(status.endswith(".2.2") for status in specific) or _FULL.search(words):
        return FailureCause.MAILBOX_FULL
    if _EXPIRED in specific or (specific <= ADDRESS_STATUSES and _TEMPORARY.search(words)):
        return FailureCause.TEMPORARY
    if specific:
        return FailureCause.ADDRESS if _is_of_address(specific, words) else FailureCause.OTHER
    plain = names_no_address(words) and not speaks_of_policy(words)
    return FailureCause.ADDRESS if plain else FailureCause.OTHER


def _is_of_address(specific: set[str], words: str) -> bool:
    contradicted = speaks_of_policy(words) and not names_no_address(words)
    return specific <= ADDRESS_STATUSES and not contradicted


def is_specific(status: str) -> bool:
    """Say whether a status tells more than that a delivery failed, or that an address did."""
    return _UNSPECIFIC.fullmatch(status) is None


def names_no_address(words: str) -> bool:
    """Say whether these words say plainly that there is no such address."""
    return _NO_ADDRESS.search(words) is not None


def speaks_of_policy(words: str) -> bool:
    """Say whether these words may be about who sends, or what, and not about who receives."""
    return _POLICY.search(words) is not None


def read_statuses(text: str) -> list[str]:
    """Find the statuses in a server's words; where there is no enhanced one, reply codes as `4.0.0` and `5.0.0`."""
    return _ENHANCED.findall(text) or [f"{four or five}.0.0" for four, five in _REPLY_CODE.findall(text)]
