"""`followup sequence upgrade`: says what would happen, asks, and moves running follow-ups to another version."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import typer

from domain.sequence import Sequence
from intake.starting import Starter
from mail.links import stand_in_url
from operating.looking.finding import NotFoundError
from operating.options import AsJson, By, Note
from operating.progress import progress_bar
from operating.reach import Reached, reach
from operating.sequences.canonical import changes
from operating.sequences.naming import find_stored, is_file, read_file
from operating.sequences.page import show
from operating.terminal import can_ask
from store.selection import Place
from store.sequences import Movement
from transactions.upgrade import Outlook, Upgrade

app = typer.Typer()


class _Looked(NamedTuple):
    """What would happen, by version, and to which follow-ups: those up to `last`."""

    movement: Movement
    to: Sequence
    versions: dict[str, Sequence]
    outlooks: dict[str, Outlook]
    last: Place | None

    @property
    def moves(self) -> int:
        """How many would move."""
        return sum(one.moves.total() for one in self.outlooks.values())

    @property
    def stays(self) -> Counter[str]:
        """How many would stay, by reason."""
        return sum((one.stays for one in self.outlooks.values()), Counter[str]())


class _Doing(NamedTuple):
    """Who moves follow-ups, why, and what stands for the link of each message."""

    by: str
    note: str
    link: str | None


@app.command()
def upgrade(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the sequence.")],
    to: Annotated[str, typer.Option(metavar="VERSION_OR_FILE", help="A stored version, its beginning, or a file.")],
    from_: Annotated[
        str | None, typer.Option("--from", metavar="VERSION", help="Only those on this version.", show_default="any")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    note: Note = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Let running follow-ups of a sequence go on with another version, where that changes nothing behind them.

    One moves if the steps behind it, and one that has its message already, are the same in both, and its lead's data
    fill what is left; else it stays with its version. The instant its current step falls due stays. What would happen
    is printed first.

    Example: `followup sequence upgrade no-reply --to sequences/no-reply.yaml`
    """
    reached = reach(context)
    who, link = by or reached.login_name(), stand_in_url(reached.public_url())

    async def look(at: Reached) -> _Looked:
        target = read_file(to, reached.sequences()) if is_file(to, reached.sequences()) else None
        return await _look(at, name, target or to, from_, link)

    looked: _Looked = reached.run(look)
    if not as_json:
        show(_lines(looked))
    done = Outlook()
    if looked.moves and _is_confirmed(looked, yes=yes):
        try:
            reached.run(lambda at: _move(at, looked, done, _Doing(who, note, link)))
        except SystemExit:
            _say(looked, done, as_json=as_json)  # what went wrong was said; what was done before is not lost with it
            raise
    _say(looked, done, as_json=as_json)
    raise typer.Exit(1 if looked.moves and (not done.moves or _surprises(looked, done)) else 0)


async def _look(at: Reached, name: str, to: Sequence | str, from_: str | None, link: str | None) -> _Looked:
    async with at.engine.connect() as connection:

        async def stored(version: str) -> Sequence:
            return await find_stored(connection, at.workspace, f"{name}@{version.removeprefix(f'{name}@')}")

        target = to if isinstance(to, Sequence) else await stored(to)
        source = await stored(from_) if from_ is not None else None
    if target.name != name:
        raise NotFoundError(f"that file is of sequence {target.name}, and {name} is meant: give a file of {name}")
    movement = Movement(at.workspace, name, target.version, source.version if source else None)
    upgrade = Upgrade(at.engine, movement, target, by="", link=link)
    with progress_bar() as progress:
        bar = progress.add_task("looking", total=None)
        outlooks = await upgrade.look(lambda looked_at: progress.advance(bar, looked_at))
    return _Looked(movement, target, upgrade.versions, outlooks, upgrade.last)


async def _move(at: Reached, looked: _Looked, done: Outlook, doing: _Doing) -> None:
    upgrade = Upgrade(at.engine, looked.movement, looked.to, by=doing.by, note=doing.note, link=doing.link)
    with progress_bar() as progress:
        bar = progress.add_task("moving", total=looked.moves + looked.stays.total())
        if looked.last is not None:
            await upgrade.move(looked.last, done, lambda moved: progress.advance(bar, moved))
    if upgrade.held:  # a window may have opened
        starter = Starter(at.engine, await at.connect(), workspace=at.workspace, task_queue=at.task_queue)
        await starter.look(upgrade.held, doing.by)


def _is_confirmed(looked: _Looked, *, yes: bool) -> bool:
    if yes:
        return True
    sentence = f"This moves {_amount(looked.moves)} to version {looked.to.version}."
    if not can_ask():
        typer.echo(f"{sentence} Not a terminal: pass --yes to confirm. Nothing was changed.", err=True)
        return False
    if not typer.confirm(f"{sentence} Go on?", err=True):
        typer.echo("nothing was changed", err=True)
        return False
    return True


def _lines(looked: _Looked) -> Iterator[str]:
    """What would happen, version by version."""
    yield f"{looked.to.name}: to version {looked.to.version}, {len(looked.to.steps)} steps"
    if not looked.outlooks:
        yield "no running follow-up is on another version"
    for version, outlook in looked.outlooks.items():
        before = looked.versions[version]
        yield f"from version {version}, {len(before.steps)} steps; changed: {'; '.join(changes(before, looked.to))}"
        at = ", ".join(f"{count} at step {step}" for step, count in sorted(outlook.moves.items()))
        yield f"  would move: {outlook.moves.total()}{f' ({at})' if at else ''}"
        yield f"  would stay: {outlook.stays.total()}"
        for reason, count in outlook.stays.most_common():
            yield f"    {count}: {reason} (such as {outlook.examples[reason]})"


def _surprises(looked: _Looked, done: Outlook) -> Counter[str]:
    """What kept follow-ups that would have moved, because it happened meanwhile."""
    return done.stays - looked.stays


def _say(looked: _Looked, done: Outlook, *, as_json: bool) -> None:
    surprises = _surprises(looked, done)
    if as_json:
        typer.echo(json.dumps(_facts(looked, done), indent=2))
        return
    if done.moves or done.stays:
        typer.echo(f"moved: {done.moves.total()}")
    for reason, count in surprises.most_common():
        typer.echo(f"stayed after all: {count}: {reason}", err=True)


def _facts(looked: _Looked, done: Outlook) -> dict[str, Any]:
    return {
        "sequence": looked.to.name,
        "to": looked.to.version,
        "would_move": looked.moves,
        "would_stay": looked.stays.total(),
        "versions": [
            {
                "from": version,
                "changed": changes(looked.versions[version], looked.to),
                "would_move": outlook.moves.total(),
                "stay": [
                    {"count": count, "reason": reason, "example": outlook.examples[reason]}
                    for reason, count in outlook.stays.most_common()
                ],
            }
            for version, outlook in looked.outlooks.items()
        ],
        "moved": done.moves.total(),
        "stayed_after_all": dict(_surprises(looked, done)),
    }


def _amount(count: int) -> str:
    return "1 follow-up" if count == 1 else f"{count} follow-ups"
