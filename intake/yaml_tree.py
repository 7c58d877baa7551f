"""YAML as plain texts, lists and dicts, with the line of everything in it."""

from pathlib import Path
from typing import Any, NamedTuple

import yaml

from intake.file_error import FileError

Place = tuple[str | int, ...]
_NULL, *_TAGS = (f"tag:yaml.org,2002:{kind}" for kind in ("null", "str", "map", "seq"))


class Tree(NamedTuple):
    """A file's content. Every scalar is a text or None; `lines` holds the line of each key and item, from 1.

    `texts` holds the line on which each scalar's own text begins: for a block, the one below its `|`.
    """

    content: Any
    lines: dict[Place, int]
    texts: dict[Place, int]

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
            raise yaml.MarkedYAMLError(problem="aliases are not read: write it out", problem_mark=mark)
        return super().compose_node(parent, index)


def read_tree(path: Path, text: str) -> Tree:
    """Read YAML. Raises FileError with the line of every duplicate key, tag and bad syntax."""
    problems: list[str] = []
    tree = Tree(None, {(): 1}, {})
    try:
        root = yaml.compose(text, Loader=_Texts)
        content = _plain(root, (), tree, problems) if root else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise FileError([f"{path}:{line}: {error.problem}; mend the YAML"]) from None
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
        problems.append(f"{line}: {node.tag}: tags are not read; remove it")
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, place, tree, problems)
    if isinstance(node, yaml.SequenceNode):
        items = enumerate(node.value)
        return [_item(item, (*place, index), tree, problems) for index, item in items]
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
            problems.append(f"{line}: a key must be a plain word; mend the YAML")
        elif key in mapping:
            problems.append(f"{line}: {key}: is given twice, first on line {tree.lines[*place, key]}; remove one")
        else:
            tree.lines[*place, key] = line
            mapping[key] = _plain(value, (*place, key), tree, problems)
    return mapping
