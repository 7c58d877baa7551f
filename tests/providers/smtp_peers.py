"""The ways of sending that the conformance suite holds to one contract, and how each is made to misbehave."""

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from domain.outcome import Fault as Whose
from domain.outcome import NotSent as Not
from domain.outcome import Outcome, Refused, Sent, Unknown
from providers.provider import Letter, Provider
from providers.scripted import ScriptedProvider
from providers.smtp.provider import SmtpProvider
from tests.programs import program
from tests.providers.fault_server import Fault, FaultServer, Wrong

# long enough for a loaded machine's loopback, short enough to wait for
SHORT = timedelta(seconds=0.4)
LONG = timedelta(seconds=20)


class Behaviour(StrEnum):
    """What a peer does with a letter."""

    ACCEPTS = "accepts"
    KNOWS_NO_SUCH_USER = "knows no such user"
    IS_BUSY = "is busy"
    DISLIKES_THE_TEXT = "dislikes the text"
    FALLS_SILENT = "falls silent after the point of no return"


class Peer(NamedTuple):
    """A provider and the far end it talks to."""

    provider: Provider
    delivered: Callable[[], list[bytes]]  # the messages that reached the far end whole


OpenPeer = Callable[[Behaviour], AbstractAsyncContextManager[Peer]]

_FAULTS: dict[Behaviour, dict[str, Fault]] = {
    Behaviour.ACCEPTS: {},
    Behaviour.KNOWS_NO_SUCH_USER: {"rcpt": b"550 5.1.1 no such user\r\n"},
    Behaviour.IS_BUSY: {"rcpt": b"450 4.2.1 try later\r\n"},
    Behaviour.DISLIKES_THE_TEXT: {"final": b"554 5.7.1 spam\r\n"},
    Behaviour.FALLS_SILENT: {"final": Wrong.DROP},
}
_SINK_OPTIONS: dict[Behaviour, Sequence[str]] = {
    Behaviour.ACCEPTS: (),
    Behaviour.KNOWS_NO_SUCH_USER: ("-f", "RCPT", "-B", "550 5.1.1 no such user"),
    Behaviour.IS_BUSY: ("-r", "RCPT"),
    Behaviour.DISLIKES_THE_TEXT: ("-f", "."),
    Behaviour.FALLS_SILENT: ("-q", "."),
}
_SCRIPT: dict[Behaviour, Outcome] = {
    Behaviour.ACCEPTS: Sent(code="scripted"),
    Behaviour.KNOWS_NO_SUCH_USER: Refused(code="scripted", fault=Whose.RECIPIENT),
    Behaviour.IS_BUSY: Not(code="scripted"),
    Behaviour.DISLIKES_THE_TEXT: Refused(code="scripted", fault=Whose.MESSAGE),
    Behaviour.FALLS_SILENT: Unknown(code="scripted"),
}


@asynccontextmanager
async def fault_server(behaviour: Behaviour) -> AsyncIterator[Peer]:
    async with FaultServer(_FAULTS[behaviour]) as server:
        provider = SmtpProvider.from_url(server.url, send_timeout=LONG)
        yield Peer(provider, lambda: server.messages)
        await provider.close()


@asynccontextmanager
async def scripted(behaviour: Behaviour) -> AsyncIterator[Peer]:
    provider = ScriptedProvider(lambda _: _SCRIPT[behaviour])
    yield Peer(provider, lambda: [letter.message for letter in provider.sent])


@asynccontextmanager
async def smtp_sink(behaviour: Behaviour) -> AsyncIterator[Peer]:
    async with run_sink(_SINK_OPTIONS[behaviour]) as (url, delivered):
        provider = SmtpProvider.from_url(url, send_timeout=LONG)
        yield Peer(provider, delivered)
        await provider.close()


PEERS: dict[str, OpenPeer] = {"fault server": fault_server, "smtp-sink": smtp_sink, "scripted": scripted}


@asynccontextmanager
async def run_sink(options: Sequence[str]) -> AsyncIterator[tuple[str, Callable[[], list[bytes]]]]:
    """Run Postfix's own test server, written by others than us; gives its URL and what it took."""
    sink = program("smtp-sink", "postfix")
    port = _free_port()
    kept = Path(tempfile.mkdtemp(prefix="sink-"))
    os.chmod(kept, 0o777)  # noqa: PTH101, S103 - as root it gives up its rights, and must still be able to write
    user = ("-u", "nobody") if os.getuid() == 0 else ()
    process = await asyncio.create_subprocess_exec(
        sink, *user, *options, "-d", f"{kept}/taken.", f"127.0.0.1:{port}", "128"
    )
    try:
        await _listening(port)
        yield f"smtp://127.0.0.1:{port}", lambda: _taken(kept)
    finally:
        process.terminate()
        await process.wait()
        shutil.rmtree(kept)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


async def _listening(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.005)  # a foreign process: there is no event to await
            else:
                writer.close()
                return


def _taken(kept: Path) -> list[bytes]:
    """Read the dumps; one of a message still under way lacks the empty line at its end, and goes away."""
    dumps = []
    for file in kept.iterdir():
        with suppress(FileNotFoundError):
            dumps.append(file.read_bytes())
    return [_message(dump) for dump in dumps if dump.endswith(b"\n\n")]


def _message(dump: bytes) -> bytes:
    """Cut a message out of smtp-sink's dump: its own header ends with three lines of Received; LF line ends."""
    lines = dump.split(b"\n")
    start = next(number for number, line in enumerate(lines) if line.startswith(b"Received: ")) + 3
    return b"".join(line + b"\r\n" for line in lines[start:-2])


def letter(message: bytes = b"Subject: hello\r\n\r\nHow are you?\r\n", *, recipient: str = "bob@lead.test") -> Letter:
    return Letter("ws:seq:lead/1/email", "ada@ours.test", recipient, message)


class Asked:
    """A gate that counts how often it was asked."""

    def __init__(self, *, may: bool = True) -> None:
        self.times = 0
        self._may = may

    async def __call__(self) -> bool:
        self.times += 1
        return self._may
