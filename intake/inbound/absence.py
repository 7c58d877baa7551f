"""Until when somebody is away, where their automatic reply says it so that nobody could read it otherwise.

What counts is what they wrote: our own words, which the note quotes in its subject or its text, may name days, too.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from intake.inbound.day import DAY, read_day
from intake.inbound.parts import Part, own_text, subject_of, text_lines, value

_MOST_CHARACTERS = 4000
_BACK = (
    r"(?:back|return(?:ing|s)?|be in|reachable|available)(?: again)?(?: (?:in|at|to) (?:the |my )?(?:office|"
    r"work|desk))?(?: on| from)?|"
    r"(?:zurück|wieder (?:\S+ ){0,3}?)(?: ?im büro)? ?(?:am|ab(?: dem)?)|ab dem|de retour(?: au bureau)?(?: le|"
    r" à partir du)?|"
    r"(?:reviens|serai présente?) (?:le|à partir du)|(?:regreso|vuelvo|de vuelta|volver[eé])(?: a la oficina)? el|"
    r"(?:torno|rientro|torner[oò]|rientrer[oò])(?: in ufficio)? il|terug (?:op|vanaf)|tillbaka|tilbage|"
    r"de volta (?:em|a)"
)
_THROUGH = (
    r"through|thru|(?:up )?(?:to|until|till) and including|bis (?:einschlie(?:ß|ss)lich|einschl\.|inkl(?:usive|"
    r"\.)|inclusive)(?: zum)?|"
    r"tot en met|t/m|from (?:\S+ ){1,5}?to|vom (?:\S+ ){1,5}?bis einschließlich(?: zum)?"
)
_UNTIL = r"until|till?|bis(?: zum)?|jusqu['’]au|hasta el|fino al|tot|até(?: o)?|t\.?o\.?m\.?"
_PHRASE = re.compile(
    rf"(?i)(?<!\w)(?:(?P<back>{_BACK})|(?P<through>{_THROUGH})|(?P<until>{_UNTIL})):? {DAY}"
    r"(?P<included>,? (?:\(?(?:inclusive|included|einschlie(?:ß|ss)lich|inklusive|inclus|incluido|compreso)))?"
)
_GERMAN = re.compile(
    r"(?i)^(?:bis|zurück|wieder|ab|vom|jusqu|de |reviens|serai|hasta|regreso|vuelvo|fino|torn|rient|tot|terug|até)"
)
_ABSENT = re.compile(
    r"(?i)\b(?:away|absen\w*|out|off|leave|vacations?|holidays?|travel\w*|unavailable|not|no (?:access|longer)|"
    r"limited|closed|"
    r"sick|ill|parental|maternity|paternity|sabbatical|abroad|ooo|pto|unterwegs|abwesen\w*|urlaub\w*|nicht|"
    r"kein\w*|au(?:ß|ss)er haus|"
    r"elternzeit|mutterschutz|krank|ferien|geschlossen|congés?|vacances|indisponible|fermée?s?|déplacement|"
    r"vacaciones|ausente|fuera|"
    r"baja|cerrado|ferie|assente|fuori|chius[oi]|afwezig|vakantie|verlof|férias|semester|bortrest|fraværende|"
    r"poissa|lomalla)\b"
)
_SENTENCE_END = re.compile(r"(?<!\d)[.!?;] +(?=[^\Wa-z\d_])|(?<!\d)[!?;]")
# A phrase that stands nearly alone, such as in a table of absences, needs no word that says so.
_FEWEST_OTHERS = 3
_SEPARATOR = re.compile(
    r"(?i)\W*(?:original message|ursprüngliche nachricht|message d['’]origine|mensaje original|messaggio originale|"
    r"oorspronkelijk bericht|mensagem original|forwarded message|begin forwarded|weitergeleitete nachricht)|"
    r"_{8,}|-- ?$|"
    r"\W*(?:from|von|de|da|van|från|fra|od|от|发件人|差出人|sent|gesendet|envoyé|enviado|inviato|verzonden)\s?:|"
    r"\W*(?:you wrote|your (?:message|e-?mail) (?:was|read|said)|ihre nachricht|sie schrieben|votre message|"
    r"su mensaje|il tuo messaggio)\b.{0,60}:\s*$"
)
_ATTRIBUTION = re.compile(
    r"(?=.*(?:20\d\d|\d[:.h]\d\d))(?=.*(?:@|\d[:.h]\d\d|wrote|schrieb|écrit|escribió|scritto|schreef|escreveu|skrev|napisał)).{8,300}:\s*$"
)
_FOR_GOOD = re.compile(
    r"(?i)\bretired\b|no longer (?:with|work\w*|employed|at|in use|monitored|read|active|available|part of|valid)|"
    r"no longer (?:\S+ ){1,3}(?:mailbox|address|account)|(?:has|have|i) left (?:the )?(?:company|"
    r"organi[sz]ation|firm|team)|"
    r"(?:mailbox|account|address) (?:is|has been|was) (?:closed|deactivated|no longer)|"
    r"nicht mehr (?:\S+ ){0,4}?(?:tätig|beschäftigt|"
    r"im unternehmen|bei uns|erreichbar|aktiv|gelesen)|ausgeschieden|im ruhestand|ne (?:travaille|fait) plus|"
    r"a quitté|"
    r"ya no (?:trabaja|trabajo)|non lavora più|niet meer werkzaam|deceased|passed away|verstorben"
)


class AbsenceNote(NamedTuple):
    """How long somebody is away: until a day, for good, or nobody knows."""

    until: date | None = None
    for_good: bool = False


def read_absence(part: Part) -> AbsenceNote:
    """Read the one day an automatic reply names as that of its writer's return; None when there are two, or none."""
    said = _their_words(part)
    written = _written(part)
    found = _days(said, written) or _days(_their_subject(part), written)
    until = found.pop() if len(found) == 1 else None
    return AbsenceNote(until, for_good=until is None and _FOR_GOOD.search(said) is not None)


def _days(words: str, written: date | None) -> set[date]:
    """Return the days of a return; those until which somebody is away where no return is named."""
    returns: set[date] = set()
    ends: set[date] = set()
    for found in _PHRASE.finditer(words):
        day = read_day(found, written, day_first=_GERMAN.match(found[0]) is not None)
        if day is not None and found["back"]:
            returns.add(day)
        elif day is not None and _is_of_absence(words, found):
            included = found["through"] or found["included"]
            ends.add(day + timedelta(days=1) if included else day)
    return returns or ends


def _is_of_absence(words: str, found: re.Match[str]) -> bool:
    """Say whether the sentence of a phrase is about being away; a mailbox may be read until a day, an offer good."""
    begin = max((end.end() for end in _SENTENCE_END.finditer(words, 0, found.start())), default=0)
    end = _SENTENCE_END.search(words, found.end())
    others = words[begin : found.start()] + words[found.end() : end.start() if end else None]
    return _ABSENT.search(others) is not None or len(others.split()) < _FEWEST_OTHERS


def _their_words(part: Part) -> str:
    lines = text_lines(own_text(part)[:_MOST_CHARACTERS])
    words = " ".join(" ".join(_unquoted(lines)).split())
    ours = subject_of(part).rpartition(":")[2].strip()
    return words.replace(ours, " ") if ours else words


def _unquoted(lines: list[str]) -> Iterator[str]:
    """Yield the lines before the first quotation; autoresponders that quote do it at the end, or mark each line."""
    for number, line in enumerate(lines):
        if line.lstrip().startswith((">", "|")):
            continue
        both = f"{line.strip()} {lines[number + 1].strip()}" if number + 1 < len(lines) else ""
        if _SEPARATOR.match(line) or _ATTRIBUTION.match(line.strip()) or _begins_attribution(line, both):
            return
        yield line


def _begins_attribution(line: str, both: str) -> bool:
    return (
        "20" in line
        and _ATTRIBUTION.match(both) is not None
        and re.match(r"(?i)\W*(?:on|am|le|el|il|op|den|em)\b", line) is not None
    )


def _their_subject(part: Part) -> str:
    """Return what stands in a subject before a colon, where it speaks of an absence: behind it stands our own."""
    before = subject_of(part).partition(":")[0]
    return before if _ABSENT.search(before) else ""


def _written(part: Part) -> date | None:
    try:
        return parsedate_to_datetime(value(part, "Date")).date()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
