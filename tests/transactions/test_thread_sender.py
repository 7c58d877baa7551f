"""One sender in a thread, whatever the settings say by the time of a later step."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.headerregistry import Address

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.steps import StepActivities
from domain.step import DeliverStep, StepDone
from providers.scripted import ScriptedProvider
from tests.store.enrolled import enroll_one
from transactions.sending_policy import SendingPolicy


async def test_a_thread_goes_on_with_the_sender_that_began_it(engine: AsyncEngine) -> None:
    instance = await enroll_one(engine)
    provider = ScriptedProvider()
    senders = [Address("Ada, Countess of Lovelace", addr_spec="ada@example.test"), Address("Bo", "bo", "other.test")]
    for step, sender in enumerate(senders, start=1):
        activities = StepActivities(engine, provider, SendingPolicy(sender), timedelta(seconds=600), "worker")
        call = DeliverStep(instance_id=instance, step=step, due_at=datetime.now(UTC))
        assert isinstance(await ActivityEnvironment().run(activities.deliver_step, call), StepDone)
    assert {letter.sender for letter in provider.sent} == {"ada@example.test"}
    messages = [message_from_bytes(letter.message, policy=policy.SMTP) for letter in provider.sent]
    assert {str(message["From"]) for message in messages} == {'"Ada, Countess of Lovelace" <ada@example.test>'}
    assert all(message["Message-ID"].endswith("@example.test>") for message in messages)
