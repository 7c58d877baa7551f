"""A real Postfix whose before-queue filter is slower than it waits for, and hands the message on all the same.

Postfix is the system's, with a configuration and a queue of its own. The filter does what the documentation asks of one
(https://www.postfix.org/SMTPD_PROXY_README.html): it takes the message, looks at it, hands it in again behind itself,
and answers with what it was answered there.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosmtplib
import pytest

from devstack.ports import free_ports
from tests.programs import program

# the shortest wait Postfix knows; its own default is a hundred
_FILTER_WAITED_FOR = "1s"
_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.test
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
smtpd_relay_restrictions = permit_mynetworks, reject
relayhost = [127.0.0.1]:{next_hop}
notify_classes =
smtp_dns_support_level = disabled
smtpd_proxy_timeout = {waits}
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd -o smtpd_proxy_filter=127.0.0.1:{filter}
127.0.0.1:{behind} inet n - n - - smtpd -o smtpd_client_restrictions=permit_mynetworks,reject
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


class SlowFilter:
    """The filter: it looks at a message for as long as Postfix waits, and a moment longer."""

    def __init__(self, behind: int) -> None:
        """`behind` is the port at which it hands in what it has looked at."""
        self.given_up = 0  # how often Postfix did not await its answer
        self._behind = behind

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Converse with Postfix."""
        writer.write(b"220 filter.test ESMTP\r\n")
        envelope: list[str] = []
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb in (b"MAIL", b"RCPT"):
                envelope.append(line.decode().partition("<")[2].partition(">")[0])
            writer.write(b"354 go on\r\n" if verb == b"DATA" else b"250 fine\r\n")
            if verb == b"DATA":
                message = await reader.readuntil(b"\r\n.\r\n")
                await reader.read()  # it is not done before Postfix has hung up
                self.given_up += 1
                await self._hand_on(envelope, message.removesuffix(b".\r\n"))
                break
        writer.close()

    async def _hand_on(self, envelope: list[str], message: bytes) -> None:
        sender, *recipients = envelope
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=self._behind, start_tls=False) as client:
            await client.sendmail(sender, recipients, message)


@asynccontextmanager
async def run_postfix(next_hop: int) -> AsyncIterator[tuple[str, SlowFilter]]:
    """Run a Postfix that delivers to 127.0.0.1:`next_hop`; gives its URL, and the filter before its queue."""
    postfix = program("postfix", "postfix")
    if os.getuid() != 0:
        pytest.skip("postfix starts with root's rights alone (it gives them up by itself)")
    port, behind = free_ports([None] * 2)
    slow = SlowFilter(behind)
    filtering = await asyncio.start_server(slow.serve, "127.0.0.1", 0)
    folder = _configure(next_hop, port, behind, filtering.sockets[0].getsockname()[1])
    try:
        await _postfix(postfix, folder, "start")
        yield f"smtp://127.0.0.1:{port}", slow
    finally:
        await _postfix(postfix, folder, "stop")
        filtering.close()
        shutil.rmtree(folder)


async def _postfix(postfix: str, folder: Path, command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(postfix, "-c", str(folder / "etc"), command), stderr=subprocess.PIPE
    )
    _, complained = await process.communicate()
    assert process.returncode == 0, complained.decode() + _log(folder)


def _configure(next_hop: int, port: int, behind: int, filtering: int) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="postfix-"))
    folder.chmod(0o755)  # most of its processes run as a user of their own
    for name in ("etc", "queue", "data"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", "postfix")
    main = _MAIN.format(folder=folder, next_hop=next_hop, waits=_FILTER_WAITED_FOR)
    (folder / "etc/main.cf").write_text(main)
    (folder / "etc/master.cf").write_text(_MASTER.format(port=port, behind=behind, filter=filtering))
    return folder


def _log(folder: Path) -> str:
    log = folder / "log"
    return log.read_text() if log.exists() else ""
