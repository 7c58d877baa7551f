"""`/readyz` may be asked by anybody: all who ask share one check, on the process's own connections."""

import asyncio
import logging
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import event
from temporalio.client import Client

from ingress import make_app, readiness
from store.engine import open_engine
from tests.web.post import problems
from tests.web.serving import served
from web.health import Ready
from web.inside import Inside
from web.limits import DoorLimits, HttpTimeouts

_ALWAYS, _NEVER = timedelta(0), timedelta(hours=1)


class _Check:
    """A check that goes on until the test lets it go."""

    def __init__(self, *problems: str) -> None:
        self.problems, self.begun = list(problems), 0
        self.has_begun, self.may_end = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> list[str]:
        self.begun += 1
        self.has_begun.set()
        await self.may_end.wait()
        return self.problems


def _asking(inside: Inside, ready: Ready, **patience: timedelta) -> httpx.AsyncClient:
    application = make_app(inside, ready, DoorLimits(patience=HttpTimeouts(**patience)))
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://ingress")


async def test_all_who_ask_while_a_check_runs_are_told_what_it_finds(inside: Inside) -> None:
    check = _Check("Temporal is away")
    async with _asking(inside, check, fresh=_ALWAYS) as http:
        asking = [asyncio.create_task(http.get("/readyz")) for _ in range(100)]
        await check.has_begun.wait()
        asking[0].cancel()  # whoever asked first may go away
        check.may_end.set()
        answers = await asyncio.gather(*asking[1:])
    assert {(answer.status_code, *problems(answer)) for answer in answers} == {(503, "Temporal is away")}
    assert check.begun == 1


async def test_what_was_found_is_told_for_a_while_and_then_looked_at_again(inside: Inside) -> None:
    for fresh, begun in ((_NEVER, 1), (_ALWAYS, 3)):
        check = _Check()
        check.may_end.set()
        async with _asking(inside, check, fresh=fresh) as http:
            assert [(await http.get("/readyz")).status_code for _ in range(3)] == [200] * 3
        assert check.begun == begun


async def test_a_check_that_does_not_end_is_given_up(inside: Inside) -> None:
    async with _asking(inside, _Check(), readiness=timedelta(milliseconds=50)) as http:
        assert problems(await http.get("/readyz")) == ["PostgreSQL or Temporal does not answer in time"]


async def test_a_check_that_fails_by_our_own_fault_is_told_of_without_its_words(
    inside: Inside, caplog: pytest.LogCaptureFixture
) -> None:
    async def ready() -> list[str]:
        raise ValueError("ada@example.test")

    with caplog.at_level(logging.ERROR, logger="ingress"):
        async with _asking(inside, ready) as http:
            answer = await http.get("/readyz")
    assert (answer.status_code, problems(answer)) == (503, ["the check failed by our own fault; our log says how"])
    assert caplog.messages == ["the check of readiness failed: ValueError"]


async def test_however_many_ask_postgresql_is_connected_to_once(
    inside: Inside, client: Client, database_url: str
) -> None:
    engine, connects = open_engine(database_url), list[object]()
    event.listen(engine.sync_engine, "connect", lambda *opened: connects.append(opened))
    application = make_app(inside, readiness(engine, client), DoorLimits(patience=HttpTimeouts(fresh=_ALWAYS)))
    async with served(application) as (host, port), httpx.AsyncClient(timeout=60, trust_env=False) as http:
        answers = await asyncio.gather(*(http.get(f"http://{host}:{port}/readyz") for _ in range(300)))
    await engine.dispose()
    assert {answer.status_code for answer in answers} == {200}
    assert len(connects) == 1
