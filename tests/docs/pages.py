"""The pages people read, taken apart: what they name, link to and show."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *(ROOT / f"{name}.md" for name in ("README", "ARCHITECTURE", "CONTRIBUTING", "CHANGELOG")),
        *ROOT.glob("docs/*.md"),
    ]
)
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
# Where a name that pages use is to be found.
_SOURCES = ("*.py", "*.yaml", "*.yml", "*.toml", "Makefile", ".env.example", "*.csv")


def named(page: Path) -> list[str]:
    """What a page sets in code: everything between backticks, and every command of its blocks."""
    text = page.read_text()
    blocks = "\n".join(_FENCE.findall(text))
    commands = [line.removeprefix("$ ") for line in blocks.splitlines() if line.startswith("$ ")]
    return _CODE.findall(_FENCE.sub("", text)) + commands


def links(page: Path) -> list[str]:
    """Where a page leads to in this checkout."""
    found = _LINK.findall(_FENCE.sub("", page.read_text()))
    return [target for target in found if not target.startswith(("http://", "https://"))]


def anchors(page: Path) -> set[str]:
    """What a page's headings are linked by, as GitHub makes it of them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@cache
def tests() -> set[str]:
    """The names of all tests of this checkout."""
    trees = (ast.parse(path.read_text()) for path in (ROOT / "tests").rglob("test_*.py"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, kinds)}


@cache
def words() -> set[str]:
    """Every word of the sources, tests and these pages apart."""
    return {word for path in _source_files() for word in re.findall(r"\w+", path.read_text())}


def _source_files() -> Iterator[Path]:
    for pattern in _SOURCES:
        for path in ROOT.rglob(pattern):
            if not {".venv", ".devstack", "tests", "build"} & set(path.relative_to(ROOT).parts):
                yield path
