"""The door for app events, without a process: what a program that has an event in its hands calls.

    door = EventDoor(engine, client, workspace="default", task_queue="follow-up", sequences=Path("sequences"))
    answer = await door.deliver(read_event('{"id": "evt-1", "type": "lead.replied", "timestamp": …, "data": {…}}'))

An event has two halves. Its facts (a lead, an instance, a stop) are stored in one transaction, together with its id.
Then its workflows are started or signalled. Both may be repeated: whatever went wrong, deliver the event again.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import RPCError

from domain.event import Event, EventError, LeadEnrolled
from domain.instance import Reason
from domain.sequence import Sequence
from intake.files.file_error import FileError
from intake.files.sequence_folder import SequenceFolder
from intake.starting import Starter
from intake.turns import NoTurnError, Turns
from mail.links import stand_in_url
from store.engine import is_down
from store.instances import find_instances
from transactions.event import EventAnswer, EventResult, confirm_told, take_event

__all__ = ["EventAnswer", "EventDoor", "EventError", "EventResult", "NotTakenError"]
_log = logging.getLogger(__name__)


class NotTakenError(Exception):
    """An event could not be taken as things stand now: deliver it again. The message is for people."""


class EventDoor:
    """Takes the app events of one workspace. `sequences` is the folder whose sequences an app may name.

    `public_url` is what the links of messages begin with, where they have one.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        client: Client,
        *,
        workspace: str,
        task_queue: str,
        sequences: Path,
        public_url: str | None = None,
    ) -> None:
        self._engine = engine
        self.starter = Starter(engine, client, workspace=workspace, task_queue=task_queue)
        self._workspace = workspace
        self._sequences = SequenceFolder(sequences, has_links=public_url is not None)
        self._link = stand_in_url(public_url)
        self._turns = Turns()

    async def deliver(self, event: Event) -> EventAnswer:
        """Take an event: when this returns, its facts are stored and its workflows know.

        An event of the same id changes nothing and is answered the same. Raises EventError for an event that can't be
        taken as it is, NotTakenError for one to be delivered again, PostgreSQL or Temporal being down.
        """
        try:
            async with self.turn_of(event.data.lead_id):
                answer, told = await self._store(event)
            if answer.tells and not told:
                await self._tell(answer)
                await confirm_told(self._engine, self._workspace, event.id)
        except SQLAlchemyError as error:
            if not is_down(error):
                raise
            problem = "PostgreSQL can't be reached, or did not answer in time: deliver the event again"
            raise NotTakenError(problem) from error
        return answer

    @asynccontextmanager
    async def turn_of(self, lead_id: str) -> AsyncIterator[None]:
        """Wait until few enough transactions of this lead are under way. Raises NotTakenError when that takes long."""
        try:
            async with self._turns.turn(lead_id):
                yield
        except NoTurnError:
            raise NotTakenError("other events of this lead are still under way: deliver the event again") from None

    async def _store(self, event: Event) -> tuple[EventAnswer, bool]:
        async with self._engine.begin() as connection:
            return await take_event(connection, self._workspace, event, self._sequence, self._link)

    async def _sequence(self, event: LeadEnrolled) -> Sequence:
        name = event.data.sequence
        try:
            sequence = await self._sequences.find(name)
        except FileError as error:
            _log.error("sequence %s can't be used: %s", name, error)
            raise NotTakenError(
                f"sequence {name} can't be used, the log says why: fix it, then deliver the event again"
            ) from None
        if sequence is None:
            raise EventError(["data.sequence: there is none of this name: check it, or add its file"])
        return sequence

    async def _tell(self, answer: EventAnswer) -> None:
        try:
            await self._start_or_signal(answer, f"event:{answer.event_id}")
        except (RPCError, RuntimeError) as error:  # RuntimeError is how a failed connect shows
            raise NotTakenError("Temporal can't be reached: deliver the event again") from error

    async def _start_or_signal(self, answer: EventAnswer, by: str) -> None:
        await self.starter.stop_each({one.instance_id: one.reason for one in answer.ended}, by)
        await self.starter.paused(answer.paused, Reason.RECIPIENT_IN_USE, by)
        await self.starter.look(answer.held, by)
        match answer.done:
            case EventResult.ENROLLED | EventResult.ALREADY_ENROLLED | EventResult.STOPPED_AT_ONCE:
                async with self._engine.connect() as connection:
                    enrolled = await find_instances(connection, answer.instances)
                await self.starter.start(enrolled, by)
            case EventResult.STOPPED:
                await self.starter.stop(answer.instances, Reason(answer.type.removeprefix("lead.")), by)
            case EventResult.RESUMED:
                await self.starter.resume(answer.instances, by)
