"""An app, the application in front of its door, and a real server around that."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from doors.inside import Inside
from doors.requests import Patience
from ingress import make_app
from intake.listening import make_server
from intake.signatures import Signatures
from tests.app import App
from tests.ingress.post import OTHER, SECRET, Poster
from tests.scene import Scene


@pytest.fixture
def app(scene: Scene, tmp_path: Path) -> App:
    return App(scene, tmp_path)


async def _ready() -> list[str]:
    return []


@pytest.fixture
def inside(app: App) -> Inside:
    return Inside(app.scene.engine, app.scene.workspace, app.door, Signatures(f"{SECRET} {OTHER}"))


@pytest.fixture
def application(inside: Inside) -> FastAPI:
    """The application; a body has a second to come."""
    return make_app(inside, _ready, Patience(body=timedelta(seconds=1)))


@pytest.fixture
async def poster(application: FastAPI) -> AsyncIterator[Poster]:
    """Posts to the application, without a network."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://ingress") as http:
        yield Poster(http)


@pytest.fixture
async def address(application: FastAPI) -> AsyncIterator[tuple[str, int]]:
    """Where a real server of the application listens."""
    server = make_server(application)
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield listening.getsockname()
        server.should_exit = True
        await serving


@pytest.fixture
async def caller(address: tuple[str, int]) -> AsyncIterator[Poster]:
    """Posts to the real server."""
    async with httpx.AsyncClient(base_url=f"http://{address[0]}:{address[1]}", timeout=20, trust_env=False) as http:
        yield Poster(http)
