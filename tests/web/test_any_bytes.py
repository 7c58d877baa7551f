"""Whatever bytes come on a connection: it ends, nothing fails, and the next client is served."""

import logging
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingress import make_app
from tests.web.post import signed
from tests.web.serving import Address, head, served, speak
from web.connections import Bounds
from web.inside import Inside
from web.limits import DoorLimits, HttpTimeouts

_SHORT = timedelta(milliseconds=50)


def _signed_head(**headers: str) -> bytes:
    return head(**signed(b"{}", event_id="evt-1"), **headers)  # a signature is good for minutes: it is made in time


_LENGTHS = [
    {"content_length": "2"},
    {"transfer_encoding": "chunked"},
    {"content_length": "2", "expect": "100-continue"},
    {"content_length": "2", "transfer_encoding": "chunked"},
]
_PIECES = st.one_of(
    st.sampled_from(
        [
            head("GET", "/healthz"),
            head("GET", "/healthz", connection="close"),
            head("HEAD", "/unsubscribe/x"),
            head(path="/inbound", content_length="9"),
            head(path="/nothing", transfer_encoding="chunked"),
            head("GET", "/readyz", upgrade="websocket", connection="upgrade"),
            b"{}",
            b"2\r\n{}\r\n",
            b"2;x=y\r\n{}\r\n0\r\nlater: x\r\n\r\n",
            b"0\r\n\r\n",
            b"zz\r\n",
            b"\r\n",
            b"GET / HTTP/1.1\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01",
            b"x: " + b"y" * 20_000,
        ]
    ),
    *(st.builds(_signed_head, **{name: st.just(text) for name, text in headers.items()}) for headers in _LENGTHS),
    st.binary(max_size=20),
)


@pytest.fixture
async def impatient(inside: Inside) -> AsyncIterator[Address]:
    async def ready() -> list[str]:
        return []

    application: FastAPI = make_app(inside, ready, DoorLimits(patience=HttpTimeouts(body=_SHORT)))
    async with served(application, Bounds(head=_SHORT, idle=_SHORT, linger=_SHORT)) as address:
        yield address


@settings(max_examples=150, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(pieces=st.lists(_PIECES, min_size=1, max_size=6), cut=st.integers(0, 30))
async def test_whatever_comes_the_connection_ends_and_the_next_client_is_served(
    impatient: Address, caplog: pytest.LogCaptureFixture, pieces: list[bytes], cut: int
) -> None:
    caplog.clear()
    words = b"".join(pieces)
    heard = await speak(impatient, words[: len(words) - cut])
    assert b" 500 " not in heard
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert b'{"status":"alive"}' in await speak(impatient, head("GET", "/healthz", connection="close"))
