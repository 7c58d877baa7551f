"""PostgreSQL or Temporal is down: the app is told to deliver again, and then everything is as if it had not been."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from devstack.ports import free_ports
from devstack.postgres import DATABASE, Postgres
from ingress import make_app
from tests.app import App, enrolled, said
from tests.roles import lay_out
from tests.scene import open_scene
from tests.web.post import MAIL_SECRET, SECRET, Poster, inside_of, problems


async def _ready() -> list[str]:
    return []


@asynccontextmanager
async def _posting(app: App) -> AsyncIterator[Poster]:
    transport = httpx.ASGITransport(make_app(inside_of(app, SECRET, MAIL_SECRET), _ready))
    async with httpx.AsyncClient(transport=transport, base_url="http://ingress") as http:
        yield Poster(http)


@pytest.fixture
async def postgres(home: Path) -> AsyncIterator[Postgres]:
    own = Postgres(home / "postgres", durable=False, port=free_ports([None])[0])
    await own.start()
    yield own
    await own.stop()


async def test_while_postgresql_is_down_the_answer_is_503_and_then_the_same_event_is_taken(
    client: Client, postgres: Postgres, tmp_path: Path
) -> None:
    url = await postgres.create_database(DATABASE)
    await lay_out(url)
    async with open_scene(client, url) as scene, _posting(App(scene, tmp_path)) as poster:
        before, during = enrolled(), said("lead.replied", lead_id="lead-1")
        assert (await poster.says(before)).status_code == 200
        await postgres.kill()
        response = await poster.says(during)
        assert (response.status_code, problems(response)) == (
            503,
            ["PostgreSQL can't be reached, or did not answer in time: deliver the event again"],
        )
        assert response.headers["retry-after"] == "5"
        await postgres.start()
        answers = [await poster.says(during) for _ in range(3)]  # connections of before may still be in the pool
        assert answers[-1].json()["done"] == "stopped"
        assert (await poster.says(before)).json()["done"] == "enrolled"
        assert await scene.status() == ("stopped", "replied")
