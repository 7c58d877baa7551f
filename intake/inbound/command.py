"""`starter.py inbound`: mail that comes in, from a file, or from a mailbox that is looked at now or again and again."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from domain.duration import read_duration
from intake.events import NotTakenError
from intake.files.file_error import FileError
from intake.inbound.dry_run import dry_run
from intake.inbound.files import read_beginning
from intake.inbound.mail import InboundError
from intake.inbound.mailbox import ImapError, Mailbox, read_imap_url
from intake.inbound.polling import Found, NotRead, PolledFolder, look_among_sent
from intake.inbound.taking import InboundAnswer, InboundDoor

_Taken = InboundAnswer | NotRead | Found
_Poll = Callable[[Callable[[], bool]], AsyncIterator[_Taken]]


class InboundReach(NamedTuple):
    """What the process offers: `run` does this command's work with everything open, and says what goes wrong."""

    run: Callable[[Callable[[InboundDoor], Awaitable[Any]]], Any]


def _duration(written: str | None) -> str | None:
    try:
        duration = read_duration(written or "1s")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if not duration:
        raise typer.BadParameter("0s would leave nobody a rest: give 1s or more")
    return written


_Files = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="FILE...", allow_dash=True, help="A message as it came (RFC 5322), however large; `-` is stdin."
    ),
]
_Imap = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Take each message of a folder: imaps://user:password@host/INBOX; `-` reads the URL from stdin.",
    ),
]
_Sent = Annotated[bool, typer.Option("--sent", help="With --imap: look there for copies of what may have been sent.")]
_Every = Annotated[
    str | None,
    typer.Option(
        metavar="DURATION", callback=_duration, help="With --imap: look again so often, until SIGTERM or Ctrl-C."
    ),
]
_Dry = Annotated[
    bool,
    typer.Option("--dry-run", help="Print what each FILE would be taken for. It needs no settings and no database."),
]
_Json = Annotated[bool, typer.Option("--json", help="Print a JSON object a message instead of a sentence.")]


def inbound(
    context: typer.Context,
    files: _Files = None,
    imap: _Imap = None,
    sent: _Sent = False,
    every: _Every = None,
    dry: _Dry = False,
    as_json: _Json = False,
) -> None:
    """Take mail that came in: a reply stops, an address that failed is suppressed, an automatic reply holds.

    It may be given any number of times. A message that names none of ours changes nothing. The exit code is 1 when one
    could not be read, or is no message; with --dry-run only when one could not be read.

    Example: `python starter.py inbound --imap - --every 60s < mailbox.url`
    """
    if bool(files) == (imap is not None) or (imap is None and (sent or every)) or (dry and not files):
        raise typer.BadParameter("give FILE or --imap; --dry-run with FILE alone, --sent and --every with --imap alone")
    if dry:
        raise typer.Exit(asyncio.run(_dry_run(files or [], as_json=as_json)))
    reach = context.find_object(InboundReach)
    if reach is None:
        raise RuntimeError("this command was not called through the starter")
    say = _Said(as_json=as_json)

    async def work(door: InboundDoor) -> None:
        if imap is None:
            for file in files or []:
                say(await _take(door, file))
            return
        mailbox = read_imap_url(sys.stdin.readline().strip() if imap == "-" else imap)
        await _watch(_poll_of(door, mailbox, sent=sent), read_duration(every) if every else None, say)

    reach.run(work)
    raise typer.Exit(1 if say.refused else 0)


async def _dry_run(files: list[Path], *, as_json: bool) -> int:
    code = 0
    async for one in dry_run(files):
        if isinstance(one, FileError):
            code = 1
            typer.echo(f"starter: {one}", err=True)
        else:
            typer.echo(json.dumps(one.facts) if as_json else one.sentence)
    return code


async def _take(door: InboundDoor, file: Path) -> InboundAnswer | NotRead:
    try:
        return await door.take(read_beginning(file))
    except FileError as error:
        return NotRead("", str(error))
    except InboundError as error:
        return NotRead(str(file), str(error))


class _Said:
    """Says what became of each message."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self.refused = False

    def __call__(self, one: _Taken) -> None:
        if isinstance(one, NotRead):
            self.refused = True
            self.complain(one.sentence)
        elif not self._as_json:
            typer.echo(one.sentence)
        else:
            typer.echo(one.model_dump_json() if isinstance(one, InboundAnswer) else json.dumps(one._asdict()))

    def complain(self, sentence: str) -> None:
        typer.echo(f"starter: {sentence}", err=True)


def _ending() -> asyncio.Event:
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    return ending


def _poll_of(door: InboundDoor, mailbox: Mailbox, *, sent: bool) -> _Poll:
    if sent:
        return lambda ended: look_among_sent(mailbox, door.recorder, ended)
    return PolledFolder(mailbox, door).poll


async def _watch(poll: _Poll, every: timedelta | None, say: _Said) -> None:
    """Poll once; or again and again until told to end, whatever is down meanwhile."""
    ending = _ending()
    while True:
        try:
            async for one in poll(ending.is_set):
                say(one)
        except (ImapError, NotTakenError) as error:
            if every is None:
                raise
            say.complain(f"{error}; looked at again in {every.total_seconds():.0f} s")
        if every is None:
            return
        try:
            await asyncio.wait_for(ending.wait(), every.total_seconds())
        except TimeoutError:
            continue
        return
