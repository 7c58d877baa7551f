"""The sequence: a named, versioned list of steps, and the send window they keep to."""

import hashlib
import json
import re
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from domain.draft import Channel
from domain.duration import Duration, StepWait

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# A template longer than this is a pasted document, not a letter.
LONGEST_BODY = 65_536
# RFC 5322, 2.1.1: a line has at most 998 characters; a subject is one line.
LONGEST_SUBJECT = 900

# More letters than this to one person are no follow-up any more.
MOST_STEPS = 50


# The sequence that a person's own reply is; no file may have its name.
REPLY = "reply"


class StopKind(StrEnum):
    """A fact that ends follow-ups of a lead. CLOSED always does, as an operator's word does; the others if asked."""

    REPLIED = "replied"
    BOOKED = "booked"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    CLOSED = "closed"


class EnrolRule(StrEnum):
    """How often a lead may be enrolled in a sequence; each time but the first wants an enrolment key of its own.

    ONCE: never again. ONCE_AT_A_TIME: again when the last time has ended. ANY_TIME: whenever it is said.
    """

    ONCE = "once"
    ONCE_AT_A_TIME = "once_at_a_time"
    ANY_TIME = "any_time"


CHOOSABLE_STOPS = tuple(kind for kind in StopKind if kind is not StopKind.CLOSED)


def _clock(written: str) -> str:
    if re.fullmatch(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00", written):
        return written
    raise ValueError(f'{written!r} is not a time of day: write it as "09:00", from "00:00" to "24:00"')


Clock = Annotated[str, AfterValidator(_clock)]


class Window(BaseModel):
    """When a step may be sent, on the lead's own clock: on these days, from `opens` until just before `closes`.

    `days` are as written: `mon-fri`, `mon,wed`, `sat-mon`. `holidays` is a country or a subdivision of one (`US`,
    `DE-BY`): nothing is sent on its public holidays. Files say `from` and `to`, which Python can't.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    days: str
    opens: Clock = Field(alias="from")
    closes: Clock = Field(alias="to")
    holidays: str | None = None

    @field_validator("days")
    @classmethod
    def _days(cls, days: str) -> str:
        days = days.replace(" ", "").lower()
        _weekdays(days)
        return days

    @field_validator("holidays")
    @classmethod
    def _holidays(cls, code: str | None) -> str | None:
        if code is None or code == "none":
            return None
        if re.fullmatch(r"[A-Z]{2}(?:-[A-Z0-9]{1,6})?", code):
            return code
        raise ValueError(f"{code!r} is not a calendar: write a country such as US, or a part of one such as DE-BY")

    @model_validator(mode="after")
    def _within_a_day(self) -> Self:
        if self.opens >= self.closes:
            raise ValueError(f'"from" {self.opens} is not before "to" {self.closes}: a window lies within one day')
        return self

    @cached_property
    def weekdays(self) -> frozenset[int]:
        """The days as `date.weekday()` counts them: Monday is 0."""
        return _weekdays(self.days)


class Step(BaseModel):
    """One step of a sequence; its order is its place in it, from 1.

    `wait` counts from the enrolment, later ones from the sending of the step before. `window` overrides the
    sequence's. Later than `expires_after` past the instant it fell due, it is held for a person.

    A manual step (`channel: task`) is done by a person, and `body` tells them how. It has no window. One that
    `times_out_after` so long is skipped by itself; any other expires.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    wait: StepWait
    channel: Channel = Channel.EMAIL
    subject: str | None = Field(default=None, max_length=LONGEST_SUBJECT)
    body: str = Field(max_length=LONGEST_BODY)
    approval: bool = False
    window: Window | None = None
    # A week: what was to be said this week is not what one would say now; a person should look.
    expires_after: Duration = Field(default=timedelta(weeks=1), gt=timedelta(0))
    times_out_after: Duration | None = Field(default=None, gt=timedelta(0))

    @field_validator("subject", "body")
    @classmethod
    def _says_something(cls, template: str | None) -> str | None:
        if template is not None and not template.strip():
            raise ValueError("is blank: write what shall be sent")
        if template is not None and re.search("[\x00\ud800-\udfff]", template):
            raise ValueError("contains a NUL or half a character: remove it")
        return template

    @model_validator(mode="after")
    def _fits_its_channel(self) -> Self:
        if self.channel is Channel.EMAIL and self.times_out_after is not None:
            raise ValueError("only a manual step (channel: task) times out: remove times_out_after")
        if self.channel is Channel.TASK:
            for field in ("subject", "window"):
                if getattr(self, field) is not None:
                    raise ValueError(f"a manual step has no {field}: remove it")
            if self.approval:
                raise ValueError("a manual step is done by a person and needs no approval: remove it")
        return self

    @property
    def patience(self) -> timedelta:
        """How long a person may take over it, from when it fell due."""
        return self.times_out_after or self.expires_after


class Sequence(BaseModel):
    """A list of steps with a name. `min_gap` is kept between two sends in one thread, whoever sends.

    A lead is in one sequence at a time, unless one of two says that it may run `beside_others`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    min_gap: Duration = timedelta(0)
    window: Window | None = None
    stop_on: tuple[StopKind, ...] = CHOOSABLE_STOPS
    enroll: EnrolRule = EnrolRule.ONCE
    beside_others: bool = False
    steps: tuple[Step, ...]

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        if re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,59}", name):
            return name
        raise ValueError(f"{name!r} is not a name: use 1 to 60 of a-z, 0-9, '.', '_', '-', beginning with a-z or 0-9")

    @field_validator("stop_on")
    @classmethod
    def _stop_on(cls, kinds: tuple[StopKind, ...]) -> tuple[StopKind, ...]:
        if StopKind.CLOSED in kinds:
            raise ValueError("closed always stops: leave it out")
        return tuple(kind for kind in CHOOSABLE_STOPS if kind in kinds)

    @field_validator("steps")
    @classmethod
    def _one_thread(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        if not 1 <= len(steps) <= MOST_STEPS:
            raise ValueError(f"there are {len(steps)} steps: give 1 to {MOST_STEPS}")
        first = None
        for order, step in enumerate(steps, start=1):
            if step.channel is not Channel.EMAIL:
                continue
            if first is None and step.subject is None:
                raise ValueError(f"step {order} has no subject: give it one")
            if first is not None and step.subject is not None:
                raise ValueError(f"step {order} has a subject, but it answers in the thread of step {first}: remove it")
            first = first or order
        return steps

    @property
    def opening(self) -> int | None:
        """The order of the first e-mail step, whose subject is the thread's; None where all steps are manual."""
        return next((order for order, step in enumerate(self.steps, start=1) if step.channel is Channel.EMAIL), None)

    @cached_property
    def version(self) -> str:
        """The content's own name, 12 hex digits of SHA-256: equal content, equal version, on every machine."""
        # what is as by default is left out, so that a key we add one day changes no version
        written = self.model_dump(mode="json", exclude_defaults=True)
        content = json.dumps(written, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    def step(self, order: int) -> Step:
        """Return a step by its order, from 1. Raises IndexError for an order there is not."""
        if not 1 <= order <= len(self.steps):
            raise IndexError(f"sequence {self.name} has steps 1 to {len(self.steps)}, not {order}")
        return self.steps[order - 1]

    def window_of(self, order: int) -> Window | None:
        """Return the window a step keeps to: its own, else the sequence's, else none; a manual step keeps to none."""
        step = self.step(order)
        return None if step.channel is Channel.TASK else step.window or self.window

    def stops_on(self, kind: StopKind) -> bool:
        """Say whether a stop of this kind ends a follow-up of this sequence."""
        return kind is StopKind.CLOSED or kind in self.stop_on


def _weekdays(days: str) -> frozenset[int]:
    found: set[int] = set()
    for part in days.split(","):
        first, _, last = part.partition("-")
        if first not in _DAYS or (last or first) not in _DAYS or part.endswith("-"):
            raise ValueError(f"{days!r} are not days: write them as mon-fri or mon,wed,sat")
        start = _DAYS.index(first)
        length = (_DAYS.index(last or first) - start) % 7
        found.update((start + offset) % 7 for offset in range(length + 1))
    return frozenset(found)
