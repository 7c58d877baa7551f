"""A real server: it waits for nobody for ever, and nobody keeps the others waiting."""

from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from fastapi import FastAPI

from tests.app import App, enrolled, said
from tests.web.post import Poster, signed, written
from tests.web.serving import Address, connected, head, served, speak
from web.connections import Bounds
from web.events import MOST_BYTES


async def test_an_event_is_taken_over_the_network(app: App, caller: Poster) -> None:
    assert (await caller.says(enrolled())).status_code == 200
    assert await app.scene.status() == ("active", "none")


async def test_ten_megabytes_are_refused_before_they_are_read(app: App, caller: Poster) -> None:
    assert (await caller.posts(b" " * 10_000_000)).status_code == 413
    assert await app.scene.rows("SELECT 1 FROM events") == []


async def test_a_body_that_hides_its_size_is_cut_off(address: Address) -> None:
    part = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    parts = MOST_BYTES // 0x10000 + 1
    headers = signed(b"", event_id="evt-1") | {"Transfer-Encoding": "chunked"}
    heard = await speak(address, head(**headers) + part * parts)
    assert heard.startswith(b"HTTP/1.1 413 ")


async def test_a_body_that_does_not_come_is_not_waited_for(address: Address) -> None:
    heard = await speak(address, head(**signed(b"", event_id="evt-1"), content_length="10") + b"{")
    assert heard.startswith(b"HTTP/1.1 408 ")
    assert heard.endswith(b'{"problems":["the body did not come in time: send it at once"]}')


async def test_a_connection_that_says_nothing_is_closed(application: FastAPI) -> None:
    async with served(application, Bounds(head=timedelta(milliseconds=200))) as address:
        assert await speak(address, b"") == b""
        assert await speak(address, b"POST /events HTTP/1.1\r\nHost:") == b""


async def test_a_hundred_silent_connections_keep_nobody_waiting(address: Address, caller: Poster) -> None:
    async with AsyncExitStack() as open_connections:
        for number in range(100):
            client = await open_connections.enter_async_context(connected(address))
            if number % 2:
                client.says(head(**signed(b"", event_id=f"evt-{number}"), content_length="10"))
        assert (await caller.says(said("lead.closed", lead_id="lead-1"))).status_code == 200


@pytest.mark.parametrize("words", [b"\x00\x01\x02\r\n\r\n", b"POST /events HTTP/1.1\r\n\r\n"])
async def test_what_is_no_request_is_refused(address: Address, words: bytes) -> None:
    assert (await speak(address, words)).startswith(b"HTTP/1.1 400 ")


async def test_a_client_that_hangs_up_midway_loses_nothing(app: App, address: Address, caller: Poster) -> None:
    """The event was taken or not; delivering it again is the answer to both."""
    content = enrolled()
    event_id, body = written(content)
    headers = signed(body, event_id=event_id) | {"Content-Length": str(len(body))}
    for sent in (len(body), len(body) // 2):
        async with connected(address) as client:
            client.says(head(**headers) + body[:sent])
            await client.writer.drain()
    assert (await caller.says(content)).json()["done"] == "enrolled"
    assert len(await app.scene.rows("SELECT 1 FROM events")) == 1


async def test_nothing_but_what_is_offered_is_there(caller: Poster) -> None:
    asked = [await caller.http.get(path) for path in ("/", "/docs", "/events", "/events/1", "/healthz", "/readyz")]
    assert [response.status_code for response in asked] == [404, 404, 405, 404, 200, 200]
    assert "server" not in asked[-1].headers
