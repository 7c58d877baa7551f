"""What mail would be taken for, without a database: what `starter.py inbound --dry-run` prints of each file."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from intake.files.file_error import FileError
from intake.inbound.files import read_beginning
from intake.inbound.mail import Inbound, InboundError
from intake.inbound.message_class import InboundKind
from intake.inbound.reader import Reader

NOTHING: Literal["nothing"] = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class WouldBe:
    """What a message would be taken for.

    `kind` is NOTHING for what is no message. `names` are the hashes of the messages it may be about, the likeliest
    first. `recipient` is who failed or complained, `status` why, and `suppress` whether that address is not written to
    any more, if we wrote to it. `until` is the day of a return.
    """

    file: str
    kind: InboundKind | Literal["nothing"] = NOTHING
    names: tuple[str, ...] = ()
    recipient: str | None = None
    status: str | None = None
    suppress: bool = False
    until: date | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """What programs are told."""
        return asdict(self) | {"until": self.until.isoformat() if self.until else None}

    @property
    def sentence(self) -> str:
        """What people are told."""
        if self.kind is NOTHING:
            return f"{self.file}: nothing: it is not a message, it begins without a header"
        said = [self.kind.replace("_", " "), f"names {', '.join(self.names) or 'no message'}"]
        said += [f"{self.recipient} failed"] if self.recipient and self.kind is InboundKind.BOUNCE else []
        said += [f"status {self.status}"] if self.status else []
        said += ["the address would be suppressed"] if self.suppress else []
        said += [f"away until {self.until}"] if self.until else []
        return f"{self.file}: {'; '.join(said)}"


def what_it_is(file: str, inbound: Inbound) -> WouldBe:
    """Say what a message would be taken for."""
    dead = next((one for one in inbound.failures if one.suppresses), None)
    return WouldBe(
        file=file,
        kind=inbound.kind,
        names=inbound.names,
        recipient=(dead.recipient if dead else inbound.recipient) or None,
        status=(dead.status if dead else inbound.status) or None,
        suppress=inbound.suppresses,
        until=inbound.away_until,
    )


async def dry_run(files: Sequence[Path]) -> AsyncIterator[WouldBe | FileError]:
    """Read each of these files; one that can't be read is an error, and the others are read even so."""
    reader = Reader()
    try:
        for file in files:
            try:
                yield what_it_is(str(file), await reader.read(read_beginning(file)))
            except InboundError:
                yield WouldBe(file=str(file))
            except FileError as error:
                yield error
    finally:
        reader.close()
