"""What all engines are given: where things are, the same letter, the same job; and what the driver asks of each."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar, NamedTuple

import aiosmtplib

from proof.peers.count import Accepted, name

STEPS = 3
# From one step to the next.
WAIT = timedelta(seconds=1)
# How many letters a worker has under way at once, everywhere: the engines' own defaults go from 1 to 100.
AT_ONCE = 10


class Place(NamedTuple):
    """Where an engine finds what it needs; a worker gets it as its arguments."""

    database_url: str  # postgresql://…, a database of its own
    smtp_url: str  # smtp://host:port
    temporal_address: str  # host:port
    run: str  # the run's name: a task queue, an application


class Engine(ABC):
    """One engine on one run of the job. Its module, run as a program with a Place, is its worker."""

    title: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]  # whose versions matter

    def __init__(self, place: Place) -> None:
        self.place = place

    @abstractmethod
    async def begin(self, leads: int) -> None:
        """Lay out what the engine keeps, and put so many leads into it. No worker runs yet."""

    @abstractmethod
    async def undone(self) -> int:
        """How many leads or steps the engine has still to do, by its own books."""

    def worker(self) -> tuple[list[str], dict[str, str]]:
        """Say how its worker is started: arguments of python, and the environment."""
        return ["-m", type(self).__module__, *self.place], {}

    async def tend(self, accepted: Callable[[], list[Accepted]]) -> None:  # noqa: B027  # most leave it empty
        """Do what the engine asks of a person while it runs, given what the peer has taken."""

    async def named(self, accepted: list[Accepted]) -> list[Accepted]:
        """Say of each message which step of whom it is: by its Message-ID, if the engine doesn't know better."""
        return accepted

    @property
    def asked(self) -> int:
        """How often a person had to say what became of a step."""
        return 0


def lead_id(number: int) -> str:
    """Name a lead."""
    return f"lead-{number}"


async def send(smtp_url: str, lead: str, step: int) -> None:
    """Send a step's letter, as the documentation of aiosmtplib does: a connection for each. Raises SMTPException."""
    host, _, port = smtp_url.removeprefix("smtp://").partition(":")
    letter = (
        f"From: ada@follow-up.test\r\nTo: {lead}@example.test\r\nSubject: Following up\r\n"
        f"Message-ID: {name(lead, step)}\r\n\r\nHello {lead}\r\n"
    )
    await aiosmtplib.send(
        letter,
        sender="ada@follow-up.test",
        recipients=[f"{lead}@example.test"],
        hostname=host,
        port=int(port),
        start_tls=False,
    )
