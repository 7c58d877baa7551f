"""Sends to servers of bad manners, and compares every outcome with the server's own log."""

import tempfile
from collections import Counter
from collections.abc import Set
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from domain.outcome import Outcome
from proof.rig.figures import load, show
from proof.rig.ground import at_once
from proof.rig.processes import process
from proof.rules.manners import JUDGED, LIES, MANNERS
from providers.provider import Letter
from providers.smtp.provider import SmtpProvider

# What hangs is waited for so long; on a loopback no right answer takes as long.
_PATIENCE = timedelta(seconds=1.5)
_AT_ONCE = 25
_MESSAGE = b"Message-ID: <%s>\r\nSubject: rules\r\n\r\n" + b"How are you?\r\n" * 40


class Count(NamedTuple):
    """What became of the messages to one server: outcomes by kind, and those that its log contradicts."""

    outcomes: Counter[str]
    wrong_sent: int
    wrong_not_sent: int
    unknown_taken: int


async def measure(console: Console, *, messages: int, seed: int, seeds: int) -> int:
    """Send so many messages, shared by all servers and seeds; returns 1 when an outcome was wrong that need not be."""
    each = max(1, messages // (len(JUDGED) * seeds))
    rows, wrong = [], 0
    for name in MANNERS:
        counted = [await send_to(name, number, each) for number in range(seed, seed + seeds)]
        rows.append([name, *_row(counted, each)])
        if name != LIES:
            wrong += sum(count.wrong_sent + count.wrong_not_sent for count in counted)
    head = ("server", "messages", "sent", "refused", "not sent", "unknown", "of these taken", "wrong sent")
    notes = (
        f"seeds {seed} to {seed + seeds - 1}, {_AT_ONCE} sends at a time, {load()}",
        "wrong: recorded as sent, and the server did not take it; recorded as refused or not sent, and it did",
        "a server that lies inside the protocol is told of, and counted as nothing: nobody can be right about it",
    )
    show(console, "Servers that break the rules of SMTP", [*head, "wrong not sent"], rows, *notes)
    return 1 if wrong else 0


def _row(counted: list[Count], each: int) -> list[str]:
    outcomes = sum((count.outcomes for count in counted), Counter[str]())
    figures = [each * len(counted), *(outcomes[kind] for kind in ("sent", "refused", "not_sent", "unknown"))]
    figures += [sum(count.unknown_taken for count in counted), sum(count.wrong_sent for count in counted)]
    return [f"{figure:,}" for figure in [*figures, sum(count.wrong_not_sent for count in counted)]]


async def send_to(manners: str, seed: int, messages: int) -> Count:
    """Send so many messages to one server, and count what became of them."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "taken"
        log.touch()
        options = ("--manners", manners, "--seed", str(seed), "--log", str(log))
        async with process("-m", "proof.rules.server", *options) as server:
            port = await server.stdout.readline() if server.stdout else b""
            outcomes = await _send(f"smtp://127.0.0.1:{int(port)}", messages)
        return count(outcomes, set(log.read_text().split()))


async def _send(url: str, messages: int) -> dict[str, Outcome]:
    provider = SmtpProvider.from_url(url, send_timeout=_PATIENCE)
    outcomes: dict[str, Outcome] = {}

    async def send(name: str) -> None:
        letter = Letter(name, "ada@ours.test", "bob@lead.test", _MESSAGE % name.encode())
        outcomes[f"<{name}>"] = await provider.send(letter, _yes)

    await at_once((partial(send, f"{number}@rules.test") for number in range(messages)), _AT_ONCE)
    return outcomes


async def _yes() -> bool:
    return True


def count(outcomes: dict[str, Outcome], taken: Set[str]) -> Count:
    """Compare outcomes, by Message-ID, with what the server took."""
    by_kind = {kind: {name for name, outcome in outcomes.items() if outcome.kind == kind} for kind in _KINDS}
    return Count(
        outcomes=Counter({kind: len(names) for kind, names in by_kind.items()}),
        wrong_sent=len(by_kind["sent"] - taken),
        wrong_not_sent=len((by_kind["not_sent"] | by_kind["refused"]) & taken),
        unknown_taken=len(by_kind["unknown"] & taken),
    )


_KINDS = ("sent", "refused", "not_sent", "unknown")
