"""How a command of this package reaches the world: `cli` alone reads settings and opens things, and hands them in.

A command takes `context: typer.Context`, asks `reach(context)` for it, and is registered by `app.add_typer` in `cli`.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import typer
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client


class Reached(NamedTuple):
    """What a command works with while its database is open. `connect` reaches Temporal, for those that need it."""

    engine: AsyncEngine
    workspace: str
    task_queue: str
    connect: Callable[[], Awaitable[Client]]


class Reach(NamedTuple):
    """What the process of a command offers.

    `run` does a command's work with the database open; what is expected to fail ends the process with lines on stderr
    and exit code 1. `look` does it if the database can be reached, else returns None, and says nothing. `program` is
    how this command was called, so that what is shown can be pasted. `sender` and `public_url` are the settings, None
    where they are not set.
    """

    run: Callable[[Callable[[Reached], Awaitable[Any]]], Any]
    login_name: Callable[[], str]
    program: Callable[[], str]
    look: Callable[[Callable[[Reached], Awaitable[Any]]], Any]
    sender: Callable[[], str | None]
    sequences: Callable[[], Path]  # the folder whose sequences are known by name
    public_url: Callable[[], str | None]


def reach(context: typer.Context) -> Reach:
    """Return what the process offers its commands."""
    found = context.find_object(Reach)
    if found is None:
        raise RuntimeError("this command was not called through the followup command")
    return found
