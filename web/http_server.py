"""The HTTP server of a process: it listens where it is told, waits for nobody for ever, and ends when told."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI

from web.connections import Bounds, Connections
from web.http_protocol import ImpatientProtocol

# What is under way when told to end: a body takes ten seconds at most, and what follows it is quick.
_END_WITHIN = timedelta(seconds=25)


class HttpServer(uvicorn.Server):
    """uvicorn's server, which leaves signals to its process: that ends by its own code, after all was closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def make_server(app: FastAPI, bounds: Bounds | None = None) -> HttpServer:
    """Build a server that writes no line a request: addresses and ids of people are nobody's business."""
    bounds = bounds or Bounds()
    protocol: Any = partial(ImpatientProtocol, bounds=bounds, connections=Connections(bounds))
    return HttpServer(
        uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            # who a client is, is read from X-Forwarded-For where a proxy writes it that is ours, and nowhere else
            proxy_headers=bool(bounds.proxies),
            forwarded_allow_ips=[str(network) for network in bounds.proxies],
            timeout_graceful_shutdown=int(_END_WITHIN.total_seconds()),
        )
    )


async def listen(
    app: FastAPI, host: str, port: int, listening: Callable[[str], Any], bounds: Bounds | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way; `listening` is told where. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=1024) as opened:
        server = make_server(app, bounds)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, setattr, server, "should_exit", True)
        shown = f"[{host}]" if ":" in host else host
        listening(f"http://{shown}:{opened.getsockname()[1]}")
        await server.serve(sockets=[opened])
