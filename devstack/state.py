"""Where a running devstack says how it is reached, so that commands beside it find it by themselves."""

import os
from pathlib import Path

from pydantic import BaseModel, ValidationError


class RunningDevstack(BaseModel):
    """The addresses of a running devstack, and the process that holds it up."""

    pid: int
    database_url: str  # postgresql+psycopg://…
    temporal_address: str  # host:port
    temporal_ui: str  # http://host:port
    smtp_url: str  # smtp://host:port
    mailbox_url: str  # http://host:port, where a person reads what was delivered
    mailbox_folder: str  # where the messages lie as .eml files


def _file(home: Path) -> Path:
    return home / ".devstack" / "running.json"


def write(home: Path, running: RunningDevstack) -> None:
    """Say that a devstack runs under `home`."""
    unfinished = _file(home).with_suffix(".new")
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    unfinished.write_text(running.model_dump_json(indent=2))
    unfinished.replace(_file(home))  # at once: a reader never sees half of it


def read(home: Path) -> RunningDevstack | None:
    """Say which devstack runs under `home`; None when none does, a dead one's leftovers included."""
    try:
        running = RunningDevstack.model_validate_json(_file(home).read_text())
        os.kill(running.pid, 0)
    except (OSError, ValidationError):
        return None
    return running


def clear(home: Path) -> None:
    """Forget the devstack under `home`."""
    _file(home).unlink(missing_ok=True)
