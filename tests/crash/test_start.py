"""How a worker starts and ends: what it can't do it says in a sentence, and it ends with 0 whenever it is told to."""

import asyncio
import signal

from sqlalchemy.engine import make_url

from devstack.ports import free_ports
from tests.crash.relay import Relay
from tests.crash.side_by_side import side_by_side
from tests.crash.world import World

_RUNS = 10


async def _refuses_to_start(world: World, **settings: str) -> str:
    """What it says when it ends with 1: sentences, and no trace of the code."""
    worker = await world.begun_worker(**settings)
    assert await worker.exit_code() == 1, worker.lines
    said = "\n".join(worker.lines)
    assert "Traceback" not in said, said
    return said


@side_by_side
async def test_settings_that_are_bad_are_all_named_in_sentences(world: World) -> None:
    said = await _refuses_to_start(
        world,
        FOLLOWUP_SENDER="nobody",
        FOLLOWUP_SEND_TIMEOUT="soon",
        FOLLOWUP_DATABASE_URL="mysql://root:hunter2@db/x",
        FOLLOWUP_SMTP_URL="http://mail:hunter2@relay",
    )
    for name in ("FOLLOWUP_SENDER", "FOLLOWUP_SEND_TIMEOUT", "FOLLOWUP_DATABASE_URL", "FOLLOWUP_SMTP_URL"):
        assert f"worker: {name}" in said
    assert "hunter2" not in said


@side_by_side
async def test_an_smtp_url_that_would_send_in_clear_over_the_network_is_refused_by_name(world: World) -> None:
    said = await _refuses_to_start(world, FOLLOWUP_SMTP_URL="smtp://mail.example.com:25")
    assert "worker: FOLLOWUP_SMTP_URL: smtp:// has no TLS" in said


@side_by_side
async def test_a_profile_of_temporal_that_does_not_exist_is_named(world: World) -> None:
    assert "worker: TEMPORAL_" in await _refuses_to_start(world, TEMPORAL_PROFILE="nowhere")


@side_by_side
async def test_a_database_behind_its_migrations_is_refused_with_the_remedy(world: World) -> None:
    # every server has this database, and ours has no tables in it
    bare = make_url(world.scene.database_url).set(database="postgres").render_as_string(hide_password=False)
    said = await _refuses_to_start(world, FOLLOWUP_DATABASE_URL=bare)
    assert "run `followup migrate`" in said


@side_by_side
async def test_a_temporal_that_can_not_be_reached_is_named_and_waited_for(world: World) -> None:
    relay = Relay(world.temporal)
    await world.enroll()
    worker = await world.begun_worker(TEMPORAL_ADDRESS=relay.address)
    assert relay.address in await worker.said("Temporal can't be reached")
    await worker.said("trying again")
    await world.open.enter_async_context(relay)
    await worker.said("ready: task queue")
    assert (await world.end()).status == "completed"


@side_by_side
async def test_a_postgresql_that_can_not_be_reached_is_named_and_waited_for(world: World) -> None:
    url = make_url(world.scene.database_url)
    relay = Relay(f"127.0.0.1:{url.port}")
    await world.enroll()
    through = url.set(port=relay.port).render_as_string(hide_password=False)
    worker = await world.begun_worker(FOLLOWUP_DATABASE_URL=through)
    await worker.said("PostgreSQL can't be reached, trying again")
    await world.open.enter_async_context(relay)
    await worker.said("ready: task queue")
    assert (await world.end()).status == "completed"


@side_by_side
async def test_a_worker_that_still_waits_for_temporal_ends_when_told_to(world: World) -> None:
    worker = await world.begun_worker(TEMPORAL_ADDRESS=f"127.0.0.1:{free_ports([None])[0]}")
    await worker.said("trying again")
    worker.signal(signal.SIGTERM)
    assert await worker.exit_code() == 0, worker.lines


@side_by_side
async def test_ten_starts_and_stops_end_with_exit_code_0(world: World) -> None:
    async def run(number: signal.Signals) -> int:
        worker = await world.worker()
        worker.signal(number)
        return await worker.exit_code()

    runs = (run(signal.SIGTERM if n % 2 else signal.SIGINT) for n in range(_RUNS))
    assert await asyncio.gather(*runs) == [0] * _RUNS
