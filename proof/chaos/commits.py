"""COMMITs whose connection is cut: those of claims and of records, before PostgreSQL hears them and after it obeyed.

The worker is the real one, and reaches PostgreSQL through a relay that reads along. Before: the COMMIT is thrown away
with its connection, so the transaction is rolled back. After: it is done, and its answer is thrown away. The worker
sees the same both times. What was sent is counted at the SMTP server.
"""

import asyncio
import random
import re
import struct
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from types import TracebackType
from typing import Any, NamedTuple, Self

from rich.console import Console
from sqlalchemy import make_url, text

from devstack.ports import free_ports
from proof.rig.figures import load, show
from proof.rig.ground import Ground
from proof.rig.processes import process
from proof.speed.sides import Ours, ours

_STEPS = 2
# A cut transaction is tried again, and what is tried again may be cut again.
_SHARE = 0.5
_PATIENCE = 300.0
_SSL_REQUEST, _GSS_REQUEST = 80877103, 80877104
_READY = b"Z\x00\x00\x00\x05"
_DRAFT = re.compile(rb"[A-Za-z0-9_.-]+:bench:lead-[0-9a-f]+/\d+/email")
_DRAFTS = "SELECT d.id, d.message_id, d.state, i.status FROM drafts d JOIN instances i ON i.id = d.instance_id"


class Kind(StrEnum):
    """Which transaction a COMMIT ends."""

    CLAIM = "claim"
    RECORD = "record"


class When(StrEnum):
    """Where its connection is cut."""

    BEFORE = "before PostgreSQL hears it"
    AFTER = "after PostgreSQL obeyed"


class Cut(NamedTuple):
    """What is cut: which COMMIT, where."""

    kind: Kind
    when: When


class Cuts:
    """Draws which COMMITs are cut, until `each` of every sort were; `done` names the drafts they were of."""

    def __init__(self, each: int, seed: int = 1) -> None:
        self.each, self._dice = each, random.Random(seed)
        self._left = {Cut(kind, when): each for kind in Kind for when in When}
        self.done: dict[Cut, list[str]] = defaultdict(list)

    def draw(self, kind: Kind) -> Cut | None:
        """Say whether the next COMMIT of a kind is cut, and where."""
        open_cuts = [cut for cut, left in self._left.items() if cut.kind is kind and left]
        if not open_cuts or self._dice.random() > _SHARE:
            return None
        drawn = self._dice.choice(open_cuts)
        self._left[drawn] -= 1
        return drawn


class Relay:
    """Passes 127.0.0.1:`port` on to PostgreSQL while entered, and cuts."""

    def __init__(self, target_port: int, cuts: Cuts) -> None:
        self.port = free_ports([None])[0]
        self._target_port, self._cuts = target_port, cuts
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, _: type[BaseException] | None, __: object, ___: TracebackType | None) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._connections.add(task)
        with suppress(OSError, EOFError, asyncio.CancelledError):
            there_reader, there = await asyncio.open_connection("127.0.0.1", self._target_port)
            try:
                await _Session(self._cuts, (reader, writer), (there_reader, there)).run()
            finally:
                there.transport.abort()
        writer.transport.abort()
        self._connections.discard(task)


_End = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Session:
    """One connection: what the worker says is read message by message, what PostgreSQL says passes as it is."""

    def __init__(self, cuts: Cuts, here: _End, there: _End) -> None:
        self._cuts = cuts
        (self._hear, self._answer), (self._listen, self._ask) = here, there
        self._statements: dict[bytes, bytes] = {}  # prepared ones, by name
        self._kind: Kind | None = None
        self._draft = ""
        self._obeyed: asyncio.Future[None] | None = None  # set: nothing of PostgreSQL passes any more

    async def run(self) -> None:
        """Pass on until either side ends, or a cut."""
        answers = asyncio.ensure_future(self._pass_answers())
        asking = asyncio.ensure_future(self._pass_questions())
        try:
            await asyncio.wait((answers, asking), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for passing in (answers, asking):
                passing.cancel()
            await asyncio.gather(answers, asking, return_exceptions=True)

    async def _pass_answers(self) -> None:
        heard = b""
        while data := await self._listen.read(65_536):
            if self._obeyed is None:
                self._answer.write(data)
                await self._answer.drain()
                continue
            heard += data
            if b"COMMIT\x00" in heard and _READY in heard and not self._obeyed.done():
                self._obeyed.set_result(None)

    async def _pass_questions(self) -> None:
        await self._pass_startup()
        while True:
            kind, length = struct.unpack("!ci", await self._hear.readexactly(5))
            body = await self._hear.readexactly(length - 4)
            cut = self._read(kind, body)
            if cut is not None:
                await self._cut(cut, kind, length, body)
                return
            self._put(kind, length, body)
            await self._ask.drain()

    async def _pass_startup(self) -> None:
        while True:
            length, code = struct.unpack("!ii", await self._hear.readexactly(8))
            self._ask.write(struct.pack("!ii", length, code) + await self._hear.readexactly(length - 8))
            if code not in (_SSL_REQUEST, _GSS_REQUEST):
                return

    def _put(self, kind: bytes, length: int, body: bytes) -> None:
        self._ask.write(struct.pack("!ci", kind, length) + body)

    def _read(self, kind: bytes, body: bytes) -> Cut | None:
        """Take in what the worker says; returns how it is cut, if it is."""
        if kind == b"P":
            name, statement, _ = body.split(b"\x00", 2)
            self._statements[name] = statement
        if kind == b"B":
            _, name, values = body.split(b"\x00", 2)
            self._note(self._statements.get(name, b""), values)
        if kind == b"Q":
            word = body.rstrip(b"\x00; ").upper()
            if word == b"COMMIT" and self._kind is not None:
                return self._cuts.draw(self._kind)
            if word.startswith((b"BEGIN", b"ROLLBACK")):
                self._kind = None
        return None

    def _note(self, statement: bytes, values: bytes) -> None:
        """Tell by its statement which transaction this is."""
        if not statement.startswith(b"UPDATE drafts SET "):
            return
        if b"claimed_at=clock_timestamp()" in statement:
            self._kind = Kind.CLAIM
        elif b"sent_at=clock_timestamp()" in statement:
            self._kind = Kind.RECORD
        found = _DRAFT.search(values)
        self._draft = found[0].decode() if found else ""

    async def _cut(self, cut: Cut, kind: bytes, length: int, body: bytes) -> None:
        self._cuts.done[cut].append(self._draft)
        if cut.when is When.AFTER:
            self._obeyed = asyncio.get_running_loop().create_future()
            self._put(kind, length, body)
            await self._obeyed


class Count(NamedTuple):
    """What became of messages: how often the server took them, and which of those it did not take wait visibly."""

    once: int = 0
    twice: int = 0
    waiting: int = 0
    lost: int = 0


def count(drafts: Mapping[str, Any], received: Counter[str], names: set[str]) -> Count:
    """Count what became of the messages of these drafts."""
    times = {name: received[drafts[name].message_id] if name in drafts else 0 for name in names}
    # a draft that is sent, or whose follow-up has ended, waits for nobody
    waits = {name for name in names & drafts.keys() if drafts[name].state != "sent" and drafts[name].status == "paused"}
    return Count(
        once=sum(number == 1 for number in times.values()),
        twice=sum(number > 1 for number in times.values()),
        waiting=sum(not number and name in waits for name, number in times.items()),
        lost=sum(not number and name not in waits for name, number in times.items()),
    )


async def measure(console: Console, ground: Ground, *, cuts: int) -> int:
    """Cut so many COMMITs, and print what was sent; returns 1 when anything was sent twice or lost, or not cut."""
    # each has a claim and a record for every step, and of half of those the COMMIT is cut until all cuts are made
    leads = max(1, cuts * 3 // 4)
    async with ours(ground) as side:
        drawn = Cuts(each=max(1, cuts // 4))
        port = make_url(side.url).port or 0
        ids = await side.put_in([datetime.now(UTC)] * leads, _STEPS)
        names = {f"{one.removeprefix('follow-up:')}/{step}/email" for one in ids for step in range(1, _STEPS + 1)}
        async with Relay(port, drawn) as relay:
            settings = side.environment | {"FOLLOWUP_DATABASE_URL": side.url.replace(f":{port}/", f":{relay.port}/")}
            async with process("worker.py", **settings):
                seconds = await _until_ended(side)
        async with side.engine.connect() as connection:
            drafts = {row.id: row for row in await connection.execute(text(_DRAFTS))}
        received = Counter(name for _, name in side.sink.accepted())
    return _tell(console, drawn, (drafts, received, names), seconds)


def _tell(console: Console, drawn: Cuts, seen: tuple[Mapping[str, Any], Counter[str], set[str]], seconds: float) -> int:
    drafts, received, names = seen
    rows, every = [], [Cut(kind, when) for kind in Kind for when in When]
    for cut in every:
        done = drawn.done[cut]
        rows.append([cut.kind, cut.when, len(done), len(set(done)), *count(drafts, received, set(done))])
    whole, cuts = count(drafts, received, names), sum(map(len, drawn.done.values()))
    rows.append(["either", "or not", cuts, len(names), *whole])
    head = ("COMMIT of", "cut", "cuts", "messages", "sent once", "sent twice", "wait for a person", "lost")
    notes = (
        f"{seconds:.0f} s, counted at the SMTP server, {load()}",
        "what is cut is tried again, and may be cut again; a message may be in several lines",
    )
    show(console, "COMMITs whose connection is cut", head, [[str(figure) for figure in row] for row in rows], *notes)
    all_cut = cuts == drawn.each * len(every)
    return 0 if all_cut and not whole.twice and not whole.lost else 1


async def _until_ended(side: Ours) -> float:
    begun = time.monotonic()
    going = text("SELECT count(*) FROM instances WHERE status IN ('active', 'held')")
    while time.monotonic() - begun < _PATIENCE:
        async with side.engine.connect() as connection:
            if not (await connection.execute(going)).scalar_one():
                break
        await asyncio.sleep(0.5)
    return time.monotonic() - begun
