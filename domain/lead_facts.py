"""What is known of a lead, each fact with the instant of the word that set it.

An older word never replaces a newer one, and what a word does not give stays as it is. So the words of a lead may
arrive in any order and lead to the same facts. Of two words of one instant the greater value counts: any rule would
do that does not depend on which came first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from domain.lead import Lead

# An automatic reply that names no day: most absences that matter to a follow-up are longer than a weekend.
USUAL_ABSENCE = timedelta(days=3)
_T = TypeVar("_T", str, datetime)
# Of facts that were stored before instants were.
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What was said of a lead at an instant; None: nothing was said of it."""

    at: datetime
    email: str | None = None
    name: str | None = None
    timezone: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


class Whereabouts(StrEnum):
    """What was said of an absence: AWAY, with the day of the return or without it, or BACK."""

    AWAY = "away"
    BACK = "back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """What was said of an absence at an instant; `day` is that of the return, on the lead's own clock."""

    at: datetime
    said: Whereabouts
    day: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadFacts:
    """What is known of a lead. An instant is None where nothing was said; the fact is then its default."""

    lead_id: str
    email: str = ""
    email_at: datetime | None = None
    name: str = ""
    name_at: datetime | None = None
    timezone: str = "UTC"
    timezone_at: datetime | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    variables_at: Mapping[str, datetime] = field(default_factory=dict)
    back_day: date | None = None  # of the newest note that names one
    back_day_at: datetime | None = None
    away_at: datetime | None = None  # of the newest note that names no day
    back_at: datetime | None = None  # when it was said last that they are back

    def after(self, word: Word) -> "LeadFacts":
        """Return what is known once a word was heard."""
        facts = self
        if word.email is not None and _is_newer((word.at, word.email), (facts.email_at, facts.email)):
            facts = replace(facts, email=word.email, email_at=word.at)
        if word.name is not None and _is_newer((word.at, word.name), (facts.name_at, facts.name)):
            facts = replace(facts, name=word.name, name_at=word.at)
        if word.timezone is not None and _is_newer((word.at, word.timezone), (facts.timezone_at, facts.timezone)):
            facts = replace(facts, timezone=word.timezone, timezone_at=word.at)
        variables = Variables(facts.variables, facts.variables_at).after(word.variables, word.at)
        return replace(facts, variables=variables.texts, variables_at=variables.said_at)

    def after_absence(self, absence: Absence) -> "LeadFacts":
        """Return what is known once something was said of an absence. Of notes that name a day the newest counts."""
        if absence.said is Whereabouts.BACK:
            return replace(self, back_at=max(absence.at, self.back_at or absence.at))
        if absence.day is None:
            return replace(self, away_at=max(absence.at, self.away_at or absence.at))
        known = self.back_day_at or _BEFORE_ALL, self.back_day or date.min
        if (absence.at, absence.day) <= known:
            return self
        return replace(self, back_day=absence.day, back_day_at=absence.at)

    @property
    def quiet_until(self) -> datetime | None:
        """Until when nothing is sent to them: what was said of an absence since they were back last.

        A note without a day does not shorten what one with a day says.
        """
        back = self.back_at or _BEFORE_ALL
        ends = []
        if self.back_day is not None and (self.back_day_at or _BEFORE_ALL) > back:
            ends.append(datetime.combine(self.back_day, time(), ZoneInfo(self.timezone)).astimezone(UTC))
        if self.away_at is not None and self.away_at > back:
            ends.append(self.away_at + USUAL_ABSENCE)
        return max(ends, default=None)

    @property
    def quiet_at(self) -> datetime | None:
        """When something was said of an absence last."""
        return max((at for at in (self.back_day_at, self.away_at, self.back_at) if at is not None), default=None)

    def lead_with(self, own: "Variables") -> Lead:
        """Return the lead as a follow-up sees it that has variables of its own. What is stored is not checked again."""
        seen = Variables(self.variables, self.variables_at).beside(own)
        return Lead.model_construct(
            lead_id=self.lead_id, email=self.email, name=self.name, timezone=self.timezone, variables=dict(seen.texts)
        )


@dataclass(frozen=True, slots=True)
class Variables:
    """What templates say, and the instant at which each text was said."""

    texts: Mapping[str, str]
    said_at: Mapping[str, datetime]

    def after(self, said: Mapping[str, str], at: datetime) -> "Variables":
        """Return what they are once some were said at an instant."""
        return self.beside(Variables(said, dict.fromkeys(said, at)))

    def beside(self, other: "Variables") -> "Variables":
        """Return of each variable what was said last, here or there."""
        texts, said_at = dict(self.texts), dict(self.said_at)
        for name, text in other.texts.items():
            at = other.said_at.get(name, _BEFORE_ALL)
            if name not in texts or _is_newer((at, text), (said_at.get(name), texts[name])):
                texts[name], said_at[name] = text, at
        return Variables(texts, said_at)


NO_VARIABLES = Variables({}, {})


def _is_newer(heard: tuple[datetime, _T], known: tuple[datetime | None, _T]) -> bool:
    return heard > (known[0] or _BEFORE_ALL, known[1])


def address_at(instant: datetime, said: Iterable[tuple[datetime | None, str]]) -> str | None:
    """Return the address that a lead had at an instant, of those said of them; None where none was said by then."""
    by_then = [(at or _BEFORE_ALL, address) for at, address in said if (at or _BEFORE_ALL) <= instant and address]
    return max(by_then)[1] if by_then else None
