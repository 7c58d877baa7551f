"""A row of a lead file, whichever form the file has: what it gives, what was made of it, or what is wrong with it."""

import re
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from domain.given import nothing_words
from domain.lead import Lead, spelling_key
from domain.lead_fields import REQUIRED, LeadError, make_lead

# 1.23457E+17 is what a spreadsheet keeps of a long number, 123.0 what a column of numbers with gaps is written as.
_SHORTENED = re.compile(r"[+-]?[0-9](?:[.,][0-9]+[Ee][+-]?|[Ee][+-])[0-9]{1,3}|[0-9]+[.,]0")


class BadRow(NamedTuple):
    """A row that is no lead; `problem` names row and remedy.

    `row` is the line of the file that it begins on, from 1; in a JSON array, its place in that.
    """

    row: int
    problem: str
    lead_id: str = ""  # where it could be read


class LeadRow(NamedTuple):
    """A lead, and its row, counted as for one that is bad."""

    row: int
    lead: Lead


class Row(NamedTuple):
    """What a row gives: the lead's own fields, and `variables`."""

    row: int
    fields: dict[str, Any]


def bad(row: int, problem: str, lead_id: str = "") -> BadRow:
    """Say what is wrong with a row."""
    return BadRow(row, f"row {row}: {problem}", lead_id)


def lead_of_row(row: Row, literal: Collection[str] = ()) -> LeadRow | BadRow:
    """Make the lead of a row. What programs write for nothing is refused, except in the `literal` columns."""
    lead_id = str(row.fields.get("lead_id") or "")
    for required in REQUIRED:
        if not row.fields.get(required):
            return bad(row.row, f"{required}: is missing; add it", lead_id)
    if problems := list(_mangled(row.fields, frozenset(map(spelling_key, literal)))):
        return bad(row.row, "; ".join(problems), lead_id)
    try:
        return LeadRow(row.row, make_lead(row.fields))
    except LeadError as error:
        return bad(row.row, "; ".join(error.problems), lead_id)


def _mangled(fields: dict[str, Any], literal: Collection[str]) -> Iterator[str]:
    variables = fields.get("variables")
    said = {**fields, **(variables if isinstance(variables, dict) else {})}
    meant = [name for name in said if spelling_key(name) in literal] if literal else []
    for name, text in nothing_words(said, meant).items():
        yield (
            f"{name}: says {text}, which stands for nothing where it was exported; leave it empty, or say"
            f" --literal {name} where that is meant"
        )
    lead_id = fields.get("lead_id")
    if isinstance(lead_id, str) and "lead_id" not in meant and _SHORTENED.fullmatch(lead_id):
        yield (
            "lead_id: is a number that a spreadsheet has shortened; format that column as text and export it again,"
            " or say --literal lead_id where that is meant"
        )
