"""The lead: the person followed up."""

import re
import unicodedata
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, field_validator

from domain.given import require_visible
from domain.zones import similar_zones, zone, zone_names

# A lead's own fields, which templates see beside its variables.
OWN_FIELDS = ("lead_id", "email", "name", "timezone")
# What templates see beside a lead's variables, so no variable may have such a name.
UNSUBSCRIBE_URL = "unsubscribe_url"
RESERVED_VARIABLES = (*OWN_FIELDS, UNSUBSCRIBE_URL)
# RFC 5321, 4.5.3.1.3: a path has at most 256 octets, angle brackets included.
LONGEST_ADDRESS = 254
_LONGEST_VARIABLE = 10_000
MOST_VARIABLES = 100


def _shown_in_temporal(lead_id: str) -> str:
    require_visible(lead_id)
    # `/` parts draft ids; `@` is how an address is recognised.
    if re.fullmatch(r"[!-.0-?A-~]{1,100}", lead_id):
        return lead_id
    raise ValueError(
        "must be 1 to 100 printable ASCII characters without spaces, '@' and '/': ids are shown in Temporal, so"
        " an address must not be one; give the app's own id"
    )


# said twice, because those who read a description should not learn it from a refusal
LeadId = Annotated[
    str, AfterValidator(_shown_in_temporal), WithJsonSchema({"type": "string", "pattern": "^[!-.0-?A-~]{1,100}$"})
]


class Lead(BaseModel):
    """A person, as the app knows them. Texts are checked for what could forge a header; addresses are not proven.

    `timezone` is an IANA name. `variables` are what templates say beside name and address.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    lead_id: LeadId
    email: str = Field(max_length=LONGEST_ADDRESS)
    name: str = Field(default="", max_length=200)
    timezone: str = "UTC"
    variables: dict[str, str] = Field(default_factory=dict, max_length=MOST_VARIABLES)

    @field_validator("email")
    @classmethod
    def _address(cls, email: str) -> str:
        require_visible(email)
        if any(character.isspace() for character in email) or not re.fullmatch(r"[^@]+@[^@]+", email):
            raise ValueError("is not an address: give one such as ada@example.com")
        return _safe_in_a_header(email)

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        return _safe_in_a_header(name)

    @field_validator("timezone")
    @classmethod
    def _timezone(cls, timezone: str) -> str:
        if timezone in zone_names():
            return timezone
        similar = " or ".join(similar_zones(timezone))
        remedy = f"did you mean {similar}?" if similar else "give an IANA name such as Europe/Berlin"
        raise ValueError(f"is not a known time zone: {remedy}")

    @field_validator("variables")
    @classmethod
    def _variables(cls, variables: dict[str, str]) -> dict[str, str]:
        for variable, text in variables.items():
            check_variable_name(variable)
            if len(text) > _LONGEST_VARIABLE:
                raise ValueError(f"{variable} is longer than {_LONGEST_VARIABLE} characters: shorten it")
            if any(character == "\x00" or unicodedata.category(character) == "Cs" for character in text):
                raise ValueError(f"{variable} contains a NUL or half a character: remove it")
        return variables

    @property
    def zone(self) -> ZoneInfo:
        """The lead's time zone."""
        return zone(self.timezone)


def _safe_in_a_header(text: str) -> str:
    # Line ends part headers (CVE-2024-6923, CVE-2026-1299); `=?` opens an encoded word, which may hide them.
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
        raise ValueError("contains a line end or a control character: remove it")
    if "=?" in text:
        raise ValueError("contains '=?', which mail programs take for encoded text: remove it")
    return text


def spelling_key(name: str) -> str:
    """Return what is left of a name without case, spaces and signs: `E-Mail` and `email` are two spellings of one."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).casefold())


def check_variable_name(variable: str) -> None:
    """Raise ValueError, with the remedy, for a name that no variable may have."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,59}", variable):
        raise ValueError(f"{variable[:60]!r} can't be a variable: use letters, digits and '_', such as company_name")
    if variable == UNSUBSCRIBE_URL:
        raise ValueError(f"{variable!r} is the link of each message: give the variable another name")
    if variable in RESERVED_VARIABLES:
        raise ValueError(f"{variable!r} is the lead's own {variable}: give the variable another name")
