"""What a stock mail server says of a message that it delivers: its 4yz after the terminator proves nothing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from domain.outcome import NotSent, Unknown
from providers.smtp.provider import SmtpProvider
from tests.providers.fault_server import FaultServer
from tests.providers.postfix import SlowFilter, run_postfix
from tests.providers.smtp_peers import LONG, Asked, letter
from tests.scene import Scene, a_lead, a_sequence


@pytest.fixture
async def inbox() -> AsyncIterator[FaultServer]:
    """The server of the recipient's domain."""
    async with FaultServer() as server:
        yield server


@pytest.fixture
async def postfix(inbox: FaultServer) -> AsyncIterator[tuple[str, SlowFilter]]:
    async with run_postfix(inbox.port) as running:
        yield running


async def test_a_451_of_a_postfix_that_delivers_all_the_same_is_unknown(
    inbox: FaultServer, postfix: tuple[str, SlowFilter]
) -> None:
    url, slow = postfix
    outcome = await SmtpProvider.from_url(url, send_timeout=LONG).send(letter(), Asked())
    assert (type(outcome), outcome.code) == (Unknown, "smtp-451-final")
    assert outcome.reply == "4.3.0 Error: queue file write error"
    await inbox.terminated.wait()
    assert len(inbox.messages) == slow.given_up == 1


async def test_whoever_declares_such_a_server_truthful_sends_a_copy_with_each_try(
    inbox: FaultServer, postfix: tuple[str, SlowFilter]
) -> None:
    provider = SmtpProvider.from_url(postfix[0], send_timeout=LONG, deferral_means_not_sent=True)
    for _ in range(2):
        assert isinstance(await provider.send(letter(), Asked()), NotSent)
        await inbox.terminated.wait()
        inbox.terminated.clear()
    assert len(inbox.messages) == 2


async def test_a_451_of_a_postfix_that_delivers_all_the_same_leaves_one_copy_and_an_unknown_outcome(
    inbox: FaultServer, postfix: tuple[str, SlowFilter], scene: Scene
) -> None:
    provider = SmtpProvider.from_url(postfix[0], send_timeout=timedelta(seconds=10))
    await scene.enroll(a_sequence(timedelta(0)), a_lead())
    async with scene.worker(provider):
        while await scene.status() != ("paused", "send_outcome_unknown"):  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.05)
        await inbox.terminated.wait()
    assert await scene.states() == ["unknown"]
    assert [(entry.to_state, entry.why) for entry in await scene.ledger() if entry.to_state == "unknown"] == [
        ("unknown", "may have been sent: smtp-451-final")
    ]
    assert len(inbox.messages) == 1
