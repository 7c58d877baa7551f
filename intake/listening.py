"""The HTTP server of a process: it listens where it is told, waits for nobody for ever, and ends when told."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

# A connection that has not sent the head of a request by then is closed: each one held open costs a descriptor.
SILENCE = timedelta(seconds=20)
# What is under way when told to end: a body takes ten seconds at most, and what follows it is quick.
_END_WITHIN = timedelta(seconds=25)


class ImpatientProtocol(H11Protocol):
    """uvicorn's own, which waits for a first request for ever; this one does for `SILENCE`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.loop.call_later(SILENCE.total_seconds(), self._close_if_silent)

    def _close_if_silent(self) -> None:
        if getattr(self, "cycle", None) is None:  # no request has begun; uvicorn's types hide that
            self.transport.close()


class Server(uvicorn.Server):
    """uvicorn's server, which leaves signals to its process: that ends by its own code, after all was closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def make_server(app: FastAPI) -> Server:
    """Build a server that writes no line a request: addresses and ids of people are nobody's business."""
    return Server(
        uvicorn.Config(
            app,
            http=ImpatientProtocol,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=int(_END_WITHIN.total_seconds()),
        )
    )


async def listen(app: FastAPI, host: str, port: int, listening: Callable[[str], Any]) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way; `listening` is told where. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=1024) as opened:
        server = make_server(app)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, setattr, server, "should_exit", True)
        shown = f"[{host}]" if ":" in host else host
        listening(f"http://{shown}:{opened.getsockname()[1]}")
        await server.serve(sockets=[opened])
