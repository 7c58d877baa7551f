"""A plain Temporal workflow, after the sample `sleep_for_days` of temporalio/samples-python.

An activity that sends, with the sample's `start_to_close_timeout` of ten seconds and the default retry policy (again
and again, from one second on, no limit), and a sleep between. No heartbeat, as in the sample: so a killed worker's
activity is tried again when its ten seconds are over.
"""

import asyncio
import sys
from collections.abc import Callable
from datetime import timedelta

from pydantic import BaseModel
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from proof.peers.count import Accepted
    from proof.peers.engine import AT_ONCE, STEPS, WAIT, Engine, Place, lead_id, send


class Letter(BaseModel):
    """A step of a lead."""

    smtp_url: str
    lead: str
    step: int = 0


@activity.defn
async def send_email(letter: Letter) -> None:
    """Send a step's letter."""
    await send(letter.smtp_url, letter.lead, letter.step)


@workflow.defn
class PlainWorkflow:
    """Send, sleep, go on."""

    @workflow.run
    async def run(self, lead: Letter) -> None:
        """Run it for a lead."""
        for step in range(1, STEPS + 1):
            if step > 1:
                await workflow.sleep(WAIT)
            await workflow.execute_activity(
                send_email, lead.model_copy(update={"step": step}), start_to_close_timeout=timedelta(seconds=10)
            )


class Temporal(Engine):
    """Temporal, as its samples have it."""

    title = "plain Temporal"
    packages = ("temporalio",)

    async def begin(self, leads: int) -> None:
        """Start a workflow a lead."""
        self._client = await Client.connect(self.place.temporal_address, data_converter=pydantic_data_converter)
        self._open = {f"{self.place.run}-{lead_id(number)}" for number in range(leads)}
        for one in self._open:
            letter = Letter(smtp_url=self.place.smtp_url, lead=one.removeprefix(f"{self.place.run}-"))
            await self._client.start_workflow(PlainWorkflow.run, letter, id=one, task_queue=self.place.run)

    async def undone(self) -> int:
        """How many workflows have not ended."""
        return len(self._open)

    async def tend(self, accepted: Callable[[], list[Accepted]]) -> None:  # noqa: ARG002  # nobody need look
        """Only hear of workflows that end: Temporal's list of them may be a moment behind."""
        await asyncio.gather(*(self._wait(one) for one in list(self._open)))

    async def _wait(self, one: str) -> None:
        await self._client.get_workflow_handle(one).result()
        self._open.discard(one)


async def work(place: Place) -> None:
    """Run a worker."""
    client = await Client.connect(place.temporal_address, data_converter=pydantic_data_converter)
    worker = Worker(
        client,
        task_queue=place.run,
        workflows=[PlainWorkflow],
        activities=[send_email],
        max_concurrent_activities=AT_ONCE,
    )
    await worker.run()


if __name__ == "__main__":
    asyncio.run(work(Place(*sys.argv[1:])))
