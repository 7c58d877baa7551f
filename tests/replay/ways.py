"""Which lines of the workflow a replay passes: what no stored history passes can be changed and nobody notices."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from workflows import calls, follow_up, inbox, progress

_FILES = [str(Path(str(module.__file__))) for module in (calls, follow_up, inbox, progress)]
# A replay asks no validator, and what they ask is asked again in the command's turn; a worker lets go of no replay.
_NEVER_REPLAYED = ("raise NotImplementedError", "self._check(", "raise  # the worker lets go")
_VALIDATORS = ("_check", "was_reset")


@contextmanager
def passing(passed: set[tuple[str, int]]) -> Iterator[None]:
    """Note the lines that are passed in this thread."""

    def note(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in _FILES:
            return None
        if event == "line":
            passed.add((frame.f_code.co_filename, frame.f_lineno))
        return note

    before = sys.gettrace()
    sys.settrace(note)
    try:
        yield
    finally:
        sys.settrace(before)


def lines() -> dict[tuple[str, int], str]:
    """The lines in functions of the workflow's files that a replay may pass, with what they say."""
    found: dict[tuple[str, int], str] = {}
    for file in _FILES:
        text = Path(file).read_text()
        said = text.splitlines()
        for code in _functions(compile(text, file, "exec")):
            for *_, line in code.co_lines():
                if line and line != code.co_firstlineno and not said[line - 1].strip().startswith(_NEVER_REPLAYED):
                    found[file, line] = f"{Path(file).name}:{line}: {said[line - 1].strip()}"
    return found


def _functions(code: CodeType) -> Iterator[CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType) and inner.co_name not in _VALIDATORS:
            if inner.co_flags & 0x02:  # CO_NEWLOCALS (inspect): a function, and no class
                yield inner
            yield from _functions(inner)
