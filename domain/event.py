"""App events: what the app says of its leads, as a closed union."""

import re
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationInfo,
    field_validator,
    model_validator,
)

from domain.given import given, given_fields, nothing_words, require_visible
from domain.lead import LONGEST_ADDRESS, RESERVED_VARIABLES, LeadId, check_variable_name, spelling_key
from domain.sequence import REPLY
from domain.thread import Origin

# An absence that is longer, or further off, is a slip of the finger.
_LONGEST_ABSENCE = timedelta(days=366)


class EventError(Exception):
    """An event can't be taken as it is. Each of `problems` is `field: what is wrong: remedy`, and names no person."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class EventType(StrEnum):
    """What happened, in the app's words."""

    ENROLLED = "lead.enrolled"
    REPLIED = "lead.replied"
    BOOKED = "lead.booked"
    UNSUBSCRIBED = "lead.unsubscribed"
    BOUNCED = "lead.bounced"
    CLOSED = "lead.closed"
    UPDATED = "lead.updated"
    RESUMED = "lead.resumed"


def _variable(name: str) -> str:
    try:
        check_variable_name(name)
    except ValueError as error:
        # what was meant to be a name may be anything, an address too
        said = str(error) if name in RESERVED_VARIABLES else "can't be a variable: use letters, digits and '_'"
        raise ValueError(said) from None
    if reserved := _RESERVED_KEYS.get(spelling_key(name)):
        raise ValueError(f"is almost {reserved}, which is no variable: give that, or another name")
    return name


def _given(fields: object) -> object:
    """Leave out null and blank fields, which are nothing given here as they are in a file."""
    return given_fields(fields) if isinstance(fields, dict) else fields


def _require_no_nothing(fields: dict[str, Any], literal: tuple[str, ...], place: str) -> None:
    for name, text in nothing_words(fields, literal).items():
        raise ValueError(
            f"{place}.{name}: says {text}, which stands for nothing: leave it out, or name it in data.literal where"
            " that is meant"
        )


def _address(written: str) -> str:
    require_visible(written)
    if re.fullmatch(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+", written) and len(written) <= LONGEST_ADDRESS:
        return written
    raise ValueError("is not an address: give one such as ada@example.com")


_RESERVED_KEYS = {spelling_key(reserved): reserved for reserved in RESERVED_VARIABLES}
_Variables = Annotated[dict[Annotated[str, AfterValidator(_variable)], str], BeforeValidator(_given)]
_LeadId = Annotated[LeadId, BeforeValidator(given)]
_Literal = Annotated[
    tuple[str, ...],
    Field(description="The fields and variables whose `None`, `null` and the like are meant as they stand."),
]
# It is part of workflow ids, which everybody may read in Temporal, so an address must not be one.
_EnrolmentKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,40}$")]
# It says who did something, in the ledger and in Temporal: an address must not be one either.
EventId = Annotated[str, Field(pattern=r"^[!-?A-~]{1,120}$")]


class _Said(BaseModel):
    # An unknown key is a misspelt one: acting on the rest could mean the opposite of what was meant.
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Known(_Said):
    """What is known of a lead: null and blank are nothing known."""

    @model_validator(mode="before")
    @classmethod
    def _as_it_counts(cls, fields: object) -> object:
        if not isinstance(fields, dict):
            return fields
        # of the lead's own fields the id alone may be a number
        return {
            name: fields[name] if type(fields[name]) is int else text for name, text in given_fields(fields).items()
        }


class PersonData(_Known):
    """The lead to be enrolled. Whether mail can go to the address is asked when it is."""

    lead_id: _LeadId
    email: str
    name: str | None = None
    timezone: str | None = None


class EnrolmentData(_Known):
    """Enrol a lead in a sequence, once for each `enrolment_key`."""

    sequence: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,59}$")
    lead: PersonData
    variables: _Variables = Field(default_factory=dict)
    literal: _Literal = ()
    enrolment_key: _EnrolmentKey = ""
    thread: Origin | None = Field(default=None, description="The message that the follow-up answers.")

    @field_validator("sequence")
    @classmethod
    def _automatic(cls, name: str) -> str:
        if name == REPLY:
            raise ValueError("is what people's own words are sent as: name another")
        return name

    @property
    def lead_id(self) -> str:
        """Whom it is about."""
        return self.lead.lead_id


class LeadData(_Said):
    """What happened to a lead."""

    lead_id: _LeadId


class StopData(LeadData):
    """What ended follow-ups of a lead. `email` is the address it happened to, which may no longer be the lead's."""

    email: Annotated[str, AfterValidator(_address), Field(json_schema_extra={"format": "email"})] | None = Field(
        default=None, description="The address that bounced, or was unsubscribed: it is suppressed beside the lead's."
    )


class ReplyData(LeadData):
    """The lead replied; or (`auto`) their mail program did, and nothing is sent until the day they are back."""

    auto: bool = False
    until: date | None = None

    @field_validator("until")
    @classmethod
    def _of_an_absence(cls, until: date | None, info: ValidationInfo) -> date | None:
        if until is not None and not info.data.get("auto"):
            raise ValueError("is the end of an absence: give auto: true with it, or leave it out")
        return until


class UpdateData(LeadData, _Known):
    """What the app knows better now. Variables are added to those known; one that is given again is replaced."""

    email: str | None = None
    name: str | None = None
    timezone: str | None = None
    variables: _Variables | None = None
    literal: _Literal = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.changes:
            raise ValueError("says nothing new: give email, name, timezone or variables")
        return self

    @property
    def changes(self) -> dict[str, Any]:
        """The fields that were given, and their values."""
        said = self.model_dump(exclude={"lead_id", "literal"})
        return {name: value for name, value in said.items() if value}


class _Event(_Said):
    id: EventId
    timestamp: AwareDatetime  # by the app's clock: it tells what happened first

    @field_validator("timestamp")
    @classmethod
    def _of_this_century(cls, timestamp: datetime) -> datetime:
        if timestamp.year < 2000:
            raise ValueError("lies before the year 2000: check the app's clock")
        return timestamp

    @property
    def by(self) -> str:
        """How the ledger names it as the one who did something."""
        return f"event:{self.id}"


class LeadEnrolled(_Event):
    """A follow-up shall begin."""

    type: Literal[EventType.ENROLLED]
    data: EnrolmentData

    @model_validator(mode="after")
    def _says_no_nothing(self) -> Self:
        _require_no_nothing(self.data.lead.model_dump(), self.data.literal, "data.lead")
        _require_no_nothing(self.data.variables, self.data.literal, "data.variables")
        return self


class LeadReplied(_Event):
    """A reply stops; an automatic one holds."""

    type: Literal[EventType.REPLIED]
    data: ReplyData

    @model_validator(mode="after")
    def _plausible(self) -> Self:
        if self.data.until is not None and abs(self.data.until - self.timestamp.date()) > _LONGEST_ABSENCE:
            raise ValueError("data.until: lies more than a year away: check it")
        return self


class LeadStopped(_Event):
    """Something else happened that ends follow-ups."""

    type: Literal[EventType.BOOKED, EventType.UNSUBSCRIBED, EventType.BOUNCED, EventType.CLOSED]
    data: StopData

    @model_validator(mode="after")
    def _of_an_address(self) -> Self:
        if self.data.email is not None and self.type not in (EventType.UNSUBSCRIBED, EventType.BOUNCED):
            raise ValueError("data.email: belongs to lead.unsubscribed and lead.bounced alone: leave it out")
        return self


class LeadUpdated(_Event):
    """The app knows something better now."""

    type: Literal[EventType.UPDATED]
    data: UpdateData

    @model_validator(mode="after")
    def _says_no_nothing(self) -> Self:
        changes = self.data.changes
        _require_no_nothing(changes.pop("variables", {}), self.data.literal, "data.variables")
        _require_no_nothing(changes, self.data.literal, "data")
        return self


class LeadResumed(_Event):
    """The lead may be written to again: it ends an absence, and a pause that somebody asked for."""

    type: Literal[EventType.RESUMED]
    data: LeadData


Event = LeadEnrolled | LeadReplied | LeadStopped | LeadUpdated | LeadResumed
EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])
