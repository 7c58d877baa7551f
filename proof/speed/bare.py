"""The baseline: a bare workflow with the same timers, and one activity a step that makes the same SMTP send.

No draft, no claim, no record: what one would write first, and what ours is measured against.
"""

import asyncio
import os
import sys
from datetime import datetime, timedelta

from pydantic import BaseModel
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from providers.provider import Letter
    from providers.smtp.provider import SmtpProvider

_MESSAGE = (
    "From: ada@follow-up.test\r\nTo: {to}\r\nSubject: Following up\r\nMessage-ID: <{id}@bare.test>\r\n\r\nHello\r\n"
)


class Bare(BaseModel):
    """How many steps, when the first is due, and the wait between them."""

    name: str
    steps: int
    wait: timedelta
    due_at: datetime


def bare_message_id(name: str, step: int) -> str:
    """Name the message of a step, the first being 0."""
    return f"<{name}-{step}@bare.test>"


class Sender:
    """The one activity of the baseline."""

    def __init__(self, smtp_url: str) -> None:
        self._provider = SmtpProvider.from_url(smtp_url, send_timeout=timedelta(seconds=600))

    @activity.defn
    async def send_bare(self, name: str) -> str:
        """Send one message."""

        async def yes() -> bool:
            return True

        message = _MESSAGE.format(to="lead@example.test", id=name).encode()
        outcome = await self._provider.send(Letter(name, "ada@follow-up.test", "lead@example.test", message), yes)
        return outcome.code


@workflow.defn
class BareWorkflow:
    """Wait, send, go on."""

    @workflow.run
    async def run(self, bare: Bare) -> str:
        due_at = bare.due_at
        for step in range(bare.steps):
            if due_at > workflow.now():
                await workflow.sleep(due_at - workflow.now())
            await workflow.execute_activity_method(
                Sender.send_bare,
                f"{bare.name}-{step}",
                start_to_close_timeout=timedelta(hours=1),
                heartbeat_timeout=timedelta(seconds=30),
                retry_policy=RetryPolicy(maximum_attempts=1),
            )
            due_at = workflow.now() + bare.wait
        return "done"


async def _main(address: str, task_queue: str, smtp_url: str) -> None:
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    sender = Sender(smtp_url)
    worker = Worker(
        client,
        task_queue=task_queue,
        workflows=[BareWorkflow],
        activities=[sender.send_bare],
        max_concurrent_activities=50,
    )
    await worker.run()


if __name__ == "__main__":
    try:
        asyncio.run(_main(*sys.argv[1:]))
    finally:
        os._exit(0)
