"""Sequence files: YAML as the README describes it, every mistake reported at once, with its line and remedy."""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from domain.calendar import is_holiday
from domain.lead import UNSUBSCRIBE_URL
from domain.problem_words import problem_words
from domain.sequence import REPLY, Sequence, Step, Window
from intake.files.file_error import FileError, require_utf8
from intake.files.sequence_texts import Source, comment_warnings, commented_out, take_body_files, template_problems
from intake.files.yaml_tree import Place, read_tree
from mail.variables import required_variables

# Fifty steps of the longest letters are larger, but then they belong into files of their own.
_MOST_BYTES = 1_000_000
_ENDINGS = (".yaml", ".yml")
_WORDS = {
    "tuple_type": "must be a list; write it as [a, b], or one '- ' a line",
    "model_type": "must be keys and values; see the README's example",
    "greater_than": "must be longer than 0s",
}


class ReadSequence(NamedTuple):
    """A sequence, and what its file says that may not be meant so."""

    sequence: Sequence
    warnings: list[str]


def find_sequence(name_or_file: str, folder: Path) -> Path:
    """Return the file of a sequence: a path to one, or the name of one in `folder`. Raises FileError."""
    if Path(name_or_file).is_file():
        return Path(name_or_file)
    known = known_sequences(folder)
    if name_or_file in known:
        return known[name_or_file]
    names = ", ".join(known) or "none"
    raise FileError([f"{name_or_file}: no such file, and no such sequence in {folder.name}/; there: {names}"])


def known_sequences(folder: Path) -> dict[str, Path]:
    """Return the files of the sequences in a folder, by name."""
    return {file.stem: file for file in sorted(folder.glob("*")) if file.suffix in _ENDINGS}


def read_sequence(path: Path) -> Sequence:
    """Read and check a sequence file and the bodies it names. Raises FileError with every problem found."""
    return read_with_warnings(path).sequence


def read_for_enrolment(path: Path, *, has_links: bool) -> Sequence:
    """Read a sequence to enrol leads in. Raises FileError, also where a message would lack the link that it reads."""
    sequence = read_sequence(path)
    problems = [
        f"{path}: step {order}, body: reads {UNSUBSCRIBE_URL}, and FOLLOWUP_PUBLIC_URL is not set; set it, or write"
        f" {{{{ {UNSUBSCRIBE_URL} | default('…') }}}}"
        for order, step in enumerate(sequence.steps, start=1)
        if not has_links and UNSUBSCRIBE_URL in required_variables(step.body)
    ]
    if problems:
        raise FileError(problems)
    return sequence


def read_with_warnings(path: Path) -> ReadSequence:
    """Read a sequence file as `read_sequence` does, and say what may not be meant so."""
    require_utf8(path, most_bytes=_MOST_BYTES)
    source = Source(path, read_tree(path, path.read_text("utf-8-sig")), {})
    if not isinstance(source.tree.content, dict):
        raise FileError([f"{path}:1: must be keys and values, such as 'name: no-reply'; see the README's example"])
    warnings = list(comment_warnings(source))
    problems = [*take_body_files(source), *commented_out(source), *template_problems(source)]
    try:
        sequence = Sequence.model_validate(source.tree.content)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        problems += [source.problem(each["loc"], _sentence(each)) for each in found]
        raise FileError(sorted(problems, key=_file_and_line)) from None
    if sequence.name == REPLY:
        problems.append(source.problem(("name",), f"{REPLY!r} is what people's own words are sent as; take another"))
    problems += _calendar_problems(source, sequence)
    if problems:
        raise FileError(problems)
    return ReadSequence(sequence, warnings)


def _calendar_problems(source: Source, sequence: Sequence) -> list[str]:
    windows: list[tuple[Place, Window | None]] = [(("window",), sequence.window)]
    windows += [(("steps", index, "window"), step.window) for index, step in enumerate(sequence.steps)]
    problems = []
    for place, window in windows:
        try:
            is_holiday(window.holidays if window else None)
        except ValueError as error:
            problems.append(source.problem((*place, "holidays"), str(error)))
    return problems


def _file_and_line(problem: str) -> tuple[str, int]:
    found = re.match(r"(.*?):([0-9]+): ", problem)
    return (found[1], int(found[2])) if found else (problem, 0)


def _sentence(problem: Any) -> str:
    kind, place = problem["type"], problem["loc"]
    if kind == "extra_forbidden":
        known = _known_keys(place)
        near = get_close_matches(str(place[-1]), known, n=1)
        return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; known are {', '.join(known)}"
    if kind == "missing" and place[-1] == "body":
        return "is missing; add body or body_file"
    return problem_words(problem, _WORDS)


def _known_keys(place: Place) -> list[str]:
    if "window" in place[:-1]:
        return [field.alias or name for name, field in Window.model_fields.items()]
    if place[0] == "steps":
        return [*Step.model_fields, "body_file"]
    return list(Sequence.model_fields)
