"""`followup reply`: a person's own words, sent through the same gate as every automatic message."""

import asyncio
import json
import shlex
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from domain.draft import DraftState
from domain.duration import read_duration
from domain.instance import FINAL, InstanceStatus
from domain.sequence import LONGEST_BODY
from intake.files.file_error import FileError
from intake.replying import InThreadOf, Reply, ToLead, Words, reply
from operating.looking.finding import find_instance, find_whole, whole_id
from operating.looking.story import Story, read_story
from operating.options import AsJson, By
from operating.reach import Reached, reach

app = typer.Typer()
_BETWEEN_LOOKS = timedelta(milliseconds=250)
_OVER = (*FINAL, InstanceStatus.PAUSED)
# UTF-8 takes up to four bytes for a character.
_MOST_BYTES = 4 * LONGEST_BODY


class _Said(NamedTuple):
    """A reply, and where it stands."""

    reply: Reply
    story: Story

    @property
    def sent(self) -> bool:
        return any(draft.state == DraftState.SENT for draft in self.story.drafts)


def _duration(written: str) -> str:
    try:
        read_duration(written)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return written


@app.command("reply")
def reply_(
    context: typer.Context,
    body_file: Annotated[
        Path, typer.Option(metavar="FILE", allow_dash=True, help="What is said, in UTF-8; `-` is stdin.")
    ],
    instance: Annotated[str | None, typer.Argument(metavar="INSTANCE", help="Reply in the thread of this one.")] = None,
    lead: Annotated[str | None, typer.Option(metavar="LEAD_ID", help="Write to this lead, without INSTANCE.")] = None,
    thread: Annotated[
        str | None, typer.Option(metavar="MESSAGE_ID", help="With --lead: answer this message, such as '<a@b.test>'.")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="The subject.", show_default="the thread's")] = None,
    key: Annotated[
        str | None,
        typer.Option(help="What the same key is given to is the same reply.", show_default="made from the words"),
    ] = None,
    keep_automation: Annotated[
        bool, typer.Option("--keep-automation", help="Let the lead's automatic follow-ups go on.")
    ] = False,
    wait: Annotated[
        str, typer.Option(metavar="DURATION", callback=_duration, help="How long to wait for the outcome.")
    ] = "60s",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Write to a lead yourself: in the thread of a follow-up, or, with --lead, in one of its own.

    It is sent at most once, however often this is said; to say the same words again give another --key. The lead's
    automatic follow-ups end with it. The exit code is 0 only when it was sent.

    Example: `followup reply no-reply:lead-4 --body-file answer.txt`
    """
    if (instance is None) == (lead is None) or (thread is not None and lead is None):
        raise typer.BadParameter("give INSTANCE, or --lead, and --thread with --lead alone")
    reached = reach(context)
    who = by or reached.login_name()
    instance = instance and whole_id(reached, instance)

    async def work(at: Reached) -> _Said:
        words = Words(_read(body_file), subject, key)
        client = await at.connect()  # before anything is written: where it is down, nothing is changed
        to = ToLead(lead, thread) if lead is not None else await _thread_of(at, instance or "")
        place = {"workspace": at.workspace, "task_queue": at.task_queue}
        said = await reply(at.engine, client, to, words, **place, by=who, keep_automation=keep_automation)
        return _Said(said, await _outcome(at, said, read_duration(wait), reached.program()))

    said: _Said = reached.run(work)
    _say(said, reached.program(), as_json=as_json)
    raise typer.Exit(0 if said.sent else 1)


async def _thread_of(at: Reached, written: str) -> InThreadOf:
    return InThreadOf((await find_whole(at.engine, at.workspace, written)).instance_id)


def _read(file: Path) -> str:
    try:
        content = sys.stdin.buffer.read(_MOST_BYTES + 1) if str(file) == "-" else file.read_bytes()
        return content.decode("utf-8-sig")
    except OSError as error:
        raise FileError([f"{file}: can't be read ({error.strerror}); check the name and its permissions"]) from None
    except UnicodeDecodeError:
        raise FileError([f"{file}: is not UTF-8; save the file as UTF-8"]) from None


async def _outcome(at: Reached, said: Reply, patience: timedelta, program: str) -> Story:
    """Wait until it is sent, or waits for what surely takes longer."""
    give_up = datetime.now(UTC) + patience
    while True:
        story = await read_story(at.engine, await find_instance(at.engine, at.workspace, said.instance_id), program)
        now, instance = datetime.now(UTC), story.instance
        held = instance.status == InstanceStatus.HELD and instance.until is not None and instance.until > give_up
        if instance.status in _OVER or held or now >= give_up:
            return story
        await asyncio.sleep(_BETWEEN_LOOKS.total_seconds())


def _say(said: _Said, program: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_facts(said), indent=2))
        return
    result, at = said.reply, said.story.instance
    for stopped in result.stopped:
        typer.echo(f"{stopped}: stopped (answered)")
    if said.sent:
        typer.echo(f"{at.instance_id}: sent")
        return
    typer.echo(f"{at.instance_id}: not sent, it is {at.status} ({at.reason}); it waits for {_waits(said)}", err=True)
    if result.uncertain and result.uncertain != at.instance_id:
        see = f"{program} show {shlex.quote(result.uncertain)}"
        typer.echo(f"the thread has an uncertain send: settle it first, see {see}", err=True)


def _waits(said: _Said) -> str:
    trouble = said.story.trouble
    return f"{said.story.waits_for}: {trouble.why}" if trouble else said.story.waits_for


def _facts(said: _Said) -> dict[str, object]:
    at = said.story.instance
    return {
        "instance_id": at.instance_id,
        "sent": said.sent,
        "status": at.status,
        "reason": at.reason,
        "waits_for": said.story.waits_for,
        "new": said.reply.new,
        "stopped": list(said.reply.stopped),
        "uncertain": said.reply.uncertain,
    }
