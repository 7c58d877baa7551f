"""docker-compose.yml as Docker Compose reads it, as far as this project's file goes."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
_VARIABLE = re.compile(r"\$\{(\w+):[?-][^}]*}")


def services() -> dict[str, dict[str, Any]]:
    """Every service by name, anchors merged, nothing interpolated."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())["services"]
    return found


def ours() -> dict[str, dict[str, Any]]:
    """The services that run our own image."""
    return {name: service for name, service in services().items() if "build" in service}


def environment(service: str, given: dict[str, str]) -> dict[str, str]:
    """What a service's processes see when `.env` holds what is given, a mounted folder as it is named on the host.

    Raises KeyError for what is needed and isn't given.
    """
    entries: dict[str, str | None] = services()[service].get("environment", {})
    known = {name: given.get(name) if value is None else value for name, value in entries.items()}
    seen = {
        name: _VARIABLE.sub(lambda found: given[found[1]], value) for name, value in known.items() if value is not None
    }
    return seen | {"FOLLOWUP_SEQUENCES": str(ROOT / "sequences")}
