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
from intake.file_error import read_whole
from intake.inbound import MOST_BYTES, InboundAnswer, InboundDoor
from intake.inbound_polling import Found, Inbox, NotRead, look_among_sent
from intake.mailbox import ImapError, Mailbox, read_imap_url

_Taken = InboundAnswer | NotRead | Found
_Poll = Callable[[Callable[[], bool]], AsyncIterator[_Taken]]


class Reach(NamedTuple):
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


def inbound(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", allow_dash=True, help="One message as it came (RFC 5322); `-` is stdin."),
    ] = None,
    imap: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Take each message of a folder: imaps://user:password@host/INBOX; `-` reads the URL from stdin.",
        ),
    ] = None,
    sent: Annotated[
        bool, typer.Option("--sent", help="With --imap: look there for copies of what may have been sent.")
    ] = False,
    every: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", callback=_duration, help="With --imap: look again so often, until SIGTERM or Ctrl-C."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object a message instead of a sentence.")
    ] = False,
) -> None:
    """Take mail that came in: a reply stops, a bounce stops and suppresses, an automatic reply holds.

    It may be given any number of times. A message that names none of ours changes nothing. The exit code is 1 when one
    could not be taken.

    Example: `python starter.py inbound --imap - --every 60s < mailbox.url`
    """
    if (file is None) == (imap is None) or (imap is None and (sent or every)):
        raise typer.BadParameter("give FILE or --imap, and --sent and --every with --imap alone")
    reach = context.find_object(Reach)
    if reach is None:
        raise RuntimeError("this command was not called through the starter")
    say = _Said(as_json=as_json)

    async def work(door: InboundDoor) -> None:
        if imap is None:
            say(await door.take(read_whole(file or Path("-"), MOST_BYTES)))
            return
        mailbox = read_imap_url(sys.stdin.readline().strip() if imap == "-" else imap)
        await _watch(_poll_of(door, mailbox, sent=sent), read_duration(every) if every else None, say)

    reach.run(work)
    raise typer.Exit(1 if say.refused else 0)


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
        return lambda ended: look_among_sent(mailbox, door.witness, ended)
    return Inbox(mailbox, door).poll


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
