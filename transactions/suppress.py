"""Putting addresses and domains on the suppression list, and taking them off: a batch a transaction, safe to repeat."""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store.suppressions import covering, find_suppressions, lift, suppress

# One statement's worth: its cost is spread, and the bar moves.
_BATCH = 1000


class Change(Enum):
    """What is done to entries."""

    ADD = "add"
    REMOVE = "remove"


class SuppressionWords(NamedTuple):
    """Who changes the list, and why."""

    by: str
    why: str


class Changed(NamedTuple):
    """How many entries changed, and how many were so already; `covered`: addresses and what suppresses them still."""

    changed: int = 0
    same: int = 0
    covered: tuple[tuple[str, str], ...] = ()


async def change_entries(
    engine: AsyncEngine,
    workspace: str,
    change: Change,
    entries: Sequence[str],
    said: SuppressionWords,
    done: Callable[[int], Any],
) -> Changed:
    """Change entries, each once; `done` is told how many after each batch. Doing it again changes nothing."""
    entries, total = sorted(set(entries)), Changed()
    for first in range(0, len(entries), _BATCH):
        batch = entries[first : first + _BATCH]
        async with engine.begin() as connection:
            changed = await (suppress if change is Change.ADD else lift)(connection, workspace, batch, *said)
            covered = await _covered(connection, workspace, batch) if change is Change.REMOVE else ()
        total = Changed(
            total.changed + len(changed), total.same + len(batch) - len(changed), (*total.covered, *covered)
        )
        done(len(batch))
    return total


async def _covered(connection: AsyncConnection, workspace: str, batch: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Find what suppresses these addresses still."""
    addresses = {one: covering(workspace, one) for one in batch if not one.startswith(("@", "sha256:"))}
    wanted = {entry for entries in addresses.values() for entry in entries}
    in_force = {one.address for one in await find_suppressions(connection, workspace, wanted)}
    return tuple((address, entry) for address, entries in addresses.items() for entry in entries if entry in in_force)
