"""The thread: the conversation that messages belong to, and one that began elsewhere than with us."""

import hashlib
import unicodedata
from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from domain.sequence import LONGEST_SUBJECT

# RFC 5322, 3.6.4, without comments and folding; no line of ours is longer than 998 characters.
_MESSAGE_ID = r"^<[!-;=?-~]{1,400}@[!-;=?-~]{1,400}>$"
# A conversation longer than this goes on without its middle: the first and the newest name it.
MOST_REFERENCES = 100


def _unencoded(text: str) -> str:
    if "=?" in text:
        raise ValueError("contains '=?', which mail programs take for encoded text: remove it")
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
        raise ValueError("contains a line end or a control character: remove it")
    return text


_MessageId = Annotated[str, Field(pattern=_MESSAGE_ID), AfterValidator(_unencoded)]


class Origin(BaseModel):
    """A message to be answered: its Message-ID, those of the messages before it (oldest first), and its subject.

    Without a subject the sequence's own is used, as the subject of an answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    message_id: _MessageId
    references: tuple[_MessageId, ...] = Field(default=(), max_length=MOST_REFERENCES)
    subject: Annotated[str, Field(max_length=LONGEST_SUBJECT), AfterValidator(_unencoded)] | None = None

    @model_validator(mode="after")
    def _subject_says_something(self) -> Self:
        if self.subject is not None and not self.subject.strip():
            raise ValueError("subject: is blank: give the thread's, or leave it out")
        return self

    @property
    def message_ids(self) -> tuple[str, ...]:
        """Every message of the thread that is known, oldest first."""
        return in_order((*self.references, self.message_id))

    def thread_id(self, workspace: str) -> str:
        """Derive the id of the thread from its first message: the same for everybody who names that one."""
        named = f"{workspace}/{self.message_ids[0]}"
        return f"{workspace}:thread/{hashlib.sha256(named.encode()).hexdigest()[:40]}"


def in_order(message_ids: Iterable[str]) -> tuple[str, ...]:
    """Keep each id once, where it stands first."""
    return tuple(dict.fromkeys(message_ids))
