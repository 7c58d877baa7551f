"""What may be said to a running follow-up: every signal and update puts a command into the inbox, nothing else."""

from collections import deque
from dataclasses import dataclass
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain import command
    from domain.command import Command, Pause, Resume, Stop, read_command


@dataclass
class Asked:
    """A command waiting for its turn, and the answer it got."""

    command: Command
    answer: str | None = None
    refused: bool = False


class Inbox:
    """The handlers of a follow-up. Signals come from people's fingers: what is not understood is shown, not obeyed."""

    def __init__(self) -> None:
        self.inbox: deque[Asked] = deque()
        self.misunderstood = ""

    def objection(self, command: Command) -> str | None:
        """Say why a command is impossible now; None when it may be tried."""
        raise NotImplementedError

    def show(self) -> None:
        """Show people what has changed."""
        raise NotImplementedError

    def answer(self, asked: Asked, sentence: str, *, refused: bool = False) -> None:
        """Answer a command, to whoever waits for it and to whoever looks."""
        asked.answer, asked.refused = sentence, refused
        self.misunderstood = f"{type(asked.command).__name__.lower()}: {sentence}" if refused else ""
        self.show()

    def _take(self, kind: Any, argument: Any) -> None:
        try:
            self.inbox.append(Asked(read_command(kind, argument)))
        except ValueError as error:
            self.misunderstood = f"{kind.__name__.lower()}: {error}"
            self.show()

    async def _ask(self, kind: Any, argument: Any) -> str:
        asked = Asked(read_command(kind, argument))
        self.inbox.append(asked)
        await workflow.wait_condition(lambda: asked.answer is not None)
        if asked.refused:
            raise ApplicationError(asked.answer or "", type="DecisionRefused", non_retryable=True)
        return asked.answer or ""

    def _check(self, kind: Any, argument: Any) -> None:
        objection = self.objection(read_command(kind, argument))
        if objection is not None:
            raise ValueError(objection)

    @workflow.signal(name=command.PAUSE, description=command.PAUSE_HELP)
    def pause(self, argument: Any = None) -> None:
        self._take(Pause, argument)

    @workflow.signal(name=command.RESUME, description=command.RESUME_HELP)
    def resume(self, argument: Any = None) -> None:
        self._take(Resume, argument)

    @workflow.signal(name=command.STOP, description=command.STOP_HELP)
    def stop(self, argument: Any = None) -> None:
        self._take(Stop, argument)

    @workflow.update(name=command.PAUSE, description=command.PAUSE_HELP)
    async def ask_to_pause(self, argument: Any = None) -> str:
        return await self._ask(Pause, argument)

    @workflow.update(name=command.RESUME, description=command.RESUME_HELP)
    async def ask_to_resume(self, argument: Any = None) -> str:
        return await self._ask(Resume, argument)

    @workflow.update(name=command.STOP, description=command.STOP_HELP)
    async def ask_to_stop(self, argument: Any = None) -> str:
        return await self._ask(Stop, argument)

    @ask_to_pause.validator
    def check_pause(self, argument: Any = None) -> None:
        self._check(Pause, argument)

    @ask_to_resume.validator
    def check_resume(self, argument: Any = None) -> None:
        self._check(Resume, argument)

    @ask_to_stop.validator
    def check_stop(self, argument: Any = None) -> None:
        self._check(Stop, argument)
