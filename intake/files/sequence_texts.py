"""The texts of a sequence file: where each stands, read from the files they name, and checked as templates."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from domain.draft import Channel
from domain.sequence import LONGEST_BODY
from intake.files.file_error import FileError, require_utf8
from intake.files.yaml_tree import Place, Tree
from mail.template import TemplateError, check_subject, check_task, check_template

_TEXTS = ("subject", "body")


class Source(NamedTuple):
    """A sequence file as read: `bodies` holds which file each `body_file` was."""

    path: Path
    tree: Tree
    bodies: dict[Place, Path]

    def problem(self, place: Place, words: str) -> str:
        return f"{self.path}:{self.tree.line(place)}: {_field(place)}{words}"


def _steps(source: Source) -> list[tuple[int, dict[str, Any]]]:
    steps = source.tree.content.get("steps")
    return [
        (index, step) for index, step in enumerate(steps if isinstance(steps, list) else []) if isinstance(step, dict)
    ]


def take_body_files(source: Source) -> list[str]:
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


def _body(source: Source, index: int, name: object, *, has_body: bool) -> str:
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


def comment_warnings(source: Source) -> Iterator[str]:
    """Say behind which texts a comment stands that may be meant as a part of them."""
    for index, step in _steps(source):
        for field in _TEXTS:
            place: Place = ("steps", index, field)
            if place in source.tree.commented and step.get(field) is not None:
                words = "what stands behind ' #' is a comment and is not sent; if it is meant, put the text in quotes"
                yield f"line {source.tree.line(place)}: {_field(place)}{words}"


def commented_out(source: Source) -> Iterator[str]:
    """Say which texts are nothing but a comment."""
    for index, step in _steps(source):
        for field in _TEXTS:
            place: Place = ("steps", index, field)
            if place in source.tree.commented and field in step and step[field] is None:
                yield source.problem(place, "is empty, because ' #' begins a comment; put the text in quotes")
                step[field] = "-"  # what is wrong with it has been said


def template_problems(source: Source) -> list[str]:
    """Say what is wrong with each template, with its line in its file."""
    problems = []
    for index, step in _steps(source):
        is_task = step.get("channel") == Channel.TASK
        for field in _TEXTS:
            if isinstance(template := step.get(field), str):
                problems += _template_problem(source, ("steps", index, field), template, is_task=is_task)
    return problems


def _template_problem(source: Source, place: Place, template: str, *, is_task: bool) -> list[str]:
    try:
        check_template(template)
        if place[-1] == "subject":
            check_subject(template)
        elif is_task:
            check_task(template)
    except TemplateError as error:
        offset = (error.line or 1) - 1
        if place in source.bodies:
            return [f"{source.bodies[place]}:{1 + offset}: {_field(place)}{error}"]
        line = source.tree.texts.get(place, source.tree.line(place))
        return [f"{source.path}:{line + offset}: {_field(place)}{error}"]
    return []


def _field(place: Place) -> str:
    """Name a place as people do: steps count from 1."""
    if len(place) > 1 and place[0] == "steps":
        return f"step {int(place[1]) + 1}, {'.'.join(map(str, place[2:]))}: ".replace(", : ", ": ")
    return f"{'.'.join(str(part) for part in place if isinstance(part, str))}: " if place else ""
