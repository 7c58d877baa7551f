"""Which follow-up an operator means: an id, the beginning of one, or the id of its workflow."""

from typing import NamedTuple

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.instance import instance_of_workflow
from operating.reach import Reach, Reached
from operating.terminal import can_ask
from store.listing import Listed, find_by_prefix

_CANDIDATES = 5


class NotFoundError(Exception):
    """No follow-up, or more than one, is meant. The message is for people."""


class _Found(NamedTuple):
    """A follow-up, and whether its whole id was given; else it is the one whose id begins so."""

    instance: Listed
    whole: bool


async def find_instance(engine: AsyncEngine, workspace: str, written: str) -> Listed:
    """Find the one instance of a workspace that is meant; `default:` and such may be left out. Raises NotFoundError.

    The beginning of an id is enough. What changes something asks `find_whole`.
    """
    return (await _find(engine, workspace, written)).instance


async def find_whole(engine: AsyncEngine, workspace: str, written: str) -> Listed:
    """Find the instance of a whole id; `default:` and such may be left out. Raises NotFoundError.

    What is meant may not be there, and its id may begin another's, which must not be changed instead.
    """
    found = await _find(engine, workspace, written)
    if not found.whole:
        raise NotFoundError(
            f"no follow-up has the id {written}, and one begins with it; nothing was changed\n"
            f"if that one is meant, pass the whole id: {found.instance.instance_id}"
        )
    return found.instance


def whole_id(reached: Reach, written: str) -> str:
    """Return the whole id of what a command is to change: on a terminal, where only its beginning is given, it asks.

    Ends the process when the answer is no. Elsewhere what is written is returned, for `find_whole` to judge.
    """
    if not can_ask():
        return written

    async def look(at: Reached) -> _Found:
        return await _find(at.engine, at.workspace, written)

    found: _Found = reached.run(look)
    if not found.whole:
        _confirm(found.instance)
    return found.instance.instance_id


def _confirm(one: Listed) -> None:
    reason = "" if one.reason == "none" else f" ({one.reason})"
    typer.echo(f"{one.instance_id}: {one.status}{reason}, step {one.step} of {one.steps}", err=True)
    if not typer.confirm("Only this follow-up's id begins so. Is it the one you mean?", err=True):
        typer.echo("nothing was changed", err=True)
        raise typer.Exit(1)


async def _find(engine: AsyncEngine, workspace: str, written: str) -> _Found:
    ids = _readings(workspace, instance_of_workflow(written.strip()))
    async with engine.connect() as connection:
        found = [one for wanted in ids for one in await find_by_prefix(connection, wanted, _CANDIDATES + 1)]
    whole = [one for one in found if one.instance_id in ids]
    if len(whole or found) == 1:
        return _Found((whole or found)[0], whole=bool(whole))
    if not found:
        raise NotFoundError(f"no follow-up's id begins with {ids[0]}: see `followup list`")
    found = whole or found
    candidates = [one.instance_id for one in found[:_CANDIDATES]] + ["…"] * (len(found) > _CANDIDATES)
    raise NotFoundError("\n  ".join([f"several follow-ups' ids begin with {ids[0]}; write more of one:", *candidates]))


def _readings(workspace: str, written: str) -> list[str]:
    """Let an id begin with the workspace, so that nothing of another one is ever found.

    Two ids may be meant where a sequence has the name of the workspace.
    """
    begin = f"{workspace}:"
    if begin.startswith(written):
        return [begin]
    return [written, begin + written] if written.startswith(begin) else [begin + written]
