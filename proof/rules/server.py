"""An SMTP server of bad manners: `python -m proof.rules.server --manners NAME --seed N --log FILE`; prints its port.

The log has a line `MESSAGE-ID` for each message that it takes, written before it says or does anything about it. That
alone is true: whoever reads it knows what will be delivered.
"""

import argparse
import asyncio
import random
import re
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import cast

from proof.rules.manners import MANNERS, How, Manners

_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_NOT_NOW = (b"451 4.3.0 later\r\n", b"450 4.7.1 greylisted\r\n", b"452 4.2.2 full\r\n", b"421 4.3.2 busy\r\n")
_UNASKED = (b"250 2.0.0 fine\r\n", b"354 go on\r\n", b"451 4.3.0 later\r\n", b"554 5.7.1 no\r\n", b"421 4.3.2 busy\r\n")
_TAKEN, _REFUSED, _CLOSING = b"250 2.0.0 queued\r\n", b"554 5.7.1 no\r\n", b"421 4.3.2 closing\r\n"


class _OverError(Exception):
    """The session ends here."""


class Session:
    """One connection."""

    def __init__(self, given: argparse.Namespace, dice: random.Random) -> None:
        self._manners: Manners = MANNERS[given.manners]
        self._log, self._dice = cast("Path", given.log), dice
        self._echoes: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Converse until either side has enough."""
        self._reader, self._writer = reader, writer
        try:
            await self._converse()
        except (_OverError, OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for echo in self._echoes:
                echo.cancel()
            writer.close()

    async def _converse(self) -> None:
        await self._reply(b"220 rules.test\r\n")
        while verb := (await self._reader.readline())[:4].upper():
            if verb == b"QUIT":
                self._say(b"221 bye\r\n")
                return
            going_on = await self._reply(b"354 go on\r\n" if verb == b"DATA" else b"250 fine\r\n")
            if verb == b"DATA" and going_on:
                await self._message()

    async def _message(self) -> None:
        if self._happens(self._manners.unasked):
            self._later(self._dice.choice(_UNASKED))
        message = await self._reader.readuntil(b"\r\n.\r\n")
        how = self._draw(self._manners.final)
        if self._takes(how):
            found = _MESSAGE_ID.search(message)
            with self._log.open("a") as file:
                file.write(f"{found[1].decode() if found else '-'}\n")
        if how in (How.DROP, How.RESET, How.HALF_CLOSE, How.HANG, How.GOES):
            await self._end(how)
        await self._slowly(how, self._verdict(how))
        if how is How.TAKES_AND_GOES:
            self._say(_CLOSING)
            raise _OverError

    def _takes(self, how: How) -> bool:
        if how in (How.DROP, How.RESET, How.HALF_CLOSE, How.HANG):
            return self._dice.random() < 0.5  # that is the doubt
        return how not in (How.LATER, How.NEVER, How.GOES, How.GREETS, How.THROWS_AWAY)

    def _verdict(self, how: How) -> bytes:
        match how:
            case How.LATER:
                return self._dice.choice(_NOT_NOW)
            case How.NEVER:
                return _REFUSED
            case How.DEFERS:
                return b"451 4.3.0 Error: queue file write error\r\n"
            case How.GREETS:
                return self._dice.choice((b"220 ready\r\n", b"221 bye\r\n", b"235 welcome\r\n", b"200 well\r\n"))
            case How.DENIES:
                return self._dice.choice((_REFUSED, b"450 4.7.1 greylisted\r\n"))
        return _TAKEN

    async def _reply(self, right: bytes) -> bool:
        """Reply to the envelope, one way or another; says whether it was the right reply."""
        how = self._draw(self._manners.envelope)
        if how in (How.DROP, How.RESET, How.HALF_CLOSE, How.HANG, How.GOES):
            await self._end(how)
        wrong = {How.LATER: b"451 4.3.0 later\r\n", How.NEVER: b"550 5.1.1 no\r\n"}
        await self._slowly(how, wrong.get(how, right))
        return how not in wrong

    async def _slowly(self, how: How, words: bytes) -> None:
        if how is How.DELAY:
            await asyncio.sleep(self._dice.uniform(0, self._manners.latest))
        if how is How.SPLIT:
            for octet in words:
                self._writer.write(bytes([octet]))
                await asyncio.sleep(0)
        else:
            self._say(words)
        if self._happens(self._manners.doubled):
            if self._dice.random() < 0.3:
                self._say(words)
            else:
                self._later(words)

    async def _end(self, how: How) -> None:
        if how is How.RESET:
            raw = self._writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if how is How.GOES:
            self._say(_CLOSING)
        if how is How.HALF_CLOSE:
            self._writer.write_eof()
        if how in (How.HALF_CLOSE, How.HANG):
            await self._reader.read()  # until the client has had enough
        raise _OverError

    def _later(self, words: bytes) -> None:
        """Say something after a moment, whatever is going on by then."""

        async def say() -> None:
            await asyncio.sleep(self._dice.uniform(0, self._manners.latest))
            with suppress(OSError):
                self._say(words)

        self._echoes.add(asyncio.create_task(say()))

    def _say(self, words: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(words)

    def _happens(self, of_a_thousand: int) -> bool:
        return self._dice.randrange(1000) < of_a_thousand

    def _draw(self, often: dict[How, int]) -> How:
        weights = {How.RIGHT: 1000 - sum(often.values()), **often}
        return self._dice.choices(list(weights), list(weights.values()))[0]


async def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manners", choices=list(MANNERS), required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    given = parser.parse_args()
    dice = random.Random(f"{given.seed} {given.manners}")
    server = await asyncio.start_server(lambda r, w: Session(given, dice).serve(r, w), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
