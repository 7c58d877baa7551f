"""Telling many follow-ups the same, each by itself: each keeps the operator's words and gives its own answer.

Temporal's batch operations would tell all of them in one call. But they signal: nobody would learn which follow-ups
refused, and why, and no ledger would keep who said it. So it is many updates, some of them at a time.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import RPCError

from domain.command import Command, Decision, Pause, Resume
from domain.instance import InstanceStatus, Reason
from operating.acting.act import CommandAnswer, act
from store.listing import Listed
from store.selection import END, START, Place, Selection, place_of, read_running
from workflows.page import DECISIONS, USUAL_DECISIONS

# Temporal and a worker are kept busy by a few dozen updates; more only wait, and then some go unanswered.
AT_ONCE = 32
# So many unanswered ones in a row mean that no worker runs; asking all others too would take hours.
SILENCE = 2 * AT_ONCE
_PAGE = 500
# Sentences differ by steps and instants, and memory must not grow with them.
_MOST_SENTENCES = 50


class Counted(NamedTuple):
    """How many are meant. `left_out` are paused for a reason that this decision is not meant for."""

    meant: int
    left_out: int
    uncertain: int  # of those that are meant: the outcome of a send is unknown
    last: Place | None  # whoever was enrolled later is not meant


@dataclass
class BulkTally:
    """What became of many commands. `refused` counts by sentence; `ended_early` says why not all were told."""

    done: int = 0
    unanswered: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    ended_early: str = ""
    silent: int = 0  # unanswered ones in a row

    @property
    def all_done(self) -> bool:
        """Whether every follow-up that was meant has done as it was told."""
        return not (self.unanswered or self.refused or self.ended_early)

    def add(self, answer: CommandAnswer) -> None:
        """Count an answer."""
        self.silent = 0 if answer.answered else self.silent + 1
        if answer.done:
            self.done += 1
        elif not answer.answered:
            self.unanswered += 1
        else:
            known = answer.answer in self.refused or len(self.refused) < _MOST_SENTENCES
            self.refused[answer.answer if known else "for other reasons"] += 1


def applies(command: Command, one: Listed) -> bool:
    """Say whether a command is meant for an instance as it stands.

    A resume is meant for a pause whose page offers that decision; so a plain one never settles an unknown send.
    """
    match command:
        case Pause():
            return one.status != InstanceStatus.PAUSED
        case Resume():
            choices = DECISIONS.get(Reason(one.reason), USUAL_DECISIONS)
            return one.status == InstanceStatus.PAUSED and command.decision in choices
        case _:
            return True


async def count(engine: AsyncEngine, choice: Selection, command: Command) -> Counted:
    """Count the chosen instances that a command is meant for."""
    counted = Counted(0, 0, 0, None)
    async for one in _read(engine, choice, END):
        meant, paused = applies(command, one), one.status == InstanceStatus.PAUSED
        counted = Counted(
            meant=counted.meant + meant,
            left_out=counted.left_out + (isinstance(command, Resume) and paused and not meant),
            uncertain=counted.uncertain + (meant and paused and one.reason == Reason.SEND_OUTCOME_UNKNOWN),
            last=place_of(one),
        )
    return counted


async def _read(engine: AsyncEngine, choice: Selection, last: Place) -> AsyncIterator[Listed]:
    after = START
    while True:
        async with engine.connect() as connection:
            page = await read_running(connection, choice, after, last, _PAGE)
        if not page:
            return
        for one in page:
            yield one
        after = place_of(page[-1])


class Bulk:
    """A command for many, with the words it is said with. `told` is called after each that was told."""

    def __init__(
        self,
        engine: AsyncEngine,
        client: Client,
        command: Command,
        note: str,
        tally: BulkTally,
        told: Callable[[], Any],
    ) -> None:
        self._engine = engine
        self._client = client
        self._command = command
        self._note = note
        self._tally = tally
        self._told = told
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._failure: Exception | None = None

    async def tell(self, choice: Selection, last: Place, stopping: asyncio.Event) -> None:
        """Tell all that were counted, up to the last of them; what became of each is in the tally.

        When `stopping` is set no other is told, and those that were are waited for. Doing it again does the rest.
        Raises what the store and Temporal raise when they are down, having waited for those that were told.
        """
        async with asyncio.TaskGroup() as group:
            async for one in _read(self._engine, choice, last):
                if not applies(self._command, one):
                    continue
                await self._turns.acquire()
                if self._is_over(stopping):
                    break
                group.create_task(self._tell(one))
        if self._failure:
            self._tally.ended_early = "something it needs is down"
            raise self._failure

    def _is_over(self, stopping: asyncio.Event) -> bool:
        if stopping.is_set():
            self._tally.ended_early = "interrupted"
        elif self._tally.silent >= SILENCE:
            self._tally.ended_early = "nobody answers: is a worker running?"
        return bool(self._tally.ended_early or self._failure)

    async def _tell(self, one: Listed) -> None:
        try:
            self._tally.add(await act(self._engine, self._client, one, self._said_of(one), self._note))
            self._told()
        except (RPCError, SQLAlchemyError) as error:
            self._failure = error
        finally:
            self._turns.release()

    def _said_of(self, one: Listed) -> Command:
        if isinstance(self._command, Resume) and self._command.decision is Decision.RESUME:
            # by the time it is heard the follow-up may wait for something else, an unknown send even
            return self._command.model_copy(update={"paused_for": Reason(one.reason)})
        return self._command
