"""The locks are what a checkout, CI and the image install: complete, hashed, and of no one registry or machine."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
# each lock, and the parts of pyproject.toml that it and those before it satisfy
LOCKS = {
    "requirements.lock": ["build"],
    "requirements-run.lock": ["build", "devstack"],
    "requirements-dev.lock": ["build", "devstack", "dev"],
}
# the lock of `make peers` stands beside the last one: it may count on the others, but not on that
PEERS = "requirements-peers.lock"


def requirements(lock: str) -> list[str]:
    """The lock's requirements, each with its hashes, as pip reads them: continued lines joined, comments gone."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / lock).read_text(), flags=re.MULTILINE)
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def pinned(lock: str) -> dict[str, str]:
    """The versions by name that are there once this lock and those before it are installed."""
    names = list(LOCKS)
    until = [*names[:2], PEERS] if lock == PEERS else names[: names.index(lock) + 1]
    found = [Requirement(line.split(" --hash=")[0]) for name in until for line in requirements(name)]
    return {canonicalize_name(entry.name): str(entry.specifier).removeprefix("==") for entry in found}


def wanted(extras: list[str]) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    parts = [project["build-system"]["requires"], project["project"]["dependencies"]]
    parts += [project["project"]["optional-dependencies"][extra] for extra in extras]
    return [Requirement(line) for part in parts for line in part]


@pytest.mark.parametrize("lock", [*LOCKS, PEERS])
def test_every_requirement_is_a_version_with_hashes_and_nothing_else(lock: str) -> None:
    one = re.compile(r"[a-z0-9._-]+==[^\s;]+( ; .+?)?( +--hash=sha256:[0-9a-f]{64})+ *")
    assert [line for line in requirements(lock) if not one.fullmatch(line)] == []


@pytest.mark.parametrize("lock", [*LOCKS, PEERS])
def test_a_lock_names_no_registry_and_no_path(lock: str) -> None:
    assert re.findall(r".*(?:://|[ =]/).*", (ROOT / lock).read_text()) == []


@pytest.mark.parametrize(("lock", "extras"), [*LOCKS.items(), (PEERS, ["build", "peers"])])
def test_a_lock_satisfies_pyproject(lock: str, extras: list[str]) -> None:
    have = pinned(lock)
    short = [
        str(want)
        for want in wanted(extras)
        if not want.specifier.contains(have.get(canonicalize_name(want.name), "0"), prereleases=True)
    ]
    assert short == [], "run `make lock`"


@pytest.mark.parametrize(("lock", "extras"), LOCKS.items())
def test_a_lock_holds_all_that_its_packages_need(lock: str, extras: list[str]) -> None:
    """Pip installs without resolving, so nothing else would notice a hole (`make peers` runs `pip check`)."""
    have = pinned(lock)
    lacking = {}
    todo, done = [(want.name, frozenset(want.extras)) for want in wanted(extras)], set()
    while todo:
        name, asked = todo.pop()
        if (name, asked) in done:
            continue
        done.add((name, asked))
        for need in needs(name, asked):
            todo.append((need.name, frozenset(need.extras)))
            if not need.specifier.contains(have.get(canonicalize_name(need.name), "0"), prereleases=True):
                lacking[name] = str(need)
    assert lacking == {}


def needs(name: str, extras: frozenset[str]) -> list[Requirement]:
    """What an installed package needs here, with these extras of it."""
    found = [Requirement(line) for line in importlib.metadata.requires(name) or []]
    environments: list[dict[str, str]] = [{"extra": extra} for extra in ("", *extras)]
    return [need for need in found if need.marker is None or any(need.marker.evaluate(e) for e in environments)]
