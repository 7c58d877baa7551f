"""What is on the suppression list is not sent to, by whatever name it stands there; what was lifted is."""

from datetime import UTC, datetime, timedelta
from email.headerregistry import Address

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.steps import StepActivities
from domain.address import suppression_entry
from domain.instance import Reason
from domain.lead_facts import LeadFacts
from domain.lead_fields import make_lead
from domain.step import DeliverStep, StepDone, StepResult, Stopped
from providers.scripted import ScriptedProvider
from store.leads import save_leads
from store.suppressions import forgotten, lift, list_suppressions, suppress
from tests.scene import a_lead
from tests.store.enrolled import WORKSPACE, enroll_leads, enroll_one, put_draft
from transactions.linking import Links
from transactions.sending_policy import SendingPolicy

_IDN = {"lead_id": "lead-1", "email": "Grace@Bücher.Example"}


async def _deliver(engine: AsyncEngine, instance: str, provider: ScriptedProvider) -> StepResult:
    sender = Address("Ada", addr_spec="ada@example.test")
    links = Links("https://follow-ups.example.test")
    activities = StepActivities(engine, provider, SendingPolicy(sender, links=links), timedelta(seconds=600), "worker")
    call = DeliverStep(instance_id=instance, step=1, due_at=datetime.now(UTC))
    result: StepResult = await ActivityEnvironment().run(activities.deliver_step, call)
    return result


async def _list(engine: AsyncEngine, *written: str) -> None:
    async with engine.begin() as connection:
        await suppress(connection, WORKSPACE, map(suppression_entry, written), "ada", "test")


@pytest.mark.parametrize(
    ("email", "entry"),
    [
        ("Grace@Example.test", "grace@example.test"),
        ("grace@example.test", "GRACE@EXAMPLE.TEST"),
        ("grace@example.test", "@Example.test"),
        ("grace@bücher.example", "Grace@BÜCHER.example"),
        ("grace@bücher.example", "@xn--bcher-kva.example"),
        ("grace@xn--bcher-kva.example", "@bücher.example"),
        ("Grace@example.test", forgotten(WORKSPACE, "grace@example.test")),
    ],
)
async def test_a_step_to_a_suppressed_address_or_domain_ends_as_stopped(
    engine: AsyncEngine, email: str, entry: str
) -> None:
    async with engine.begin() as connection:
        [instance] = await enroll_leads(connection, [make_lead({"lead_id": "lead-1", "email": email})])
    await _list(engine, entry)
    provider = ScriptedProvider()
    assert await _deliver(engine, instance, provider) == Stopped(reason=Reason.SUPPRESSED)
    assert provider.begun == []


async def test_who_is_only_like_one_that_is_suppressed_is_sent_to(engine: AsyncEngine) -> None:
    instance = await enroll_one(engine)  # lead-1@example.test
    near = ("ead-1@example.test", "lead-1@example.tes", "@ample.test", "@sub.example.test", "@test")
    await _list(engine, *near, forgotten("other", "lead-1@example.test"))
    async with engine.begin() as connection:
        await suppress(connection, "other", ["lead-1@example.test", "@example.test"], "ada", "test")
    assert isinstance(await _deliver(engine, instance, ScriptedProvider()), StepDone)


@pytest.mark.parametrize("entry", ["lead-1@old.test", "@old.test"])
async def test_what_was_frozen_for_a_suppressed_domain_is_not_sent_though_the_lead_has_moved(
    engine: AsyncEngine, entry: str
) -> None:
    instance = await enroll_one(engine)
    async with engine.begin() as connection:
        await put_draft(connection, instance, recipient="Lead-1@old.test")
    await _list(engine, entry)
    assert await _deliver(engine, instance, ScriptedProvider()) == Stopped(reason=Reason.SUPPRESSED)


async def test_what_was_lifted_is_sent_to_and_what_came_back_is_not(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        first, second = await enroll_leads(connection, [a_lead(), a_lead("lead-2")])
        both = ["lead-1@example.test", "lead-2@example.test"]
        assert await suppress(connection, WORKSPACE, both, "ada", "asked") == both
        assert await suppress(connection, WORKSPACE, both, "bob", "again") == []
        assert await suppress(connection, WORKSPACE, [""], "bob", "who was forgotten has no address") == []
        assert await lift(connection, WORKSPACE, both, "ada", "asked us back") == both
        assert await lift(connection, WORKSPACE, both, "bob", "again") == []
        assert await list_suppressions(connection, WORKSPACE, limit=9) == []
    assert isinstance(await _deliver(engine, first, ScriptedProvider()), StepDone)
    async with engine.begin() as connection:
        assert await suppress(connection, WORKSPACE, ["lead-2@example.test"], "eve", "bounced") == both[1:]
        [entry] = await list_suppressions(connection, WORKSPACE, limit=9)
        assert (entry.address, entry.who, entry.why) == (both[1], "eve", "bounced")
    assert await _deliver(engine, second, ScriptedProvider()) == Stopped(reason=Reason.SUPPRESSED)


async def test_the_list_is_read_a_page_at_a_time_in_one_order(engine: AsyncEngine) -> None:
    addresses = [f"{name}@x.test" for name in ("_", "-", "a", "aa", "a.a", "b", "0", "z")] + ["@x.test", "@y.test"]
    await _list(engine, *addresses)
    found: list[str] = []
    async with engine.begin() as connection:
        while page := await list_suppressions(connection, WORKSPACE, after=found[-1] if found else "", limit=3):
            found += [one.address for one in page]
        assert sorted(found) == sorted(addresses)
        domains = await list_suppressions(connection, WORKSPACE, prefix="@", limit=9)
    assert [one.address for one in domains] == ["@x.test", "@y.test"]


async def test_an_address_that_the_lead_moves_to_is_looked_at_too(engine: AsyncEngine) -> None:
    instance = await enroll_one(engine)
    async with engine.begin() as connection:
        await put_draft(connection, instance)
        await save_leads(connection, WORKSPACE, [LeadFacts(**make_lead(_IDN).model_dump())])
    await _list(engine, _IDN["email"])
    assert await _deliver(engine, instance, ScriptedProvider()) == Stopped(reason=Reason.SUPPRESSED)
