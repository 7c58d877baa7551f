"""Run a worker until SIGTERM or SIGINT, then drain: no new step is begun, a begun send is finished and recorded.

It reads FOLLOWUP_… and TEMPORAL_… variables, `.env`, or a devstack that runs here; docs/settings.md lists them.
"""

import argparse
import asyncio
import logging
import os
import signal
import socket
from datetime import timedelta

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.logs import keep_ids_out_of_texts
from activities.redaction import RedactingInterceptor
from activities.steps import StepActivities
from activities.workspace import WorkspaceInterceptor
from connect import UnreachableError, open_temporal
from operating import terminal
from operating.log import start_log
from providers.choose import open_provider
from providers.provider import Provider
from settings import Settings, SettingsError, read_settings
from store.engine import open_engine
from store.schema import UnfitDatabaseError, check_database
from transactions.linking import Links
from transactions.sending_policy import SendingPolicy
from workflows.follow_up import FollowUpWorkflow

_log = logging.getLogger("worker")
_TRY_AGAIN = timedelta(seconds=2)
# Connecting, claiming and recording around the provider's answer.
_AROUND_A_SEND = timedelta(seconds=90)
# The workflow's modules keep no state, so each follow-up need not import them again: that took a sixth of its processor
# time. That they ask for nothing that may differ at a replay is held by tests/replay, where the sandbox imports them.
_RUNNER = SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules("workflows"))


def make_worker(client: Client, engine: AsyncEngine, provider: Provider, settings: Settings) -> Worker:
    """Build the worker of this process."""
    keep_ids_out_of_texts()
    identity = f"worker-{os.getpid()}@{socket.gethostname()}"
    links = Links(settings.public_url, plus_addresses=settings.plus_addresses)
    policy = SendingPolicy(settings.sender_address, settings.limits, links)
    steps = StepActivities(engine, provider, policy, settings.send_timeout, identity)
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=[FollowUpWorkflow],
        activities=[steps.deliver_step, steps.settle_step, steps.pause_follow_up, steps.record_outcome],
        identity=identity,
        workflow_runner=_RUNNER,
        interceptors=[RedactingInterceptor(), WorkspaceInterceptor(settings.workspace)],
        max_concurrent_activities=settings.concurrent_steps,
        # a begun send is finished and recorded: no sooner does the worker let go
        graceful_shutdown_timeout=settings.send_timeout + _AROUND_A_SEND,
    )


async def run() -> None:
    """Run a worker until it is told to stop. Raises SettingsError, UnfitDatabaseError, UnreachableError."""
    settings = read_settings()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    started = asyncio.create_task(_start(settings))
    await asyncio.wait({started, asyncio.create_task(stopping.wait())}, return_when=asyncio.FIRST_COMPLETED)
    if not started.done():
        return
    client, engine, provider = started.result()
    worker = make_worker(client, engine, provider, settings)
    try:
        async with worker:
            _log.info("ready: task queue %s, provider %s", settings.task_queue, provider.name)
            await stopping.wait()
            _log.info("draining: no new step is begun, what was begun is finished")
    finally:
        await provider.close()
        await engine.dispose()
    _log.info("stopped")


async def _start(settings: Settings) -> tuple[Client, AsyncEngine, Provider]:
    provider = _open_provider(settings)
    await _wait_for_schema(settings.database_url.get_secret_value())
    client = await _wait_for_temporal()
    return client, open_engine(settings.database_url.get_secret_value(), settings.concurrent_steps), provider


def _open_provider(settings: Settings) -> Provider:
    try:
        return open_provider(
            settings.provider,
            settings.smtp_url.get_secret_value(),
            settings.send_timeout,
            allow_plain_remote=settings.smtp_plain,
            deferral_means_not_sent=settings.smtp_deferral_means_not_sent,
        )
    except ValueError as error:
        raise SettingsError(f"FOLLOWUP_SMTP_URL: {error}") from None


async def _wait_for_schema(database_url: str) -> None:
    while True:
        try:
            return await check_database(database_url)
        except DBAPIError as error:
            _log.warning("PostgreSQL can't be reached, trying again: %s", str(error.orig).splitlines()[0])
        await asyncio.sleep(_TRY_AGAIN.total_seconds())


async def _wait_for_temporal() -> Client:
    while True:
        try:
            client = await open_temporal()
        except UnreachableError as error:
            _log.warning("%s; trying again", error)
        else:
            return client
        await asyncio.sleep(_TRY_AGAIN.total_seconds())


def main() -> int:
    """Run the worker; returns the exit code."""
    argparse.ArgumentParser(prog="worker.py", description=__doc__).parse_args()
    start_log()
    try:
        asyncio.run(run())
    except (SettingsError, UnfitDatabaseError) as error:
        terminal.complain("worker", str(error))
        return 1
    return 0


if __name__ == "__main__":
    terminal.main(main, "worker")
