"""The places where a worker can die. Entered, its worker stands there; left, what held it lets go."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text

from tests.crash.post_office import Place
from tests.crash.process import WorkerProcess
from tests.crash.world import World, long_letters


@asynccontextmanager
async def before_the_claim(world: World, **settings: str) -> AsyncIterator[WorkerProcess]:
    """The claim's transaction waits for the lead's lock."""
    await world.enroll()
    async with world.locked_lead():
        worker = await world.worker(**settings)
        await world.somebody_waits_for_the_lock()
        yield worker


@asynccontextmanager
async def after_the_claim(world: World, **settings: str) -> AsyncIterator[WorkerProcess]:
    """The draft is claimed; the server has taken the connection and not greeted yet."""
    await world.enroll()
    halt = world.office.stand_at(Place.GREETING)
    worker = await world.worker(**settings)
    await halt.reached.wait()
    assert await world.scene.states() == ["sending"]
    yield worker
    halt.go.set()


@asynccontextmanager
async def during_the_body(world: World, **settings: str) -> AsyncIterator[WorkerProcess]:
    """The message is under way, and the server doesn't read it: the terminator can't be written."""
    await world.enroll(long_letters())
    halt = world.office.stand_at(Place.BODY)
    worker = await world.worker(**settings)
    await halt.reached.wait()
    yield worker
    halt.go.set()


@asynccontextmanager
async def at_the_gate(world: World, **settings: str) -> AsyncIterator[WorkerProcess]:
    """The body is written, and the gate's question waits in PostgreSQL: the terminator is not written."""
    async with after_the_claim(world, **settings) as worker, world.scene.by_hand() as connection:
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        await connection.execute(text("LOCK TABLE drafts IN ACCESS EXCLUSIVE MODE"))
        world.office.go_on()
        await world.somebody_waits_for_the_lock()
        yield worker


@asynccontextmanager
async def before_the_reply(world: World, **settings: str) -> AsyncIterator[WorkerProcess]:
    """The server has the whole message and has not answered."""
    await world.enroll()
    halt = world.office.stand_at(Place.REPLY)
    worker = await world.worker(**settings)
    await halt.reached.wait()
    yield worker
    halt.go.set()


@asynccontextmanager
async def before_the_confirmation(world: World, **settings: str) -> AsyncIterator[WorkerProcess]:
    """The server has taken the message and has said so; QUIT, which confirms it, is not answered."""
    await world.enroll()
    halt = world.office.stand_at(Place.QUIT)
    worker = await world.worker(**settings)
    await halt.reached.wait()
    yield worker
    halt.go.set()


@asynccontextmanager
async def before_the_record(world: World, **settings: str) -> AsyncIterator[WorkerProcess]:
    """The server has answered; the record's transaction waits for the lead's lock."""
    async with before_the_reply(world, **settings) as worker, world.locked_lead():
        await _answered(world)
        yield worker


@asynccontextmanager
async def after_the_record(world: World, **settings: str) -> AsyncIterator[WorkerProcess]:
    """The outcome is recorded, and Temporal can't be told. What was on its way is lost when the worker has died."""
    relay = await world.relay(world.temporal)
    async with before_the_reply(world, TEMPORAL_ADDRESS=relay.address, **settings) as worker:
        async with world.locked_lead():
            await _answered(world)
            relay.freeze()
        await world.states("sent")
        yield worker
        if worker.alive:
            relay.thaw()
        else:
            await relay.cut()


async def _answered(world: World) -> None:
    world.office.go_on()
    await world.somebody_waits_for_the_lock()
