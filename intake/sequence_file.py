"""Sequence files: YAML as the README describes it, every mistake reported at once, with its line and remedy."""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from activities.calendar import is_holiday
from domain.sequence import LONGEST_BODY, REPLY, Sequence, Step, Window
from intake.file_error import FileError, require_utf8
from intake.yaml_tree import Place, Tree, read_tree
from mail.template import TemplateError, check_template

# Fifty steps of the longest letters are larger, but then they belong into files of their own.
_MOST_BYTES = 1_000_000
_ENDINGS = (".yaml", ".yml")
_WORDS = {
    "missing": "is missing; add it",
    "string_type": "must be a text; write it as one",
    "string_unicode": "contains half a character; remove it",
    "tuple_type": "must be a list; write it as [a, b], or one '- ' a line",
    "model_type": "must be keys and values; see the README's example",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "greater_than": "must be longer than 0s",
}


class _Source(NamedTuple):
    """A sequence file as read: `bodies` holds which file each `body_file` was."""

    path: Path
    tree: Tree
    bodies: dict[Place, Path]

    def problem(self, place: Place, words: str) -> str:
        return f"{self.path}:{self.tree.line(place)}: {_field(place)}{words}"


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
    require_utf8(path, most_bytes=_MOST_BYTES)
    source = _Source(path, read_tree(path, path.read_text("utf-8-sig")), {})
    if not isinstance(source.tree.content, dict):
        raise FileError([f"{path}:1: must be keys and values, such as 'name: no-reply'; see the README's example"])
    problems = [*_take_body_files(source), *_template_problems(source)]
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
    return sequence


def _steps(source: _Source) -> list[tuple[int, dict[str, Any]]]:
    steps = source.tree.content.get("steps")
    return [
        (index, step) for index, step in enumerate(steps if isinstance(steps, list) else []) if isinstance(step, dict)
    ]


def _take_body_files(source: _Source) -> list[str]:
    """Put the text of each `body_file` where `body` is; return what is wrong."""
    problems = []
    for index, step in _steps(source):
        if "body_file" not in step:
            continue
        name = step.pop("body_file")
        try:
            step["body"] = _body(source, index, name, has_body="body" in step)
        except FileError as error:
            problems += error.problems
            step.setdefault("body", "-")  # what is wrong with it has been said
    return problems


def _body(source: _Source, index: int, name: object, *, has_body: bool) -> str:
    place: Place = ("steps", index, "body_file")
    if has_body:
        raise FileError([source.problem(place, "there is a body too; remove one")])
    folder = source.path.parent.resolve()
    file = source.path.parent / str(name or "")
    if not isinstance(name, str) or not file.resolve().is_relative_to(folder):
        raise FileError([source.problem(place, "must be a file beside or below the sequence's; move it there")])
    try:
        require_utf8(file, most_bytes=4 * LONGEST_BODY)
    except FileError as error:
        raise FileError(source.problem(place, problem) for problem in error.problems) from None
    source.bodies["steps", index, "body"] = file
    return file.read_text("utf-8-sig")


def _template_problems(source: _Source) -> list[str]:
    return [
        problem
        for index, step in _steps(source)
        for field in ("subject", "body")
        if isinstance(step.get(field), str)
        for problem in _template_problem(source, ("steps", index, field), step[field])
    ]


def _template_problem(source: _Source, place: Place, template: str) -> list[str]:
    try:
        check_template(template)
    except TemplateError as error:
        offset = (error.line or 1) - 1
        if place in source.bodies:
            return [f"{source.bodies[place]}:{1 + offset}: {_field(place)}{error}"]
        line = source.tree.texts.get(place, source.tree.line(place))
        return [f"{source.path}:{line + offset}: {_field(place)}{error}"]
    return []


def _calendar_problems(source: _Source, sequence: Sequence) -> list[str]:
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


def _field(place: Place) -> str:
    """Name a place as people do: steps count from 1."""
    if len(place) > 1 and place[0] == "steps":
        return f"step {int(place[1]) + 1}, {'.'.join(map(str, place[2:]))}: ".replace(", : ", ": ")
    return f"{'.'.join(str(part) for part in place if isinstance(part, str))}: " if place else ""


def _sentence(problem: Any) -> str:
    kind, place = problem["type"], problem["loc"]
    if kind == "extra_forbidden":
        known = _known_keys(place)
        near = get_close_matches(str(place[-1]), known, n=1)
        return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; known are {', '.join(known)}"
    if kind == "missing" and place[-1] == "body":
        return "is missing; add body or body_file"
    words = _WORDS.get(kind, problem["msg"].removeprefix("Value error, "))
    return str(words.replace("Input should be", "must be"))


def _known_keys(place: Place) -> list[str]:
    if "window" in place[:-1]:
        return [field.alias or name for name, field in Window.model_fields.items()]
    if place[0] == "steps":
        return [*Step.model_fields, "body_file"]
    return list(Sequence.model_fields)
