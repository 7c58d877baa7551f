"""YAML as plain texts, lists and dicts, with the line of everything in it."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from intake.files.file_error import FileError

Place = tuple[str | int, ...]
_NULL, *_TAGS = (f"tag:yaml.org,2002:{kind}" for kind in ("null", "str", "map", "seq"))
_KEY_AND_TEXT = re.compile(r"\s*(?:-\s+)*([A-Za-z_]+):[ \t]+(.+)")
_QUOTED = 'put the text in quotes, such as {key}: "…"'


class Tree(NamedTuple):
    """A file's content. Every scalar is a text or None; `lines` holds the line of each key and item, from 1.

    `texts` holds the line on which each scalar's own text begins: for a block, the one below its `|`. `commented` are
    the texts without quotes behind which a comment stands.
    """

    content: Any
    lines: dict[Place, int]
    texts: dict[Place, int]
    commented: set[Place]

    def line(self, place: Place) -> int:
        """Return the line of a place, or of the nearest thing around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


class _Texts(yaml.SafeLoader):
    """Takes every plain scalar for a text, but null: `17:00` is no number of 1020, and `NO` (Norway) is not false."""

    yaml_implicit_resolvers = {  # noqa: RUF012 as PyYAML declares it
        first: [(tag, pattern) for tag, pattern in resolvers if tag == _NULL]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        # A few aliases can stand for millions of nodes; a sequence needs none.
        if self.check_event(yaml.AliasEvent):
            mark = self.get_event().start_mark  # type: ignore[no-untyped-call] # the stubs leave it out
            words = "aliases are not read: write it out, or put the text in quotes"
            raise _UnreadError(problem=words, problem_mark=mark)
        return super().compose_node(parent, index)


class _UnreadError(yaml.MarkedYAMLError):
    """What YAML may have and is not read here; `problem` has its remedy."""


def read_tree(path: Path, text: str) -> Tree:
    """Read YAML. Raises FileError with the line of every duplicate key, tag and bad syntax."""
    problems: list[str] = []
    tree = Tree(None, {(): 1}, {}, set())
    try:
        root = yaml.compose(text, Loader=_Texts)
        content = _plain(root, (), tree, problems) if root else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        words = str(error.problem) if isinstance(error, _UnreadError) else _bad_syntax(text, line, error)
        raise FileError([f"{path}:{line}: {words}"]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise FileError([f"{path}:{line}: a control character; remove it"]) from None
    except RecursionError:
        raise FileError([f"{path}: is nested too deeply; make it plainer"]) from None
    if problems:
        raise FileError(f"{path}:{problem}" for problem in problems)
    return tree._replace(content=content)


def _plain(node: yaml.Node, place: Place, tree: Tree, problems: list[str]) -> Any:
    line = node.start_mark.line + 1
    if node.tag not in {_NULL, *_TAGS}:
        problems.append(f"{line}: {node.tag}: tags are not read; remove it, or put the text in quotes")
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, place, tree, problems)
    if isinstance(node, yaml.SequenceNode):
        items = enumerate(node.value)
        return [_item(item, (*place, index), tree, problems) for index, item in items]
    if getattr(node, "style", None) is None and re.match(r"[ \t]+#", _rest_of_line(node.end_mark)):
        tree.commented.add(place)
    tree.texts[place] = line + 1 if getattr(node, "style", None) in {"|", ">"} else line
    return None if node.tag == _NULL else node.value


def _item(node: yaml.Node, place: Place, tree: Tree, problems: list[str]) -> Any:
    tree.lines[place] = node.start_mark.line + 1
    return _plain(node, place, tree, problems)


def _mapping(node: yaml.MappingNode, place: Place, tree: Tree, problems: list[str]) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key_node, value in node.value:
        line, key = key_node.start_mark.line + 1, str(key_node.value)
        if not isinstance(key_node, yaml.ScalarNode):
            meant = "braces begin keys and values: " + _QUOTED.format(key="subject")
            is_braced = _rest_of_line(key_node.start_mark).startswith("{")
            problems.append(f"{line}: {meant if is_braced else 'a key must be a plain word; fix the YAML'}")
        elif key in mapping:
            problems.append(f"{line}: {key}: is given twice, first on line {tree.lines[*place, key]}; remove one")
        else:
            tree.lines[*place, key] = line
            mapping[key] = _plain(value, (*place, key), tree, problems)
    return mapping


def _rest_of_line(mark: yaml.Mark) -> str:
    return str(mark.buffer)[mark.pointer : mark.pointer + 80].partition("\n")[0]


def _bad_syntax(text: str, line: int, error: yaml.MarkedYAMLError) -> str:
    """Say what is wrong in a line; most often it is a text that needs quotes, which YAML's own words do not say."""
    written = text.split("\n")
    context = error.context_mark.line + 1 if error.context_mark else line
    for number in (line, line - 1, context):
        found = _KEY_AND_TEXT.fullmatch(written[number - 1].rstrip()) if 0 < number <= len(written) else None
        if found and (why := _needs_quotes(found[2])):
            return f"{found[1]}: {why}: {_QUOTED.format(key=found[1])}"
    if (
        written[line - 1 : line]
        and "\t" in written[line - 1][: len(written[line - 1]) - len(written[line - 1].lstrip())]
    ):
        return "is indented with a tab; indent it with spaces"
    return f"{error.problem}; fix the YAML"


def _needs_quotes(text: str) -> str | None:
    if text[0] in "\"'":
        return "the quotes do not enclose all of the text, and a quote in it is written twice"
    if text[0] in "{[%@`&*!|>?-,]}":
        return f"begins with {text[0]!r}, which means something else in YAML"
    return "has ': ', which YAML takes for a key" if ": " in text or text.endswith(":") else None
