"""Days as people write them, in the languages of most absence notes; only those that can be read in one way."""

import re
import unicodedata
from datetime import date, timedelta

_MONTHS = (
    "january januar janvier enero gennaio januari janeiro",
    "february februar fevrier febrero febbraio februari fevereiro",
    "march marz maerz mrz mars marzo maart marco",
    "april avril abril aprile",
    "may mai mayo maggio mei maio maj",
    "june juni juin junio giugno junho",
    "july juli juillet julio luglio julho",
    "august aout agosto augustus",
    "september septembre septiembre settembre setembro",
    "october oktober octobre octubre ottobre outubro",
    "november novembre noviembre novembro",
    "december dezember decembre diciembre dicembre dezembro desember",
)
_WEEKDAYS = (
    "monday montag lundi lunes lunedi maandag mandag",
    "tuesday dienstag mardi martes martedi dinsdag tirsdag",
    "wednesday mittwoch mercredi miercoles mercoledi woensdag onsdag",
    "thursday donnerstag jeudi jueves giovedi donderdag torsdag",
    "friday freitag vendredi viernes venerdi vrijdag fredag",
    "saturday samstag samedi sabado sabato zaterdag lordag",
    "sunday sonntag dimanche domingo domenica zondag sondag",
)
_WORD = r"[^\W\d_]{3,12}"
_ORDINAL = r"(?:st|nd|rd|th|er|\.|º)?"
# By their first two letters; which one a word is, if any, `_index` finds out.
_BEGINNINGS = {name[:2] for names in _WEEKDAYS for name in names.split()} | {"lø", "sá"}
_WEEKDAY = rf"(?:{'|'.join(sorted(_BEGINNINGS))})[^\W\d_]{{0,8}}"
DAY = (
    rf"(?:(?P<weekday>{_WEEKDAY})\.?,? )?(?:the |den |dem |le |el |il )?(?:"
    r"(?P<iso>20\d\d-\d\d-\d\d)(?!\d)"
    rf"|(?P<day>\d{{1,2}}){_ORDINAL}[ -](?:of |de )?(?P<month>{_WORD})\.?(?:,?[ -](?:de )?(?P<year>20\d\d))?"
    rf"|(?P<month2>{_WORD})\.? (?P<day2>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<year2>20\d\d))?(?!\d)"
    r"|(?P<figure>\d{1,2})(?P<sign>[./-])(?P<figure2>\d{1,2})(?P=sign)(?P<year3>20\d\d)(?!\d)"
    r"|(?P<day4>\d{1,2})(?:st|nd|rd|th|\.)(?!,? 20\d\d))"
)
_MOST_WEEKS = 53


def read_day(found: re.Match[str], written: date | None, *, day_first: bool) -> date | None:
    """Return the day that a match of `DAY` names; None where it can be read in two ways, or in none.

    A day without its year is read where its weekday says which, after the day on which it was `written`.
    """
    said = found.groupdict()
    weekday = _index(_WEEKDAYS, said["weekday"])
    try:
        if said["iso"]:
            return date.fromisoformat(said["iso"])
        if said["figure"]:
            return _of_figures(said, day_first=day_first)
        day = int(said["day"] or said["day2"] or said["day4"])
        month = _index(_MONTHS, said["month"] or said["month2"])
        year = said["year"] or said["year2"]
        if year:
            return date(int(year), month + 1, day) if month is not None else None
    except ValueError:
        return None
    named = said["month"] or said["month2"]
    if named and month is None:
        return None
    return _next(written, weekday, day, month) if written is not None and weekday is not None else None


def _of_figures(said: dict[str, str | None], *, day_first: bool) -> date | None:
    """02/09/2026 is February or September; 20/02/2026 is one day, as 02.09.2026 is where people write days so."""
    first, second, year = (int(said[name] or 0) for name in ("figure", "figure2", "year3"))
    if first > 12 or first == second or (day_first and said["sign"] == "."):
        return date(year, second, first)
    return date(year, first, second) if second > 12 else None


def _next(written: date, weekday: int, day: int, month: int | None) -> date | None:
    to_weekday = (weekday - written.weekday()) % 7
    days = (written + timedelta(days=to_weekday, weeks=week) for week in range(_MOST_WEEKS))
    return next((one for one in days if one.day == day and month in (None, one.month - 1)), None)


def _index(names: tuple[str, ...], word: str | None) -> int | None:
    """Return which of these a word names, in full or by its beginning."""
    plain = "".join(one for one in unicodedata.normalize("NFKD", (word or "").casefold()) if one.isalnum())
    found = [
        number for number, said in enumerate(names) if plain and any(one.startswith(plain) for one in said.split())
    ]
    return found[0] if len(found) == 1 else None
