"""The ingress of a local run: where events and mail may be posted, each signed with a secret of this checkout alone."""

import base64
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from devstack.child import Child, listens
from devstack.ports import free_ports

_ROOT = Path(__file__).parent.parent
# Where people look for it, if it is free.
USUAL_PORT = 8000


class Ingress:
    """A process of `starter.py serve`; its secrets lie in the folder from the first run on."""

    def __init__(self, folder: Path, *, usual_port: bool) -> None:
        self._child = Child("ingress", folder)
        self._usual = USUAL_PORT if usual_port else None
        self.log = self._child.log
        self.secret_file = folder / "event-secret"
        self._inbound_secret_file = folder / "inbound-secret"
        self.port = 0

    @property
    def url(self) -> str:
        """Where events are posted."""
        return f"http://127.0.0.1:{self.port}/events"

    async def start(self, settings: Mapping[str, str]) -> None:
        """Start it and wait until it listens. Raises DevstackError."""
        self.port = free_ports([self._usual])[0]
        command: list[str | Path] = [sys.executable, _ROOT / "starter.py", "serve", "--port", str(self.port)]
        secrets_of_doors = {
            "FOLLOWUP_EVENT_SECRET": _secret(self.secret_file),
            "FOLLOWUP_INBOUND_SECRET": _secret(self._inbound_secret_file),
        }
        await self._child.start(command, environment={**settings, **secrets_of_doors})
        await self._child.until_ready(lambda: listens(self.port))

    async def ended(self) -> int:
        """Wait for its end by itself; returns the exit code."""
        return await self._child.ended()

    async def end(self) -> None:
        """End it, after what is under way is done."""
        await self._child.end()

    def last_words(self) -> str:
        """The end of its log."""
        return self._child.last_words()


def _secret(file: Path) -> str:
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}\n")
    return file.read_text().strip()
