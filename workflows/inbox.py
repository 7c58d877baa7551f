"""What may be said to a running follow-up: every signal and update puts a command into the inbox, nothing else."""

from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain import command
    from domain.command import Approve, Command, Done, Look, Pause, Reject, Resume, Stop, read_command
    from workflows.progress import Progress

# Earlier than any: what is said of no uncertain send releases none.
NO_PAUSE = datetime.min.replace(tzinfo=UTC)


@dataclass
class PendingCommand:
    """A command waiting for its turn, and the answer it got."""

    command: Command
    heard: tuple[int, bool]  # the length of the history then, and whether an update told it
    not_sent_from: datetime = NO_PAUSE  # of the pause in which it was heard
    answer: str | None = None
    refused: bool = False


def _read(kind: Any, arguments: tuple[Any, ...]) -> Command:
    # a handler that takes one argument at most would fail the workflow's task, for ever, when two are sent
    if len(arguments) > 1:
        raise ValueError(f"it takes one argument at most and got {len(arguments)}; nothing was changed")
    command: Command = read_command(kind, arguments[0] if arguments else None)
    return command


def was_reset() -> bool:
    """Say whether this run repeats another: what was said to that one comes together with the answers it was about.

    An update that is refused at the door then is lost, and nobody is told; in its turn it is judged by what is so.
    """
    return workflow.info().run_id != workflow.info().first_execution_run_id


class Inbox:
    """The handlers of a follow-up. Signals come from people's fingers: what is not understood is shown, not obeyed."""

    def __init__(self, at: Progress) -> None:
        self._at = at
        self.inbox: list[PendingCommand] = []
        self.misunderstood = ""

    def objection(self, command: Command) -> str | None:
        """Say why a command is impossible now; None when it may be tried."""
        raise NotImplementedError

    def is_ahead(self, command: Command) -> bool:
        """Say whether something was said of a later step: the store is there, and the workflow has not heard of it."""
        return isinstance(command, Resume | Reject | Done) and self._at.step < (command.step or 0)

    def show(self) -> None:
        """Show people what has changed."""
        raise NotImplementedError

    def answer(self, asked: PendingCommand, sentence: str, *, refused: bool = False) -> None:
        """Answer a command, to whoever waits for it and to whoever looks."""
        asked.answer, asked.refused = sentence, refused
        self.misunderstood = f"{type(asked.command).__name__.lower()}: {sentence}" if refused else ""
        self.show()

    def put(self, command: Command, *, by_update: bool) -> PendingCommand:
        """Lay a command behind those before it; of what comes with one workflow task, signals come before updates.

        A run that was reset is told both in the order in which they were said, but its replay is told signals first.
        """
        heard = workflow.info().get_current_history_length(), by_update
        asked = PendingCommand(command, heard, self._at.not_sent_from or NO_PAUSE)
        self.inbox.append(asked)
        self.inbox.sort(key=attrgetter("heard"))
        return asked

    def _take(self, kind: Any, arguments: tuple[Any, ...]) -> None:
        try:
            self.put(_read(kind, arguments), by_update=False)
        except ValueError as error:
            self.misunderstood = f"{kind.__name__.lower()}: {error}"
            self.show()

    async def _ask(self, kind: Any, arguments: tuple[Any, ...]) -> str:
        asked = self.put(_read(kind, arguments), by_update=True)
        await workflow.wait_condition(lambda: asked.answer is not None)
        if asked.refused:
            raise ApplicationError(asked.answer or "", type="DecisionRefused", non_retryable=True)
        return asked.answer or ""

    def _check(self, kind: Any, arguments: tuple[Any, ...]) -> None:
        said = _read(kind, arguments)
        objection = self.objection(said)
        if objection is not None and not was_reset() and not self.is_ahead(said):
            raise ValueError(objection)

    @workflow.signal(name=command.PAUSE, description=command.PAUSE_HELP)
    def pause(self, *arguments: Any) -> None:
        self._take(Pause, arguments)

    @workflow.signal(name=command.RESUME, description=command.RESUME_HELP)
    def resume(self, *arguments: Any) -> None:
        self._take(Resume, arguments)

    @workflow.signal(name=command.STOP, description=command.STOP_HELP)
    def stop(self, *arguments: Any) -> None:
        self._take(Stop, arguments)

    @workflow.signal(name=command.LOOK, description=command.LOOK_HELP)
    def look(self, *arguments: Any) -> None:
        self._take(Look, arguments)

    @workflow.signal(name=command.APPROVE, description=command.APPROVE_HELP)
    def approve(self, *arguments: Any) -> None:
        self._take(Approve, arguments)

    @workflow.signal(name=command.REJECT, description=command.REJECT_HELP)
    def reject(self, *arguments: Any) -> None:
        self._take(Reject, arguments)

    @workflow.signal(name=command.DONE, description=command.DONE_HELP)
    def done(self, *arguments: Any) -> None:
        self._take(Done, arguments)

    @workflow.update(name=command.PAUSE, description=command.PAUSE_HELP)
    async def ask_to_pause(self, *arguments: Any) -> str:
        return await self._ask(Pause, arguments)

    @workflow.update(name=command.RESUME, description=command.RESUME_HELP)
    async def ask_to_resume(self, *arguments: Any) -> str:
        return await self._ask(Resume, arguments)

    @workflow.update(name=command.STOP, description=command.STOP_HELP)
    async def ask_to_stop(self, *arguments: Any) -> str:
        return await self._ask(Stop, arguments)

    @workflow.update(name=command.APPROVE, description=command.APPROVE_HELP)
    async def ask_to_approve(self, *arguments: Any) -> str:
        return await self._ask(Approve, arguments)

    @workflow.update(name=command.REJECT, description=command.REJECT_HELP)
    async def ask_to_reject(self, *arguments: Any) -> str:
        return await self._ask(Reject, arguments)

    @workflow.update(name=command.DONE, description=command.DONE_HELP)
    async def ask_whether_done(self, *arguments: Any) -> str:
        return await self._ask(Done, arguments)

    @ask_to_pause.validator
    def check_pause(self, *arguments: Any) -> None:
        self._check(Pause, arguments)

    @ask_to_resume.validator
    def check_resume(self, *arguments: Any) -> None:
        self._check(Resume, arguments)

    @ask_to_stop.validator
    def check_stop(self, *arguments: Any) -> None:
        self._check(Stop, arguments)

    @ask_to_approve.validator
    def check_approve(self, *arguments: Any) -> None:
        self._check(Approve, arguments)

    @ask_to_reject.validator
    def check_reject(self, *arguments: Any) -> None:
        self._check(Reject, arguments)

    @ask_whether_done.validator
    def check_done(self, *arguments: Any) -> None:
        self._check(Done, arguments)
