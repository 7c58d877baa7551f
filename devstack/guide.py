"""What `make run` says once its world is up: what there is to see, and what to try, ready to be pasted."""

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from dotenv import dotenv_values
from rich.text import Text

from devstack.ingress import Ingress
from devstack.state import RunningDevstack
from domain.instance import InstanceKey, instance_id

_PAUSED = quote('FollowUpStatus="paused"')
# Whoever sets one of these means another world than ours.
_ELSEWHERE = ("FOLLOWUP_DATABASE_URL", "FOLLOWUP_WORKSPACE", "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE")


def guide(running: RunningDevstack, worker_log: Path, ingress: Ingress, key: str) -> Iterator[Text]:
    """Write the page; `key` is the enrolment key of this run."""
    uncertain = shlex.quote(instance_id(InstanceKey("default", "no-reply", "lead-4", key)))
    followup, python = _here(Path(sys.executable).parent / "followup"), _here(Path(sys.executable))
    workflows = f"{running.temporal_ui}/namespaces/default/workflows"
    yield _title("To see")
    yield from _pair("the letters", running.mailbox_url)
    yield from _pair("the follow-ups", workflows)
    yield from _pair("those paused", f"{workflows}?query={_PAUSED}")
    yield from _pair("the worker's log", _here(worker_log))
    yield from _pair("app events go to", ingress.url)
    yield from _pair("signed with", _here(ingress.secret_file))
    yield _title("To try, in another terminal")
    yield from _try("Where does each follow-up stand?", f"{followup} list")
    yield from _try(
        "The mailbox kept lead-4's letter and hung up without an answer, on purpose. Nobody can know whether it was\n"
        "  sent, so nothing is sent again, and the follow-up is paused until somebody has looked:",
        f"{followup} show {uncertain}",
    )
    yield from _try(
        "The letter lies in the mailbox, so it was sent. Say so, and the next one follows:",
        f"{followup} resume {uncertain} --decision sent --note 'found it in the mailbox'",
    )
    starter = f"{python} {_here(Path(__file__).parent.parent / 'starter.py')}"
    said = """{"type": "lead.replied", "timestamp": "'$(date -u +%FT%TZ)'", "data": {"lead_id": "lead-1"}}"""
    yield from _try(
        "lead-1 replied, says the app: nothing more is sent to them.",
        f"echo '{said}' | {starter} event - --id reply-$(date +%s)",
    )
    yield from _try(
        "Your own leads, from a file with columns such as those of sequences/leads.csv:",
        f"{starter} enroll --sequence no-reply LEADS.csv",
    )
    yield Text("\nCtrl-C stops all of it; what happened is kept in .devstack for the next time.\n")


def other_world(checkout: Path) -> str:
    """Name the settings by which commands in this checkout would reach another world than the devstack's."""
    found = {**dotenv_values(checkout / ".env"), **os.environ}
    return ", ".join(name for name in _ELSEWHERE if found.get(name))


def _here(path: Path) -> str:
    """Write a path as it can be pasted here: short, where it lies below."""
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))


def _title(title: str) -> Text:
    return Text(f"\n{title}", "bold")


def _pair(name: str, place: str) -> Iterator[Text]:
    yield Text.assemble(f"  {name:<17} ", (place, "cyan"))


def _try(why: str, command: str) -> Iterator[Text]:
    yield Text(f"  {why}")
    yield Text(f"      {command}", "cyan")
