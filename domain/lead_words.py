"""What one row of a file, or one event, says of a lead, at an instant: what it does not give stays as it is."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.lead import Lead
from domain.lead_facts import LeadFacts, Word
from domain.lead_fields import make_lead

# Stands in for the address of a lead of whom something else is said; it is checked and left out.
_NO_ADDRESS = "nobody@example.com"


def word_of(lead: Lead, at: datetime) -> Word:
    """Return what was said of a lead itself. Variables are left out: they belong to the enrolment that gives them."""
    given = {name: getattr(lead, name) for name in ("email", "name", "timezone") if name in lead.model_fields_set}
    return Word(at=at, **{name: text for name, text in given.items() if text})


def read_word(lead_id: str, changes: Mapping[str, Any], at: datetime) -> Word:
    """Check what is said of a lead and return it. Raises LeadError."""
    lead = make_lead({"email": _NO_ADDRESS, **changes, "lead_id": lead_id})
    word = word_of(lead, at)
    email = word.email if "email" in changes else None
    return Word(at=at, email=email, name=word.name, timezone=word.timezone, variables=lead.variables)


def differing(word: Word, variables: Mapping[str, str], known: LeadFacts | Lead) -> tuple[str, ...]:
    """Name the fields that were given otherwise than they are known, which names people by no word of theirs."""
    given = {"email": word.email, "name": word.name, "timezone": word.timezone}
    fields = [name for name, text in given.items() if text is not None and text != getattr(known, name)]
    return (*fields, *(name for name, text in variables.items() if known.variables.get(name) != text))
