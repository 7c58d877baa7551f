"""State changes in `transactions/` alone: nobody else imports what writes to the store."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
STORE = [file for file in (ROOT / "store").glob("*.py") if file.stem not in {"schema", "grants", "guards", "tables"}]
MAY_WRITE = {"store", "transactions", "tests", "proof"}
OTHERS = [
    file
    for file in ROOT.rglob("*.py")
    if not file.relative_to(ROOT).parts[0].startswith(".") and file.relative_to(ROOT).parts[0] not in MAY_WRITE
]
_WRITES = {"insert", "update", "delete"}


def _is_write(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(value=ast.Name(id="postgresql"), attr=name)):
            return name in _WRITES
        case ast.Constant(value=str(text)):
            return text.strip().upper().startswith(("INSERT ", "UPDATE ", "DELETE "))
    return False


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _defined(statement: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name, statement
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            yield name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, value


def writing(source: str) -> set[str]:
    """The names of a module of the store that write: by a statement of their own, or through others of the module."""
    defined = dict(pair for statement in ast.parse(source).body for pair in _defined(statement))
    found = {name for name, node in defined.items() if any(_is_write(part) for part in ast.walk(node))}
    while more := {name for name, node in defined.items() if name not in found and _names(node) & found}:
        found |= more
    return found


def imported(source: str) -> Iterator[tuple[str, str]]:
    """What is imported from the store: module and name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "store":
            yield from ((node.module, alias.name) for alias in node.names)


def test_nobody_but_transactions_imports_what_writes() -> None:
    writes = {(f"store.{file.stem}", name) for file in STORE for name in writing(file.read_text())}
    assert ("store.drafts", "claim_draft") in writes
    assert ("store.sequences", "save_sequence") in writes
    assert ("store.facts", "read_facts") not in writes
    found = [
        f"{file.relative_to(ROOT)}: {module}.{name}"
        for file in OTHERS
        for module, name in imported(file.read_text())
        if (module, name) in writes
    ]
    assert found == []


def test_nobody_imports_a_whole_module_of_the_store_that_writes() -> None:
    """Else what it writes by would not be seen above."""
    writes = {file.stem for file in STORE if writing(file.read_text())}
    whole = [
        f"{file.relative_to(ROOT)}: {name}"
        for file in OTHERS
        for module, name in imported(file.read_text())
        if module == "store" and name in writes
    ]
    assert whole == []


def test_what_writes_is_found_however_it_does() -> None:
    source = """
_A = insert(Draft)
_B = _A.returning(Draft.id)
_C = text("  UPDATE drafts SET x = 1")
def a(c): return c.execute(_B)
def b(c): return a(c)
def reads(c): return c.execute(select(Draft))
"""
    assert writing(source) == {"_A", "_B", "_C", "a", "b"}
