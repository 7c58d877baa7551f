"""Runs spin: makes a searcher of a model, lets it search, and reads what it found."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from proof.model.scenes import Play, Shared

CLAIM = Path(__file__).with_name("claim.pml")
RECIPIENT = Path(__file__).with_name("recipient.pml")
NEEDED = ("spin", "gcc")
# A searcher that needs more has lost its way: the largest scene needs a quarter of it.
_MEMORY_MEGABYTES = 4096
# Paths are some 300 steps long.
_DEPTH = 20000


class How(StrEnum):
    """How a searcher goes about it; the value is what makes it so in C."""

    DEEP = "-DSAFETY"  # everything, in the least memory
    SHORTEST = "-DSAFETY -DBFS"  # stops at an error, by the shortest way there is to it
    CYCLES = "-DNP"  # looks for what repeats for ever


class Found(NamedTuple):
    """What a search found. `trace` is empty when nothing is wrong."""

    states: int
    transitions: int
    depth: int
    trace: tuple[str, ...]


class SearchError(Exception):
    """A search could not be made or finished. The message is for people."""


def missing() -> list[str]:
    """Say which programs are missing."""
    return [name for name in NEEDED if shutil.which(name) is None]


class Searcher:
    """A program that searches a model, and the folder in which it runs."""

    def __init__(self, source: Path, folder: Path, how: How) -> None:
        self._source = source
        self._folder = folder
        self._how = how
        self._program = folder / f"pan-{how.name.lower()}"

    def make(self) -> None:
        """Compile it. The C compiler optimises nothing: that would take longer than the search."""
        flags = ["-O0", "-w", "-DCOLLAPSE", "-DNOFAIR", f"-DMEMLIM={_MEMORY_MEGABYTES}", *self._how.split()]
        _run(["gcc", *flags, "-o", str(self._program), "pan.c"], self._folder)

    def search(self, play: Play | Shared) -> Found:
        """Search all that a play allows."""
        said = {f"MODEL_{name.upper()}": str(int(value)) for name, value in asdict(play).items()}
        environment = {**os.environ, **said}
        options = [f"-m{_DEPTH}", *(["-l"] if self._how is How.CYCLES else [])]
        told = _run([str(self._program), *options], self._folder, environment)
        trail = self._folder / f"{self._source.name}.trail"
        trace: tuple[str, ...] = ()
        if trail.exists():
            trace = sentences(self._source, _run([str(self._program), "-r"], self._folder, environment))
            trail.unlink()
        return _read(told, trace)


@contextmanager
def searchers(*hows: How, of: Path = CLAIM) -> Iterator[list[Searcher]]:
    """Make searchers of a model in a folder of their own, which is removed afterwards."""
    with TemporaryDirectory(prefix="model-") as name:
        folder = Path(name)
        shutil.copy(of, folder)
        _run(["spin", "-a", of.name], folder)
        made = [Searcher(of, folder, how) for how in hows]
        for searcher in made:
            searcher.make()
        yield made


def _run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(  # noqa: S603  # programs of ours and of the system, no shell
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode != 0 and command[0] in NEEDED:
        raise SearchError(f"{command[0]} failed:\n{done.stdout}")
    return done.stdout


def _read(told: str, trace: tuple[str, ...]) -> Found:
    if re.search(r"Search not completed|max search depth too small|out of memory", told) and not trace:
        raise SearchError(f"the search was not finished:\n{told}")
    errors = _number(r"errors: (\d+)", told)
    if errors and not trace:
        raise SearchError(f"an error without a trace:\n{told}")
    return Found(
        states=_number(r"(\d+) states, stored", told),
        transitions=_number(r"(\d+) transitions", told),
        depth=_number(r"depth reached (\d+)", told),
        trace=trace,
    )


def _number(pattern: str, told: str) -> int:
    found = re.search(pattern, told)
    if found is None:
        raise SearchError(f"spin said nothing of {pattern!r}:\n{told}")
    return int(found[1])


def sentences(source: Path, told: str) -> tuple[str, ...]:
    """Read what a model says behind its bars, its words in place of their numbers."""
    words = _words(source)
    lines = re.findall(r"^\| ?(.*)$", told, re.MULTILINE)
    return tuple(re.sub(r"<(\d+)>", lambda found: words[int(found[1])], line) for line in lines)


def _words(source: Path) -> dict[int, str]:
    listed = re.search(r"^mtype = \{(.*?)\}", source.read_text(), re.MULTILINE | re.DOTALL)
    if listed is None:
        raise SearchError(f"{source.name} lists no words")
    words = re.findall(r"\w+", re.sub(r"/\*.*?\*/", "", listed[1], flags=re.DOTALL))
    # spin gives the last one the number 1
    return {number: word.lower().removeprefix("say_") for number, word in enumerate(reversed(words), start=1)}
