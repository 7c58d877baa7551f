"""A mailbox that takes every message over SMTP and shows it on a web page: `python -m devstack.mailbox --help`.

To meet an uncertain send on purpose, write to `uncertain…@` anything, or to anybody at `uncertain.test`: the message is
kept, and the connection is cut before the answer; the first time only that a Message-ID comes.
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import uvicorn

from devstack import mailbox_page, mailbox_smtp
from devstack.child import Child, listens


class LocalMailbox:
    """The mailbox as a process of its own, that may be stopped, killed and started again on the same ports."""

    def __init__(self, folder: Path, *, smtp_port: int, http_port: int) -> None:
        self.smtp_url = f"smtp://127.0.0.1:{smtp_port}"
        self.url = f"http://127.0.0.1:{http_port}"
        self.folder = folder / "messages"  # where they lie as .eml files, oldest first by name
        self._smtp_port, self._http_port = smtp_port, http_port
        self._child = Child("mailbox", folder)

    @property
    def pid(self) -> int | None:
        """The mailbox's process while it runs."""
        return self._child.pid

    async def start(self) -> None:
        """Start it and wait until it receives. Raises DevstackError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        ports = ["--smtp-port", str(self._smtp_port), "--http-port", str(self._http_port)]
        await self._child.start([sys.executable, "-m", "devstack.mailbox", *ports, "--folder", self.folder])
        await self._child.until_ready(self._answers)

    async def stop(self) -> None:
        """Stop decently. Does nothing when it is down."""
        await self._child.end()

    async def kill(self) -> None:
        """End it at once, as a crash would."""
        await self._child.end(signal.SIGKILL)

    async def _answers(self) -> bool:
        return await listens(self._smtp_port) and await listens(self._http_port)


async def serve(folder: Path, *, smtp_port: int, http_port: int) -> None:
    """Receive and show messages until SIGTERM or SIGINT."""
    messages = mailbox_smtp.MailboxFolder(folder)
    receiving = await mailbox_smtp.listen(messages, smtp_port)
    async with receiving:
        page = mailbox_page.build(messages)
        # a browser keeps its connection open; a stop doesn't wait for it
        config = uvicorn.Config(
            page, host="127.0.0.1", port=http_port, log_level="warning", timeout_graceful_shutdown=1
        )
        await uvicorn.Server(config).serve()


def main() -> None:
    parser = argparse.ArgumentParser(description="Takes every message over SMTP and shows it on a web page.")
    parser.add_argument("--smtp-port", type=int, default=1025)
    parser.add_argument("--http-port", type=int, default=8025)
    parser.add_argument("--folder", type=Path, required=True, help="where messages are kept as .eml files")
    chosen = parser.parse_args()
    asyncio.run(serve(chosen.folder, smtp_port=chosen.smtp_port, http_port=chosen.http_port))


if __name__ == "__main__":
    main()
