"""Bodies: read when a signature can fit them, within the memory there is for them, to where they end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress import make_app
from tests.intake.inbound.samples import REPLY, mail
from tests.web.post import signed, signed_mail
from tests.web.serving import Address, Client, connected, head, served, speak
from web.inside import Inside
from web.limits import BodyMemory, DoorLimits, NoRoomError

_KB = 1024
_GOES_ON = {"Expect": "100-continue"}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def _whole() -> dict[str, str]:
    return signed(b"{}", event_id="evt-1")  # a signature is good for minutes: it is made when it is needed


@pytest.mark.parametrize("path", ["/events", "/inbound"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"webhook-id": None},
        {"webhook-timestamp": None},
        {"webhook-signature": None},
        {"webhook-timestamp": "1764000000"},
        {"webhook-timestamp": "soon"},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "v2," + "A" * 43 + "="},
    ],
    ids=str,
)
async def test_a_body_that_no_signature_can_fit_is_refused_before_it_comes(
    address: Address, path: str, wrong: dict[str, str | None]
) -> None:
    headers = {name: text for name, text in (_whole() | wrong).items() if text is not None}
    heard = await speak(address, head(path=path, **headers, content_length="9000", **_GOES_ON))
    assert heard.startswith(b"HTTP/1.1 401 ")
    assert b"\r\nconnection: close\r\n" in heard.lower()


async def test_a_refusal_is_heard_by_who_sends_on_and_their_connection_ends(address: Address) -> None:
    async with connected(address) as client:
        client.says(head(path="/inbound", content_length=str(5_000_000)) + b"x" * 5_000_000)
        assert (await client.to_the_end()).startswith(b"HTTP/1.1 401 ")


async def test_a_connection_whose_request_was_answered_before_its_body_came_ends(address: Address) -> None:
    """Else its body would be read for ever, by a server that has no use for it."""
    for path in ("/nothing", "/healthz"):
        heard = await speak(address, head(path=path, content_length="1000000000") + b"x")
        assert heard.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 405 "))
        assert b"\r\nconnection: close\r\n" in heard.lower()
    heard = await speak(address, head("GET", "/healthz", transfer_encoding="chunked") + b"1\r\nx\r\n")
    assert heard.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nconnection: close\r\n" in heard.lower()


class _Watched(BodyMemory):
    """Memory for one message of 700 KB, beside what small bodies have; tells when it is held, and when it is free."""

    def __init__(self) -> None:
        super().__init__(1024 * _KB)
        self.is_held, self.is_free = asyncio.Event(), asyncio.Event()

    def take(self, more: int) -> None:
        super().take(more)
        if self.left < 400 * _KB:
            self.is_held.set()

    def give_back(self, held: int) -> None:
        super().give_back(held)
        if self.left == 1024 * _KB:
            self.is_free.set()


@pytest.fixture
def memory() -> _Watched:
    return _Watched()


@pytest.fixture
async def narrow(inside: Inside, memory: _Watched) -> AsyncIterator[Address]:
    """A server with little memory for bodies."""

    async def ready() -> list[str]:
        return []

    async with served(make_app(inside, ready, DoorLimits(bodies=memory))) as listening:
        yield listening


_LARGE = mail(REPLY, "x" * 700 * _KB)


async def _sends(client: Client, raw: bytes) -> None:
    """Send a message but for its last byte."""
    client.says(head(path="/inbound", **signed_mail(raw), content_length=str(len(raw)), **_GOES_ON))
    await client.until(_CONTINUE)
    client.says(raw[:-1])


async def test_a_large_body_is_sent_away_while_others_hold_the_memory_and_a_small_one_is_read(
    narrow: Address, memory: _Watched
) -> None:
    async with connected(narrow) as first, connected(narrow) as second, connected(narrow) as third:
        await _sends(first, _LARGE)
        await memory.is_held.wait()
        await _sends(second, _LARGE)
        refused = await second.to_the_end()
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 5\r\n" in refused.lower()
        small = mail(REPLY, "x" * 50 * _KB)
        third.says(head(path="/inbound", **signed_mail(small), content_length=str(len(small))) + small)
        assert (await third.until(b"\r\n")).startswith(b"HTTP/1.1 200 ")
        first.says(_LARGE[-1:])
        assert (await first.until(b"\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_a_body_that_breaks_off_gives_its_memory_back(narrow: Address, memory: _Watched) -> None:
    async with connected(narrow) as client:
        await _sends(client, _LARGE)
        await memory.is_held.wait()
    await memory.is_free.wait()


@given(sizes=st.lists(st.lists(st.integers(1, 200 * _KB), max_size=10), max_size=10), most=st.integers(0, 1024 * _KB))
def test_bodies_never_hold_more_than_there_is_and_leave_nothing_behind(sizes: list[list[int]], most: int) -> None:
    memory = BodyMemory(most)
    with ExitStack() as stack:
        shares = [stack.enter_context(memory.share()) for _ in sizes]
        for share, parts in zip(shares, sizes, strict=True):
            with suppress(NoRoomError):
                for size in accumulate(parts):
                    share.grow_to(size)
            assert sum(one.held for one in shares) == most - memory.left <= most
    assert memory.left == most


def _chunked(size: int, chunks: int) -> bytes:
    return (b"%x\r\n" % size + b"x" * size + b"\r\n") * chunks + b"0\r\n\r\n"


async def test_a_body_in_crumbs_is_not_read_to_its_end(address: Address) -> None:
    """A chunk takes as long to be read when it holds a byte."""
    headers = {"path": "/inbound", **_whole(), "transfer_encoding": "chunked"}
    assert (await speak(address, head(**headers) + _chunked(1, 100_000))).startswith(b"HTTP/1.1 400 ")
    for size, chunks in ((1, 4000), (200, 10_000)):
        heard = await speak(address, head(**headers, connection="close") + _chunked(size, chunks))
        assert heard.startswith(b"HTTP/1.1 401 "), "it was read, and its signature does not fit"


_SECOND = head("GET", "/healthz", connection="close")


@pytest.mark.parametrize(
    "doubtful",
    [
        head(content_length="4", transfer_encoding="chunked") + b"0\r\n\r\n",
        head(transfer_encoding="chunked", content_length="4") + b"0\r\n\r\n",
        head(Content_Length="0", TRANSFER_ENCODING="Chunked") + b"0\r\n\r\n",
        head("GET", "/healthz", content_length="5", transfer_encoding="chunked") + b"0\r\n\r\n",
        head("POST", "/nothing", content_length="5", transfer_encoding="chunked") + b"0\r\n\r\n",
        head(transfer_encoding="chunked").replace(b"HTTP/1.1", b"HTTP/1.0") + b"0\r\n\r\n",
        head(transfer_encoding="chunked", content_length="4, 4") + b"0\r\n\r\n",
        head(transfer_encoding="gzip, chunked") + b"0\r\n\r\n",
    ],
)
async def test_a_request_of_doubtful_length_is_refused_and_nothing_after_it_is_served(
    address: Address, doubtful: bytes
) -> None:
    heard = await speak(address, doubtful + _SECOND)
    assert heard.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))
    assert heard.count(b"HTTP/1.1 ") == 1
    assert b"\r\nconnection: close\r\n" in heard.lower()


async def test_requests_that_follow_each_other_on_one_connection_are_all_served(address: Address) -> None:
    first = head(path="/events", **_whole(), transfer_encoding="chunked") + b"2\r\n{}\r\n0\r\n\r\n"
    heard = await speak(address, first + head("GET", "/healthz", content_length="0") + _SECOND)
    assert heard.count(b"HTTP/1.1 ") == 3
