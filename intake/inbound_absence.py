"""Until when somebody is away, where their automatic reply says it so that nobody could read it otherwise."""

import re
from collections.abc import Iterator
from datetime import date
from email.message import Message
from itertools import takewhile
from typing import Any

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# Days in figures alone are read in two ways (01/02); ISO 8601 and names of months are not.
_MONTH = r"(?P<{0}>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAY = (
    r"(?:(?P<year>20\d\d)-(?P<month>\d\d)-(?P<day>\d\d)(?!\d)"
    rf"|(?P<day2>\d{{1,2}})(?:st|nd|rd|th|\.)? (?:of )?{_MONTH.format('name2')},? (?P<year2>20\d\d)"
    rf"|{_MONTH.format('name3')} (?P<day3>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year3>20\d\d))"
)
_BACK = re.compile(
    r"(?i)\b(?:until|till|back on|back in the office on|return on|returning on|bis(?: zum)?|zurück am)"
    rf" (?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,? |the )?{_DAY}"
)
# Autoresponders that quote do it at the end.
_QUOTED = re.compile(r"(?i)^\s*(>|-{2,} ?original message|on .{1,200} wrote:|from: )")
_MOST_CHARACTERS = 4000


def read_absence(message: Message) -> date | None:
    """Read the one day an automatic reply names as that of its writer's return; None when there are two, or none."""
    words = " ".join(" ".join(takewhile(lambda line: not _QUOTED.match(line), _lines(message))).split())
    found = {_date(match) for match in _BACK.finditer(words)}
    return found.pop() if len(found) == 1 else None


def _lines(message: Message) -> Iterator[str]:
    yield str(message.get("Subject", ""))
    for part in _leaves(message):
        if part.get_content_type() == "text/plain":
            content: Any = part.get_payload(decode=True)
            text = _text(bytes(content or b"")[: 4 * _MOST_CHARACTERS], part.get_content_charset("utf-8"))
            yield from text[:_MOST_CHARACTERS].splitlines()
            return


def _leaves(message: Message) -> Iterator[Message]:
    """Yield what a person sees: the parts, and nothing of messages that are attached."""
    parts: Any = message.get_payload()
    if message.get_content_maintype() != "multipart" or not isinstance(parts, list):
        yield message
        return
    for part in parts:
        yield from _leaves(part)


def _text(content: bytes, charset: str) -> str:
    try:
        return content.decode(charset, "replace")
    except (LookupError, ValueError):  # a charset that is none, or fails in its own way
        return content.decode("utf-8", "replace")


def _date(match: re.Match[str]) -> date | None:
    said = match.groupdict()
    try:
        if said["year"]:
            return date(int(said["year"]), int(said["month"]), int(said["day"]))
        which = "2" if said["year2"] else "3"
        month = _MONTHS.index(said[f"name{which}"].lower()) + 1
        return date(int(said[f"year{which}"]), month, int(said[f"day{which}"]))
    except ValueError:
        return None
