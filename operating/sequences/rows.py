"""The lead that is meant by a row: JSON, or a place in a file of leads."""

from datetime import UTC, datetime
from pathlib import Path

from domain.lead import Lead
from intake.files.column_options import ColumnOptions
from intake.files.file_error import FileError
from intake.files.lead_file import BadRow, LeadRow, read_lead, read_leads

_NO_OPTIONS = ColumnOptions()


def lead_of(written: str, options: ColumnOptions = _NO_OPTIONS) -> Lead:
    """Read a lead: `{"lead_id": …, "email": …}`, `leads.csv:3` (its row) or `leads.csv:LEAD_ID`. Raises FileError."""
    found = read_lead(written, options) if written.lstrip().startswith("{") else _in_file(written, options)
    if isinstance(found, BadRow):
        raise FileError([found.problem])
    return found.lead


def _in_file(written: str, options: ColumnOptions) -> LeadRow | BadRow:
    file, _, place = written.rpartition(":")
    if not file or not place:
        raise FileError(['a row is leads.csv:3, leads.csv:LEAD_ID, or JSON such as {"lead_id": "1", "email": "a@b.c"}'])
    same_id: LeadRow | BadRow | None = None
    for row in read_leads(Path(file), options):
        if place.isdecimal() and row.row == int(place):
            return row
        if same_id is None and place == (row.lead_id if isinstance(row, BadRow) else row.lead.lead_id):
            same_id = row
            if not place.isdecimal():
                break
    if same_id is None:
        raise FileError([f"{file}: no row {place}, and no lead of that id; rows are lines, the header is one"])
    return same_id


def instant_of(written: datetime | None, lead: Lead) -> datetime:
    """Return an instant; one without a zone is on the lead's own clock, and None is now."""
    if written is None:
        return datetime.now(UTC)
    return written if written.tzinfo else written.replace(tzinfo=lead.zone)
