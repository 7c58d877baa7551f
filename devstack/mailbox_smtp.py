"""The mailbox's SMTP side: it keeps every message as it came, and loses the answer where an address asks for it."""

import asyncio
import hashlib
import uuid
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

MOST_BYTES = 50 * 2**20  # beyond what the strictest common provider takes, so that it's never us who say no


class MailboxFolder:
    """Messages as `.eml` files, to the byte; a name begins with the instant of arrival, so names sort by it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unfinished = path / "unfinished"
        self._cut = path / "cut"
        for folder in (self._unfinished, self._cut):
            folder.mkdir(parents=True, exist_ok=True)

    def keep(self, message: bytes) -> str:
        """Keep a message; return its name."""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{uuid.uuid4().hex[:8]}.eml"
        unfinished = self._unfinished / name
        unfinished.write_bytes(message)
        unfinished.rename(self.path / name)  # at once: a reader never sees half a message
        return name

    def names(self) -> list[str]:
        """List the names of all messages, newest first."""
        return sorted((path.name for path in self.path.glob("*.eml")), reverse=True)

    def first_time(self, message: bytes) -> bool:
        """Whether this Message-ID (without one: these bytes) is asked about for the first time, restarts included."""
        message_id = BytesHeaderParser().parsebytes(message)["Message-ID"]
        known_by = str(message_id).strip().encode() if message_id else message
        try:
            (self._cut / hashlib.sha256(known_by).hexdigest()).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


class Receiver:
    """What aiosmtpd asks when a message has come."""

    def __init__(self, folder: MailboxFolder) -> None:
        self._folder = folder

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """Keep the message, then answer; or hang up without an answer, once, where a recipient asks for it."""
        message = envelope.original_content or b""
        name = self._folder.keep(message)
        if any(map(_asks_for_uncertainty, envelope.rcpt_tos)) and self._folder.first_time(message):
            _hang_up(server)
            await asyncio.Event().wait()  # until aiosmtpd cancels us over the lost connection: no answer is written
        return f"250 kept as {name}"


async def listen(folder: MailboxFolder, port: int) -> asyncio.Server:
    """Receive messages on a local port."""

    def conversation() -> SMTP:
        # the host name is given, for asking the system for it may ask a name server
        return SMTP(Receiver(folder), hostname="mailbox.test", enable_SMTPUTF8=True, data_size_limit=MOST_BYTES)

    return await asyncio.get_running_loop().create_server(conversation, "127.0.0.1", port)


def _hang_up(server: SMTP) -> None:
    connection = server.transport
    assert isinstance(connection, asyncio.WriteTransport)  # noqa: S101 - a message came over it just now
    connection.abort()


def _asks_for_uncertainty(address: str) -> bool:
    local, _, domain = address.lower().rpartition("@")
    return domain == "uncertain.test" or local.startswith("uncertain")
