"""The worker's log: ids are arguments of a line, so no id can be a format string."""

import ast
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio import activity, workflow
from temporalio.testing import ActivityEnvironment

from domain.draft import DraftKey, draft_id
from domain.lead import Lead
from domain.outcome import Outcome
from operating.log import LineFormatter
from providers.provider import Gate, Letter
from providers.scripted import ScriptedProvider
from tests.command import ROOT
from tests.scene import Scene, a_lead, a_sequence
from tests.whole.looking import until
from worker import make_worker

# Percent-encoding makes `%2B`, `%25s` and `%25%28name%29d` of these; each once broke or changed a line.
AWKWARD = ("sales+west", "50%", "%s", "%(name)s", "%d%5d", "100%%", "a%2Bb")
_LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
_NOT_OF_THE_PRODUCT = {".venv", "build", "tests"}


class _Kept(logging.Handler):
    """Keeps each line as it is written. A record that can't be formatted raises where logging would print a trace."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(LineFormatter())
        self.lines: list[str] = []
        self.failures: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.lines.append(self.format(record))
        except Exception as error:
            self.failures.append(f"{record.name}: {record.msg!r}: {error}")


@contextmanager
def _kept() -> Iterator[_Kept]:
    kept, root = _Kept(), logging.getLogger()
    level = root.level
    root.addHandler(kept)
    root.setLevel(logging.DEBUG)
    try:
        yield kept
    finally:
        root.removeHandler(kept)
        root.setLevel(level)


class _Broken:
    """A provider adapter with a bug."""

    name = "broken"

    async def send(self, letter: Letter, gate: Gate) -> Outcome:  # noqa: ARG002  # it never gets that far
        raise KeyError("%s %(name)s")

    async def close(self) -> None:
        """Nothing is open."""


async def _all_are(scene: Scene, status: str) -> bool:
    rows = await scene.rows("SELECT status FROM instances")
    return {row.status for row in rows} == {status}


def _leads() -> list[Lead]:
    return [a_lead(one, email=f"grace-{number}@example.test") for number, one in enumerate(AWKWARD)]


def _drafts(scene: Scene, steps: int) -> list[str]:
    instances = [scene.instance(one) for one in AWKWARD]
    return [draft_id(DraftKey(instance, step)) for instance in instances for step in range(1, steps + 1)]


async def test_a_send_is_one_line_that_names_its_draft_whatever_the_lead_id_is(scene: Scene) -> None:
    with _kept() as kept:
        async with scene.worker(ScriptedProvider()):
            await scene.enroll(a_sequence(), *_leads())
            await until(lambda: _all_are(scene, "completed"))
    assert kept.failures == []
    sent = [line.partition(": ") for line in kept.lines if line.endswith(": sent scripted")]
    assert sorted(draft for draft, _, _ in sent) == sorted(_drafts(scene, steps=3))


async def test_a_failure_is_a_line_that_names_its_draft_whatever_the_lead_id_is(scene: Scene) -> None:
    with _kept() as kept:
        async with scene.worker(_Broken()):
            await scene.enroll(a_sequence(), *_leads())
            await until(lambda: _all_are(scene, "paused"))
    assert kept.failures == []
    failed = [line.partition(": the provider adapter failed: KeyError") for line in kept.lines]
    assert sorted(draft for draft, found, _ in failed if found) == sorted(_drafts(scene, steps=1))


async def test_the_sdks_own_loggers_keep_ids_out_of_the_text_once_a_worker_is_made(scene: Scene) -> None:
    make_worker(scene.client, scene.engine, ScriptedProvider(), scene.settings())
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, workflow_id="follow-up:w:s:a%2Bb")
    with _kept() as kept:
        environment.run(lambda: activity.logger.warning("attempt %d failed", 1))
    assert kept.failures == []
    [line] = [line for line in kept.lines if line.startswith("attempt")]
    assert line.startswith("attempt 1 failed (workflow follow-up:w:s:a%2Bb, run ")
    assert not workflow.logger.workflow_info_on_message


@pytest.mark.parametrize("field", ["temporal_activity", "temporal_workflow"])
def test_a_line_of_the_sdk_ends_with_the_ids_it_is_about(field: str) -> None:
    record = logging.LogRecord("temporalio", logging.WARNING, __file__, 1, "failed after %s", ("5 s",), None)
    setattr(record, field, {"workflow_id": "follow-up:w:s:a%2Bb", "run_id": "1-2", "attempt": 1})
    assert LineFormatter().format(record).endswith("failed after 5 s (workflow follow-up:w:s:a%2Bb, run 1-2)")


def _calls() -> Iterator[tuple[Path, ast.Call]]:
    """Every call in the product that writes to a log, as far as names tell."""
    for file in ROOT.rglob("*.py"):
        if not _NOT_OF_THE_PRODUCT & set(file.relative_to(ROOT).parts):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and _writes_to_a_log(node.func):
                    yield file.relative_to(ROOT), node


def _writes_to_a_log(called: ast.expr) -> bool:
    if not (isinstance(called, ast.Attribute) and called.attr in _LEVELS):
        return False
    of = ast.unparse(called.value).rpartition(".")[2].lower().lstrip("_")
    return of.endswith("log") or "logg" in of


def test_the_text_of_a_log_call_is_a_literal_everywhere() -> None:
    calls = list(_calls())
    texts = [(file, call, call.args[1 if ast.unparse(call.func).endswith(".log") else 0]) for file, call in calls]
    made = [
        f"{file}:{call.lineno}"
        for file, call, text in texts
        if not (isinstance(text, ast.Constant) and isinstance(text.value, str))
    ]
    assert made == []
    assert {"activities", "web", "worker.py"} <= {file.parts[0] for file, _, _ in texts}, "the search finds calls"
