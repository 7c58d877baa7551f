"""What `make mutate` breaks stands where it says, and of the schema it breaks everything."""

import ast
from pathlib import Path

import pytest
from sqlalchemy import text

from proof.guards import schema
from proof.guards.broken import Break
from proof.guards.mutate import BREAKS, Verdict, judge
from store.engine import open_engine

_HOME = Path(__file__).parents[3]
# Alembic's own; it refuses to go on when there are two.
_NOT_OURS = {"alembic_version_pkc"}
_CONSTRAINTS = """
    SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'u', 'p')
    UNION SELECT indexrelid::regclass::text FROM pg_index
     WHERE indisunique AND indrelid::regclass::text IN (SELECT tablename FROM pg_tables WHERE schemaname = 'public')
    UNION SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"""


@pytest.mark.parametrize("one", BREAKS, ids=lambda one: one.guard)
def test_what_is_to_be_broken_stands_there_once_and_its_test_is_one(one: Break) -> None:
    assert (_HOME / one.file).read_text().count(one.before) == 1
    name, _, test = one.test.partition("::")
    tests = {node.name for node in ast.walk(ast.parse((_HOME / name).read_text())) if hasattr(node, "name")}
    assert not test or test.partition("[")[0] in tests


_REPORT = '<testsuites><testsuite><testcase name="test">{}</testcase></testsuite></testsuites>'


@pytest.mark.parametrize(
    ("code", "said", "verdict"),
    [
        (0, "", Verdict.PASSED),
        (1, '<failure message="AssertionError: 2 == 1"/>', Verdict.FAILED),
        (1, '<failure message="AssertionError"/><error message="failed on teardown"/>', Verdict.FAILED),
        (1, '<error message="failed on setup with ProgrammingError"/>', Verdict.DID_NOT_RUN),
        (1, '<failure message="Failed: Timeout (&gt;300.0s) from pytest-timeout."/>', Verdict.DID_NOT_RUN),
        (1, "", Verdict.DID_NOT_RUN),
        (1, '<failure message="TimeoutError"/>', Verdict.FAILED),
        (4, "", Verdict.DID_NOT_RUN),
    ],
)
def test_a_guard_is_found_only_when_its_test_itself_fails(code: int, said: str, verdict: Verdict) -> None:
    assert judge(code, _REPORT.format(said)) is verdict


def test_no_two_breaks_are_called_the_same() -> None:
    assert len({one.guard for one in BREAKS}) == len(BREAKS)


async def test_every_constraint_unique_index_and_trigger_is_broken_by_one(database_url: str) -> None:
    engine = open_engine(database_url)
    async with engine.connect() as connection:
        there = set((await connection.execute(text(_CONSTRAINTS))).scalars())
    await engine.dispose()
    broken = {name for one in schema.BREAKS for name in one.guard.split()[1:2]}
    assert there - _NOT_OURS == broken
