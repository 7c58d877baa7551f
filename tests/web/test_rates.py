"""One client may ask often, but not so often that it is a burden; and who it is, only a trusted proxy may say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress import make_app
from tests.web.serving import served
from web import rates
from web.connections import Bounds
from web.inside import Inside
from web.limits import DoorLimits
from web.rates import RateLimit

_LINK = "/unsubscribe/" + "A" * 48


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def _ready() -> list[str]:
    return []


@asynccontextmanager
async def _asking(inside: Inside, *proxies: str) -> AsyncIterator[httpx.AsyncClient]:
    """Ask at a server that takes two requests at once from each client, and then hardly any."""
    application = make_app(inside, _ready, DoorLimits(unsigned=RateLimit(a_second=0.01, at_once=2)))
    bounds = Bounds(proxies=[ip_network(proxy) for proxy in proxies])
    async with served(application, bounds) as (host, port), httpx.AsyncClient(timeout=60, trust_env=False) as http:
        http.base_url = httpx.URL(f"http://{host}:{port}")
        yield http


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
async def test_who_asks_too_often_is_told_when_to_ask_again(inside: Inside, method: str) -> None:
    async with _asking(inside) as http:
        answers = [await http.request(method, _LINK) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [404, 404, 429]
        assert 0 < int(answers[-1].headers["retry-after"]) <= 100
        assert answers[-1].headers["cache-control"] == "no-store"
        assert (await http.get("/healthz")).status_code == (await http.get("/readyz")).status_code == 200


async def test_nobody_is_somebody_else_by_their_own_word(inside: Inside) -> None:
    async with _asking(inside) as http:
        answers = [await http.get(_LINK, headers={"x-forwarded-for": f"192.0.2.{number}"}) for number in range(3)]
    assert [answer.status_code for answer in answers] == [404, 404, 429]


async def test_a_trusted_proxy_says_who_a_client_is_and_the_client_does_not(inside: Inside) -> None:
    async with _asking(inside, "127.0.0.0/8") as http:

        async def ask(forwarded: str) -> int:
            return (await http.get(_LINK, headers={"x-forwarded-for": forwarded})).status_code

        assert [await ask(f"198.51.100.{number}, 192.0.2.1") for number in range(3)] == [404, 404, 429]
        assert await ask("192.0.2.1, 127.0.0.9") == 429, "a chain of trusted proxies"
        assert await ask("192.0.2.2") == 404


@given(
    pauses=st.lists(st.floats(0, 3), min_size=1, max_size=60), a_second=st.floats(0.1, 20), at_once=st.integers(1, 10)
)
def test_no_client_is_let_in_more_often_than_the_rate_allows(
    pauses: list[float], a_second: float, at_once: int
) -> None:
    clock = _Clock()
    rate, let_in = RateLimit(a_second=a_second, at_once=at_once, clock=clock), list[float]()
    for pause in pauses:
        clock.now += pause
        wait = rate.seconds_to_wait("192.0.2.1")
        if not wait:
            let_in.append(clock.now)
            continue
        clock.now += wait + 1e-6
        assert rate.seconds_to_wait("192.0.2.1") == 0, "who waits as long as they are told to is let in"
        let_in.append(clock.now)
    for first in range(len(let_in)):
        for last in range(first, len(let_in)):
            assert last - first + 1 <= at_once + (let_in[last] - let_in[first]) * a_second + 1e-3


@given(asks=st.lists(st.tuples(st.integers(0, 50), st.floats(0, 5)), max_size=200))
def test_clients_that_have_rested_are_forgotten_and_there_are_never_many(asks: list[tuple[int, float]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rates, "_MOST_CLIENTS", 20)
        clock = _Clock()
        rate = RateLimit(a_second=1, at_once=2, clock=clock)
        for client, pause in asks:
            clock.now += pause
            rate.seconds_to_wait(f"192.0.2.{client}")
            assert len(rate) <= 20
        clock.now += 1000
        rate.seconds_to_wait("198.51.100.1")
        assert len(rate) == 1
