"""An app, the application in front of its door, and a real server around that."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from ingress import make_app
from tests.app import App
from tests.scene import Scene
from tests.web.post import MAIL_SECRET, OTHER, OTHER_MAIL_SECRET, SECRET, Poster, inside_of
from tests.web.serving import served
from web.inside import Inside
from web.limits import DoorLimits, HttpTimeouts


@pytest.fixture
def app(scene: Scene, tmp_path: Path) -> App:
    return App(scene, tmp_path)


async def _ready() -> list[str]:
    return []


@pytest.fixture
def inside(app: App) -> Inside:
    return inside_of(app, f"{SECRET} {OTHER}", f"{MAIL_SECRET} {OTHER_MAIL_SECRET}")


@pytest.fixture
def application(inside: Inside) -> FastAPI:
    """The application; a body has a second to come."""
    return make_app(inside, _ready, DoorLimits(patience=HttpTimeouts(body=timedelta(seconds=1))))


@pytest.fixture
async def poster(application: FastAPI) -> AsyncIterator[Poster]:
    """Posts to the application, without a network."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://ingress") as http:
        yield Poster(http)


@pytest.fixture
async def address(application: FastAPI) -> AsyncIterator[tuple[str, int]]:
    """Where a real server of the application listens."""
    async with served(application) as listening:
        yield listening


@pytest.fixture
async def caller(address: tuple[str, int]) -> AsyncIterator[Poster]:
    """Posts to the real server."""
    async with httpx.AsyncClient(base_url=f"http://{address[0]}:{address[1]}", timeout=20, trust_env=False) as http:
        yield Poster(http)
