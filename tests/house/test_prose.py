"""Code never reads prose: what is written for people may be rephrased at any time, and nothing changes."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("activities", "domain", "doors", "intake", "mail", "operating", "providers", "store", "workflows")
FILES = [*ROOT.glob("*.py"), *(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))]
# migrations read what was written before there were causes
PRODUCT = [file for file in FILES if "migrations" not in file.parts]
_PROSE = {"why", "note"}
_READS = {"startswith", "endswith", "like", "not_like", "ilike", "contains", "in_", "not_in", "regexp_match", "find"}


def _is_prose(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in _PROSE


def _compared(tree: ast.AST) -> Iterator[int]:
    """The lines on which text for people decides something; that it is empty may be asked."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            parts = [part for side in sides for part in (side.elts if isinstance(side, ast.Tuple) else [side])]
            empty = any(isinstance(side, ast.Constant) and side.value in ("", None) for side in sides)
            if any(_is_prose(part) for part in parts) and not empty:
                yield node.lineno
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and called.attr in _READS and _is_prose(called.value):
            yield called.lineno
        if isinstance(node, ast.Match) and _is_prose(node.subject):
            yield node.lineno


def test_no_code_compares_what_is_written_for_people() -> None:
    found = [f"{file.relative_to(ROOT)}:{line}" for file in PRODUCT for line in _compared(ast.parse(file.read_text()))]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        'entry.why.startswith("skipped")',
        'draft.why == "approved by ada"',
        "draft.why in (said, told)",
        "(draft.state, draft.why) == (state, said)",
        'LedgerEntry.why.like("skipped%")',
        'match entry.why:\n    case "x": pass',
    ],
)
def test_each_way_of_comparing_is_found(code: str) -> None:
    assert list(_compared(ast.parse(code))) == [1]


@pytest.mark.parametrize("code", ['LedgerEntry.why != ""', "f'{entry.why}'", "draft.cause is Cause.SEEN"])
def test_what_shows_it_or_asks_whether_there_is_any_is_not(code: str) -> None:
    assert list(_compared(ast.parse(code))) == []
