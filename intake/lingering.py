"""An answer to somebody who is still talking: it is given at once, and then the rest is let go by for a while."""

import asyncio
from contextlib import suppress
from datetime import timedelta

from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

# Whoever sends more, or slower, may miss the answer.
_AT_MOST = timedelta(seconds=5)
_MOST_BYTES = 64 * 1024 * 1024


class _Lingering(Response):
    """Closing a connection whose data were not read resets it, and the answer may be lost with it (RFC 9112, 9.6)."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # the form of ASGI
        """Answer, then read on without keeping anything, then close."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": bytes(self.body), "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(_AT_MOST.total_seconds()):
                await _let_go_by(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class LingeringResponse(_Lingering, JSONResponse):
    """For programs."""


class LingeringPage(_Lingering, HTMLResponse):
    """For people."""


async def _let_go_by(receive: Receive) -> None:
    left = _MOST_BYTES
    while left > 0:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            return
        left -= len(message.get("body", b""))
