"""The process that reads mail: `python -m intake.inbound.worker`. It has no secrets, and ends with who started it.

Its input is messages, its output what each was read as: a length of four bytes, then as many. One that costs more than
its share of the processor or of memory ends the process; the kernel does that, whatever code is running.
"""

import json
import resource
import signal
import sys
from contextlib import suppress
from typing import IO, Any

from pydantic import TypeAdapter

from intake.inbound.mail import Inbound, InboundError, read_inbound

READY = b"ready\n"
# Of the processor, so that a busy machine changes nothing. The slowest real message takes a tenth of that.
_SECONDS = 0.75
# It needs 60 MB of memory itself, and four times as many addresses; a message of 256 KB takes ten more.
_MOST_MEMORY = 1024 * 1024 * 1024
_LENGTH_BYTES = 4
INBOUND: TypeAdapter[Inbound] = TypeAdapter(Inbound)


def write_block(stream: IO[bytes], content: bytes) -> None:
    """Write a block, and its length before it."""
    stream.write(len(content).to_bytes(_LENGTH_BYTES, "big") + content)
    stream.flush()


def read_block(stream: IO[bytes]) -> bytes | None:
    """Read a block; None when the other side is gone."""
    head = stream.read(_LENGTH_BYTES)
    if len(head) < _LENGTH_BYTES:
        return None
    length = int.from_bytes(head, "big")
    content = stream.read(length)
    return content if len(content) == length else None


def main() -> None:
    """Read messages until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; who started it ends it
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    with suppress(ValueError, OSError):  # macOS knows the limit and keeps none
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # it would hold what people wrote
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    while (raw := read_block(sys.stdin.buffer)) is not None:
        signal.setitimer(signal.ITIMER_PROF, _SECONDS)
        answer = _answer(raw)
        signal.setitimer(signal.ITIMER_PROF, 0)
        write_block(sys.stdout.buffer, answer)


def _answer(raw: bytes) -> bytes:
    said: dict[str, Any]
    try:
        said = {"inbound": INBOUND.dump_python(read_inbound(raw), mode="json")}
    except InboundError as error:
        said = {"refused": error.problems}
    return json.dumps(said).encode()


if __name__ == "__main__":
    main()
