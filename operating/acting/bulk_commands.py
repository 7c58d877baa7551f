"""What a command for many follow-ups asks before it begins, shows meanwhile, and says in the end."""

import asyncio
import json
import signal
from typing import Annotated, NamedTuple

import typer

from domain.command import Command, Decision, Pause, Resume
from operating.acting.bulk import Bulk, BulkTally, Counted, count
from operating.progress import progress_bar
from operating.reach import Reach, Reached
from operating.terminal import can_ask
from store.selection import Selection

Sequence = Annotated[str | None, typer.Option(metavar="NAME", help="All of this sequence that it can apply to.")]
Lead = Annotated[str | None, typer.Option(metavar="LEAD_ID", help="All of this lead; with --sequence: of both.")]
All = Annotated[bool, typer.Option("--all", help="All of the workspace that it can apply to.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask whether so many are meant.")]


class Many(NamedTuple):
    """Which follow-ups are meant, where it is not one; `yes`: whoever says so need not be asked."""

    sequence: str | None
    lead: str | None
    everything: bool
    yes: bool

    @property
    def chosen(self) -> bool:
        """Whether many are meant at all."""
        return self.everything or self.sequence is not None or self.lead is not None


def tell_many(reached: Reach, many: Many, command: Command, note: str, *, as_json: bool) -> None:
    """Count, ask, tell, and say what became of it; ends with exit code 0 when all was done."""
    counted: Counted = reached.run(lambda at: count(at.engine, _choice(at, many), command))
    _say_left_out(counted, reached.program())
    tally = BulkTally()
    if counted.meant:
        _confirm(f"This {_verb(command)} {_amount(counted)}{_of(many)}.{_uncertain(counted, command)}", many)
        try:
            reached.run(lambda at: _tell(at, _choice(at, many), command, note, counted, tally))
        except SystemExit:
            tally.ended_early = tally.ended_early or "it was interrupted"
            _say(counted, tally, as_json=as_json)  # what went wrong was said; what was done before is not lost with it
            raise
    _say(counted, tally, as_json=as_json)
    raise typer.Exit(0 if tally.all_done else 1)


async def _tell(
    at: Reached, choice: Selection, command: Command, note: str, counted: Counted, tally: BulkTally
) -> None:
    client = await at.connect()
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()

    def stop() -> None:
        stopping.set()
        loop.remove_signal_handler(signal.SIGINT)  # whoever says it twice doesn't wait for answers either

    loop.add_signal_handler(signal.SIGINT, stop)
    with progress_bar() as progress:
        bar = progress.add_task("telling", total=counted.meant)
        bulk = Bulk(at.engine, client, command, note, tally, lambda: progress.advance(bar))
        if counted.last is not None:
            await bulk.tell(choice, counted.last, stopping)
    loop.remove_signal_handler(signal.SIGINT)


def _choice(at: Reached, many: Many) -> Selection:
    return Selection(at.workspace, many.sequence, many.lead)


def _confirm(sentence: str, many: Many) -> None:
    if many.yes:
        return
    if not can_ask():
        typer.echo(f"{sentence} Not a terminal: pass --yes to confirm. Nothing was changed.", err=True)
        raise typer.Exit(1)
    if not typer.confirm(f"{sentence} Go on?", err=True):
        typer.echo("nothing was changed", err=True)
        raise typer.Exit(1)


def _verb(command: Command) -> str:
    if isinstance(command, Resume):
        return "resumes" if command.decision is Decision.RESUME else f"resumes, as {command.decision},"
    return "pauses" if isinstance(command, Pause) else "stops"


def _amount(counted: Counted) -> str:
    return "1 follow-up" if counted.meant == 1 else f"{counted.meant} follow-ups"


def _of(many: Many) -> str:
    sequence = f" of sequence {many.sequence}" if many.sequence is not None else ""
    return sequence + (f" of lead {many.lead}" if many.lead is not None else "")


def _uncertain(counted: Counted, command: Command) -> str:
    if not counted.uncertain or isinstance(command, Resume):
        return ""
    return f" The outcome of a send is unknown for {counted.uncertain} of them: each counts as skipped from then on."


def _say_left_out(counted: Counted, program: str) -> None:
    if counted.left_out:
        wait = "waits for a decision of its" if counted.left_out == 1 else "wait for a decision of their"
        typer.echo(f"{counted.left_out} {wait} own: {program} list --status paused", err=True)


def _say(counted: Counted, tally: BulkTally, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_facts(counted, tally), indent=2))
        return
    if not counted.meant:
        typer.echo("there is none that this applies to", err=True)
        return
    typer.echo(f"done: {tally.done}")
    for sentence, refused in tally.refused.most_common():
        typer.echo(f"refused: {refused}: {sentence}", err=True)
    if tally.unanswered:
        typer.echo(f"unanswered: {tally.unanswered}: they may still obey; saying the same again is safe", err=True)
    if tally.ended_early:
        typer.echo(f"ended early: {tally.ended_early}; say the same again to do the rest", err=True)


def _facts(counted: Counted, tally: BulkTally) -> dict[str, object]:
    return {
        "meant": counted.meant,
        "left_out": counted.left_out,
        "done": tally.done,
        "refused": [{"answer": sentence, "count": refused} for sentence, refused in tally.refused.most_common()],
        "unanswered": tally.unanswered,
        "ended_early": tally.ended_early or None,
    }
