"""An SMTP peer that takes every message and writes down when: a line `INSTANT MESSAGE-ID` each.

A message counts from its final dot on: what the sender is told afterwards, or whether it lives to hear, is its affair.
"""

import argparse
import asyncio
import re
import sys
import time
from pathlib import Path

_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, given: argparse.Namespace) -> None:
    writer.write(b"220 sink\r\n")
    while line := await reader.readline():
        word = line[:4].upper().strip()
        if word == b"DATA":
            writer.write(b"354 go on\r\n")
            message = await reader.readuntil(b"\r\n.\r\n")
            found = _MESSAGE_ID.search(message)
            with given.log.open("a") as file:
                file.write(f"{time.time():.6f} {found.group(1).decode() if found else '-'}\n")
            await asyncio.sleep(given.answer_after)
        writer.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
        if word == b"QUIT":
            break
    writer.close()


async def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--answer-after", type=float, default=0, help="seconds between the final dot and its reply")
    given = parser.parse_args()
    server = await asyncio.start_server(lambda r, w: _serve(r, w, given), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
