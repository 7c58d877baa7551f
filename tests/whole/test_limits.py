"""Limits in a running follow-up: the settings reach the claim, and people see until when a step is held, and why."""

from datetime import timedelta

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from providers.scripted import ScriptedProvider
from tests.scene import Scene, a_lead, a_sequence
from tests.whole.looking import events, until, until_page
from worker import make_worker


async def test_of_two_leads_that_fall_due_together_one_waits_for_the_senders_gap(scene: Scene) -> None:
    provider = ScriptedProvider()
    once = a_sequence(timedelta(0))
    async with scene.worker(provider, sender_gap=timedelta(hours=1)):
        await scene.enroll(once, a_lead("lead-1"))
        await scene.handle("lead-1").result()
        await scene.enroll(once, a_lead("lead-2"))
        shown = await until_page(scene.handle("lead-2"), "sender_gap")
        timers = [one for one in await events(scene.handle("lead-2")) if one.HasField("timer_started_event_attributes")]
    assert "held until " in shown
    assert await scene.status("lead-2") == ("held", "sender_gap")
    assert [entry.why for entry in await scene.ledger("lead-2")][-1].startswith("step 1: sender_gap")
    assert len(provider.sent) == 1
    # it sleeps until its turn: no poll, no timer a minute
    [timer] = [one.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta() for one in timers]
    assert timer > timedelta(minutes=55)


async def test_a_lead_is_not_written_to_more_often_than_the_weekly_cap(scene: Scene) -> None:
    provider = ScriptedProvider()
    async with scene.worker(provider, lead_weekly_cap=2):
        await scene.enroll(a_sequence(), a_lead())
        await until_page(scene.handle(), "held until ")
    assert await scene.status() == ("held", "lead_weekly_cap")
    assert len(provider.sent) == 2


async def test_a_senders_daily_cap_is_shared_by_its_workers(scene: Scene) -> None:
    leads = [a_lead(f"lead-{n}") for n in range(6)]
    address = scene.client.service_client.config.target_host
    another = await Client.connect(address, data_converter=pydantic_data_converter)
    settings = scene.settings(sender_daily_cap=3)
    workers = [make_worker(one, scene.engine, ScriptedProvider(), settings) for one in (scene.client, another)]
    async with workers[0], workers[1]:
        await scene.enroll(a_sequence(timedelta(0)), *leads)

        async def all_looked_at() -> bool:
            return not await scene.rows("SELECT 1 FROM instances WHERE status = 'active'")

        await until(all_looked_at)
    days = await scene.rows("SELECT count(*) FROM drafts GROUP BY timezone('UTC', sent_at)::date")
    held = await scene.rows("SELECT reason FROM instances WHERE status = 'held'")
    assert max(day.count for day in days) == 3
    assert {one.reason for one in held} <= {"sender_daily_cap"}
    assert sum(day.count for day in days) + len(held) == 6
