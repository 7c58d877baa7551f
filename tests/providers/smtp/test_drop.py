"""A connection that was dropped takes the terminator back, wherever on its way to the server it still was."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from domain.outcome import NotSent
from providers.smtp import socket as smtp_socket
from providers.smtp.message import TERMINATOR
from providers.smtp.provider import SmtpProvider
from providers.smtp.session import open_wire, read_url
from providers.smtp.wire import Wire
from tests.providers.certificates import Certificates
from tests.providers.smtp_peers import LONG, SHORT, Asked, letter
from tests.providers.stuck_peer import StuckPeer

SCHEMES = ["smtp", "smtps"]
ENDED = b"\r\n" + TERMINATOR
# far more than the peer's window, and far less than a kernel takes over of a connection with room for it
BODY = b"Subject: long\r\n\r\n" + (b"x" * 900 + b"\r\n") * 500
_ROOM = 4 * len(BODY)


@pytest.fixture(autouse=True)
def _known_authority(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))


@pytest.fixture(autouse=True)
def _roomy_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the kernel take over a whole message that its peer doesn't read."""
    plain = Wire.__init__

    def roomy(wire: Wire, transport: asyncio.BaseTransport, extensions: dict[str, str]) -> None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM)
        plain(wire, transport, extensions)

    monkeypatch.setattr(Wire, "__init__", roomy)


@contextlib.asynccontextmanager
async def _suspended(peer: StuckPeer, stalled: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """A process that has written a whole message, which its peer doesn't read, and was suspended; its port."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _SUSPENDED, f"smtp://127.0.0.1:{peer.port}", stalled),
        cwd=Path(__file__).parents[3],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    await peer.stuck.wait()
    process.stdin.write(b"go on\n")
    try:
        yield process, int(await process.stdout.readline())
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()


@contextlib.asynccontextmanager
async def _stuck(scheme: str, certificates: Certificates) -> AsyncIterator[StuckPeer]:
    async with StuckPeer(certificates.ours if scheme == "smtps" else None) as peer:
        yield peer


async def _wire(scheme: str, peer: StuckPeer) -> Wire:
    """A connection on which a message has begun that its peer doesn't read."""
    server = read_url(f"{scheme}://127.0.0.1:{peer.port}", allow_plain_remote=False)
    wire = await open_wire(server, LONG, lambda _: None)
    assert (await wire.ask(b"DATA", LONG)).code == 354
    wire.write(BODY[:1])
    await peer.stuck.wait()
    return wire


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_terminator_that_waits_in_our_kernel_is_taken_back(scheme: str, certificates: Certificates) -> None:
    async with _stuck(scheme, certificates) as peer:
        wire = await _wire(scheme, peer)
        wire.write(BODY[1:])
        wire.write(TERMINATOR)
        assert not wire._transport.get_write_buffer_size(), "all of it is in the kernel"
        assert smtp_socket.unsent(wire._transport)
        wire.drop()
        assert ENDED not in await peer.read_on()


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_terminator_that_waits_in_this_process_is_taken_back(scheme: str, certificates: Certificates) -> None:
    async with _stuck(scheme, certificates) as peer:
        wire = await _wire(scheme, peer)
        wire.write(BODY[1:] * 20)
        wire.write(TERMINATOR)
        # TLS keeps most of it beneath the transport that we see
        assert smtp_socket.unsent(wire._transport) > 15 * len(BODY)
        wire.drop()
        assert ENDED not in await peer.read_on()


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_message_that_its_server_stops_reading_gets_no_terminator(
    scheme: str, certificates: Certificates
) -> None:
    gate = Asked()
    async with _stuck(scheme, certificates) as peer:
        provider = SmtpProvider.from_url(f"{scheme}://127.0.0.1:{peer.port}", send_timeout=SHORT)
        outcome = await provider.send(letter(BODY), gate)
        came = await peer.read_on()
    # the kernel has all of it, and the gate is not asked before the server's machine has it
    assert (type(outcome), outcome.code, gate.times) == (NotSent, "smtp-timeout-body", 0)
    assert ENDED not in came
    assert len(came) < len(BODY)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_connection_that_python_was_closing_in_peace_takes_it_back_too(
    scheme: str, certificates: Certificates
) -> None:
    async with _stuck(scheme, certificates) as peer:
        wire = await _wire(scheme, peer)
        wire.write(BODY[1:])
        wire.write(TERMINATOR)
        wire._transport.close()  # as asyncio does by itself when the server has hung up
        wire.drop()
        assert ENDED not in await peer.read_on()


_SUSPENDED = """
import asyncio, os, signal, sys
from datetime import timedelta
from providers.smtp.session import open_wire, read_url

async def main():
    within = timedelta(seconds=20)
    wire = await open_wire(read_url(sys.argv[1], allow_plain_remote=False), within, lambda _: None)
    await wire.ask(b"DATA", within)
    wire.write(b"x")
    sys.stdin.readline()
    putting = asyncio.create_task(wire.put(b"x" * 100 * 1024, timedelta(seconds=float(sys.argv[2]))))
    await asyncio.sleep(0)
    wire.write(b"\\r\\n.\\r\\n")
    print(wire._transport.get_extra_info("sockname")[1], flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)

asyncio.run(main())
"""


_ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel heeds a window that stays closed")


@_ON_LINUX
async def test_a_terminator_in_the_kernel_of_a_suspended_process_is_discarded_when_nothing_is_taken_for_long() -> None:
    async with StuckPeer() as peer, _suspended(peer, "0.5") as (_, port):
        async with asyncio.timeout(30):
            while _is_established(port):  # noqa: ASYNC110 - the kernel tells nobody
                await asyncio.sleep(0.05)
        assert ENDED not in await peer.read_on()


@_ON_LINUX
async def test_a_killed_process_takes_back_what_its_kernel_had_not_handed_over() -> None:
    async with StuckPeer() as peer:
        async with _suspended(peer, "20"):
            pass  # it is killed at the end
        assert ENDED not in await peer.read_on()


def _is_established(port: int) -> bool:
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "01" for line in lines)


async def test_a_connection_that_was_left_in_peace_is_not_reset() -> None:
    """A reset is for what must not arrive; a server that has said 221 is owed none."""
    ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        while line := await reader.readline():
            writer.write(b"221 bye\r\n" if line.startswith(b"QUIT") else b"250 x\r\n")
        ended.set_result(True)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    wire = await open_wire(read_url(url, allow_plain_remote=False), LONG, lambda _: None)
    assert [reply.code for reply in await wire.quit(timedelta(seconds=5))] == [221]
    wire.drop()
    assert await ended
    server.close()
