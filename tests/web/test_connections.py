"""Connections: none is held open for nothing, and however many somebody opens, others are served."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from ipaddress import IPv6Address, ip_network
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from ingress import make_app
from tests.web.post import signed
from tests.web.serving import GIVEN_UP_AFTER, Address, Client, connected, head, served, speak
from web.clients import client_of
from web.connections import Bounds, Connections
from web.http_protocol import ImpatientProtocol
from web.inside import Inside
from web.limits import DoorLimits, HttpTimeouts

_SHORT, _LONG = timedelta(milliseconds=200), timedelta(hours=1)
_HEALTH = head("GET", "/healthz")
_ALIVE = b'{"status":"alive"}'
_HALF = b"POST /events HTTP/1.1\r\nHost:"


@pytest.fixture
def application(inside: Inside) -> FastAPI:
    """The application, which waits for a body as long as a test likes."""

    async def ready() -> list[str]:
        return []

    return make_app(inside, ready, DoorLimits(patience=HttpTimeouts(body=_LONG)))


async def _is_served(client: Client) -> None:
    client.says(_HEALTH)
    assert (await client.until(_ALIVE)).startswith(b"HTTP/1.1 200 ")


async def _is_busy(client: Client) -> None:
    """Send a request but for its body, for which the server waits."""
    client.says(head(**signed(b"{}", event_id="evt-1"), content_length="2", expect="100-continue"))
    await client.until(b"HTTP/1.1 100 Continue\r\n\r\n")


@pytest.mark.parametrize("half", [_HALF, b"G", _HEALTH[:-1]])
async def test_half_a_head_on_a_connection_that_was_kept_alive_ends_it(application: FastAPI, half: bytes) -> None:
    async with served(application, Bounds(head=_SHORT, idle=_LONG)) as address, connected(address) as client:
        for _ in range(2):
            await _is_served(client)
        client.says(half)
        assert await client.to_the_end() == b""


async def test_a_head_that_trickles_is_not_waited_for_any_longer(application: FastAPI) -> None:
    async with served(application, Bounds(head=_SHORT, idle=_LONG)) as address, connected(address) as client:
        await _is_served(client)
        end = asyncio.create_task(client.to_the_end())
        while not end.done():
            client.says(b"a")
            await asyncio.wait({end}, timeout=0.01)
        assert await end == b""


async def test_the_first_half_of_a_head_behind_a_request_ends_its_connection_too(application: FastAPI) -> None:
    async with served(application, Bounds(head=_SHORT, idle=_SHORT)) as address:
        heard = await speak(address, _HEALTH + _HALF)
    assert heard.count(b"HTTP/1.1 ") == 1


async def test_a_connection_that_asks_for_nothing_more_is_closed(application: FastAPI) -> None:
    async with served(application, Bounds(head=_LONG, idle=_SHORT)) as address, connected(address) as client:
        await _is_served(client)
        assert await client.to_the_end() == b""


async def test_a_request_that_is_dealt_with_for_longer_than_a_head_may_take_is_answered(application: FastAPI) -> None:
    async with served(application, Bounds(head=_SHORT, idle=_SHORT)) as address, connected(address) as busy:
        await _is_busy(busy)
        assert await speak(address, _HALF) == b"", "by now a head's time is over"
        busy.says(b"{}")
        assert (await busy.until(b"\r\n")).startswith(b"HTTP/1.1 422 ")


async def test_a_client_that_never_reads_its_answers_is_closed(
    application: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, lose = asyncio.Event(), ImpatientProtocol.connection_lost

    def be_lost(protocol: ImpatientProtocol, error: Exception | None) -> None:
        lose(protocol, error)
        lost.set()

    monkeypatch.setattr(ImpatientProtocol, "connection_lost", be_lost)
    async with served(application, Bounds(unread=_SHORT, idle=_LONG, head=_LONG)) as address:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(deaf, address)
            await loop.sock_sendall(deaf, head("GET", "/openapi.json") * 200)
            async with asyncio.timeout(GIVEN_UP_AFTER):
                await lost.wait()


async def test_connections_that_wait_give_way_to_those_that_ask(application: FastAPI) -> None:
    async with served(application, Bounds(connections=4, share_of_one=9)) as address, AsyncExitStack() as stack:
        half, idle, *others = [await stack.enter_async_context(connected(address)) for _ in range(4)]
        half.says(_HALF)
        await _is_served(idle)
        for other in others:
            await _is_busy(other)
        for gone in (half, idle):
            newer = await stack.enter_async_context(connected(address))
            await _is_busy(newer)
            assert await gone.to_the_end() == b""
        refused = await speak(address, _HEALTH)
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 5\r\n" in refused
        others[0].says(b"{}")
        await others[0].until(b"}")
        await _is_served(await stack.enter_async_context(connected(address)))


async def test_a_client_that_takes_all_it_may_leaves_room_for_others(application: FastAPI) -> None:
    async with served(application, Bounds(connections=4)) as address, AsyncExitStack() as stack:
        for _ in range(2):
            await _is_busy(await stack.enter_async_context(connected(address)))
        assert (await speak(address, _HEALTH)).startswith(b"HTTP/1.1 503 ")
        await _is_served(await stack.enter_async_context(connected(address, "127.0.0.2")))


async def test_who_holds_all_of_one_clients_connections_is_closed_for_the_same_client_alone(
    application: FastAPI,
) -> None:
    async with served(application, Bounds(connections=4)) as address, AsyncExitStack() as stack:
        stranger = await stack.enter_async_context(connected(address, "127.0.0.2"))
        await _is_served(stranger)
        own = [await stack.enter_async_context(connected(address)) for _ in range(2)]
        for one in own:
            await _is_served(one)
        await _is_served(await stack.enter_async_context(connected(address)))
        assert await own[0].to_the_end() == b""
        await _is_served(stranger)


async def test_a_trusted_proxy_may_have_all_connections(application: FastAPI) -> None:
    proxies = [ip_network("127.0.0.2")]
    async with served(application, Bounds(connections=4, proxies=proxies)) as address, AsyncExitStack() as stack:
        for _ in range(4):
            await _is_busy(await stack.enter_async_context(connected(address, "127.0.0.2")))


@pytest.fixture
async def unlimited(application: FastAPI) -> AsyncIterator[Address]:
    async with served(application, Bounds()) as address:
        yield address


async def test_what_is_no_request_while_another_is_dealt_with_ends_both(unlimited: Address) -> None:
    headers = head(**signed(b"{}", event_id="evt-1"), transfer_encoding="chunked")
    heard = await speak(unlimited, headers + b"no size\r\n")
    assert heard.startswith(b"HTTP/1.1 400 ")
    assert heard.count(b"HTTP/1.1 ") == 1


class _Counted:
    def __init__(self, address: str) -> None:
        self.address, self.gave_way = address, False

    def give_way(self) -> None:
        self.gave_way = True


_STEP = st.tuples(st.sampled_from(["admit", "busy", "waiting", "leave"]), st.integers(0, 3), st.integers(0, 20))


@given(steps=st.lists(_STEP, max_size=60), most=st.integers(1, 6))
def test_there_are_never_more_connections_than_there_may_be(steps: list[tuple[str, int, int]], most: int) -> None:
    connections, known, is_open = Connections(Bounds(connections=most)), list[_Counted](), list[_Counted]()
    for step, client, which in steps:
        if step == "admit":
            known.append(_Counted(f"10.0.0.{client}"))
            if connections.admit(known[-1]):
                is_open.append(known[-1])
        elif known:
            one: Any = known[which % len(known)]
            {"busy": connections.is_busy, "waiting": connections.is_waiting, "leave": connections.leave}[step](one)
            if step == "leave" and one in is_open:
                is_open.remove(one)
        is_open = [one for one in is_open if not one.gave_way]
        assert len(is_open) <= most
        for number in range(4):
            assert sum(one.address == f"10.0.0.{number}" for one in is_open) <= max(1, most // 2)


@given(st.integers(0, 2**128 - 1), st.integers(0, 2**64 - 1))
def test_all_addresses_of_one_ipv6_network_are_one_client(number: int, other: int) -> None:
    first, second = IPv6Address(number), IPv6Address(number >> 64 << 64 | other)
    if first.ipv4_mapped is None and second.ipv4_mapped is None:
        assert client_of(str(first)) == client_of(str(second))
    assert client_of(str(first)) != client_of(str(IPv6Address(number ^ 1 << 64)))


def test_an_ipv4_address_is_one_client_however_it_is_written() -> None:
    assert client_of("::ffff:192.0.2.7") == client_of("192.0.2.7") != client_of("192.0.2.8")
