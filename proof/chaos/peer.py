"""An SMTP peer that goes wrong on demand: `python -m proof.chaos.peer --port PORT --orders PORT --folder FOLDER`.

A line to the port of orders, `PHASE HOW TIMES`, tells what goes wrong with the next messages that come so far; `right`
ends all that. Until then it also answers 4yz to the final dot of one message in a few, which it then delivers or not.
`FOLDER/taken` has a line `INSTANT SENDER RECIPIENT MESSAGE-ID MARK TEXT` for each message it took, written before it
answers: nothing else is true. `FOLDER/wrong` has a line `INSTANT SENDER RECIPIENT PHASE HOW` for each time that it went
wrong.
"""

import argparse
import asyncio
import hashlib
import random
import re
import time
from collections import defaultdict, deque
from pathlib import Path

from proof.chaos.schedule import How, Phase

RIGHT = "right"
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
# What the sequences of `story` write into every body: another name of (follow-up, step) than the Message-ID is.
_MARK = re.compile(rb"^mark (\S+/\d+).*$", re.MULTILINE)
_SUBJECT = re.compile(rb"^Subject:\s*(?:Re:\s*)*(.*)$", re.IGNORECASE | re.MULTILINE)
_PATH = re.compile(rb"<([^@>]+@[^>]+)>")
_WORDS = {How.LATER: b"451 4.3.0 not now\r\n", How.GARBAGE: b"\x00\xffwhat is this\r\n"}
_NEVER = {
    Phase.GREETING: b"554 5.3.2 closed\r\n",
    Phase.EHLO: b"550 5.7.1 no\r\n",
    Phase.MAIL: b"550 5.7.1 sender not allowed\r\n",
    Phase.RCPT: b"550 5.1.1 no such user\r\n",
}
_NEVER_OTHERWISE = b"554 5.6.0 not this message\r\n"
_VERBS = {b"EHLO": Phase.EHLO, b"HELO": Phase.EHLO, b"MAIL": Phase.MAIL, b"RCPT": Phase.RCPT, b"DATA": Phase.DATA}
# Long enough for a fault to fall between the final dot and its reply.
_THINKS = 3.0
# So often it answers 4yz to the final dot without having been told to: of these it delivers half.
_DEFERS = 0.03


class _OverError(Exception):
    """The session ends here."""


class Peer:
    """What is about to go wrong, and what is written down."""

    def __init__(self, folder: Path, thinks: float = _THINKS, defers: float = 0.0) -> None:
        """`thinks` are the seconds at most between the final dot and its reply, `defers` how often that is a 4yz."""
        self._folder, self.thinks, self._defers = folder, thinks, defers
        self._wrong: defaultdict[Phase, deque[How]] = defaultdict(deque)

    def obey(self, order: str) -> None:
        """Take one order in."""
        if order.strip() == RIGHT:
            self._wrong.clear()
            self._defers = 0.0
            return
        phase, how, times = order.split()
        self._wrong[Phase(phase)].extend([How(how)] * int(times))

    def goes_wrong(self, phase: Phase, envelope: str) -> How | None:
        """Say whether it goes wrong now, and write that down."""
        if self._wrong[phase]:
            how = self._wrong[phase].popleft()
        elif phase in (Phase.UNTAKEN, Phase.TAKEN) and random.random() < self._defers / 2:
            how = How.LATER
        else:
            return None
        self._write("wrong", f"{envelope} {phase} {how}")
        return how

    def take(self, message: bytes, envelope: str = "- -") -> None:
        """Take responsibility for a message."""
        found = [pattern.search(message) for pattern in (_MESSAGE_ID, _MARK)]
        names = " ".join(each[1].decode() if each else "-" for each in found)
        self._write("taken", f"{envelope} {names} {_text(message)}")

    def _write(self, name: str, words: str) -> None:
        with (self._folder / name).open("a") as file:
            file.write(f"{time.time():.6f} {words}\n")


def _text(message: bytes) -> str:
    """Return a short hash of what a message says to whoever reads it, its mark left out."""
    subject = _SUBJECT.search(message)
    body = _MARK.sub(b"", message.partition(b"\r\n\r\n")[2])
    return hashlib.sha256((subject[1] if subject else b"") + body).hexdigest()[:12]


class Session:
    """One connection."""

    def __init__(self, peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._peer, self._reader, self._writer = peer, reader, writer
        self._sender = self._recipient = "-"

    @property
    def _envelope(self) -> str:
        return f"{self._sender} {self._recipient}"

    async def run(self) -> None:
        """Converse until either side has enough."""
        await self._say(Phase.GREETING, b"220 peer.test\r\n")
        while line := await self._reader.readline():
            verb = line[:4].upper()
            if verb == b"MAIL":
                self._sender, self._recipient = _address(line), "-"  # the last message's
            if verb == b"RCPT":
                self._recipient = _address(line)
            if verb == b"QUIT":
                self._writer.write(b"221 bye\r\n")
                return
            phase = _VERBS.get(verb)
            said = await self._say(phase, b"354 go on\r\n" if phase is Phase.DATA else b"250 fine\r\n")
            if said.startswith(b"354"):
                await self._message()

    async def _message(self) -> None:
        first = await self._reader.readexactly(1)
        if how := self._peer.goes_wrong(Phase.BODY, self._envelope):
            await self._go_wrong(Phase.BODY, how)
            raise _OverError  # a half-read message is followed by nothing
        message = first + await self._reader.readuntil(b"\r\n.\r\n")
        if how := self._peer.goes_wrong(Phase.UNTAKEN, self._envelope):
            await self._go_wrong(Phase.UNTAKEN, how)
            return
        self._peer.take(message, self._envelope)
        await asyncio.sleep(random.uniform(0, self._peer.thinks))
        await self._say(Phase.TAKEN, b"250 2.0.0 taken\r\n")

    async def _say(self, phase: Phase | None, right: bytes) -> bytes:
        how = phase and self._peer.goes_wrong(phase, self._envelope)
        if phase and how:
            return await self._go_wrong(phase, how)
        self._writer.write(right)
        await self._writer.drain()
        return right

    async def _go_wrong(self, phase: Phase, how: How) -> bytes:
        if how is How.HANG:
            await self._reader.read()  # until the client goes
        if how in (How.HANG, How.DROP):
            raise _OverError
        words = _WORDS.get(how) or _NEVER.get(phase, _NEVER_OTHERWISE)
        self._writer.write(words)
        await self._writer.drain()
        return words


def _address(line: bytes) -> str:
    found = _PATH.search(line)
    return found[1].decode().lower() if found else "-"


async def serve(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection."""
    try:
        await Session(peer, reader, writer).run()
    except (_OverError, OSError, asyncio.IncompleteReadError):
        pass  # the conversation is over, one way or another
    finally:
        writer.close()


async def _hear(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while order := await reader.readline():
        peer.obey(order.decode())
    writer.close()


async def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--orders", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    peer = Peer(given.folder, defers=_DEFERS)
    orders = await asyncio.start_server(lambda reader, writer: _hear(peer, reader, writer), "127.0.0.1", given.orders)
    await asyncio.start_server(lambda reader, writer: serve(peer, reader, writer), "127.0.0.1", given.port)
    await orders.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
