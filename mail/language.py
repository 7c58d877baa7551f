"""What of Jinja a message may use: allowed things are listed, not forbidden ones.

A template may read variables, choose (`if`), and shorten or re-case texts. It may not repeat or assign anything, and a
list is never written, only asked: so what a template makes is no longer, but for a small factor, than itself and what
it reads.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from jinja2 import StrictUndefined, Template, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from domain.lead import UNSUBSCRIBE_URL

_FILTERS = frozenset(
    {"capitalize", "d", "default", "first", "last", "length", "lower", "title", "trim", "truncate", "upper"}
)
_DEFAULTS = frozenset({"d", "default"})
# Those that take a list, and give one of its texts, or their number.
_OF_A_LIST = frozenset({"first", "last", "length"})
_DEFINED = frozenset({"defined", "undefined"})
_TESTS = frozenset({*_DEFINED, "eq", "equalto", "ne", "in", "none", "string", "lower", "upper"})
_METHODS = frozenset(
    {
        "capitalize",
        "endswith",
        "lower",
        "removeprefix",
        "removesuffix",
        "split",
        "startswith",
        "strip",
        "title",
        "upper",
    }
)
# Jinja takes these for its own; `self` would write an object of it.
_WORDS = frozenset({"self", "super", "loop", "caller", "varargs", "kwargs"})
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.CondExpr, nodes.Name, nodes.Const, nodes.Filter,
    nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.Getitem, nodes.Slice,
    nodes.Getattr, nodes.Call, nodes.Keyword, nodes.Neg, nodes.List, nodes.Tuple,
)  # fmt: skip
# Each character of a text is looked for among those to strip: many times many would take minutes.
_MOST_STRIPPED = 100

# Plain text: nothing is escaped. A line that holds nothing but a tag leaves no empty line behind.
ENVIRONMENT = ImmutableSandboxedEnvironment(
    autoescape=False,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
ENVIRONMENT.globals.clear()  # `range` and the like: a name is a variable of the lead or it is missing


class TemplateError(Exception):
    """A template can't be used. The sentence says where and what to do, and shows no lead's data.

    `line` is the template's line, from 1, where it is known.
    """

    def __init__(self, sentence: str, line: int | None = None) -> None:
        super().__init__(sentence)
        self.line = line


class Compiled(NamedTuple):
    """A template that may be rendered, and how often it reads which variable; 0: it asks only whether it is there."""

    template: Template
    reads: Counter[str]


def compiled(source: str) -> Compiled:
    """Check a template, and compile it. Raises TemplateError for what it may not use, and what Jinja raises."""
    tree = ENVIRONMENT.parse(source)
    called = {id(node.node) for node in tree.find_all(nodes.Call)}
    for node in tree.find_all(nodes.Node):
        _check(node, called)
    _check_shapes(tree)
    reads = Counter({node.name: 0 for node in tree.find_all(nodes.Name)})
    asked = {id(test.node) for test in tree.find_all(nodes.Test) if test.name in _DEFINED}
    reads.update(node.name for node in tree.find_all(nodes.Name) if id(node) not in asked)
    return Compiled(ENVIRONMENT.from_string(source), reads)


def unfit_for_a_subject(source: str) -> str | None:
    """Say why a template that is allowed makes no subject, whatever its variables are."""
    tree = ENVIRONMENT.parse(source)
    if UNSUBSCRIBE_URL in {node.name for node in tree.find_all(nodes.Name)}:
        return f"a subject has no link: take {UNSUBSCRIBE_URL} out"
    for block in _blocks(tree.body):
        text = block.strip()
        if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in text):
            return "is more than one line, or has a control character: write it in one line"
        if "=?" in text:
            return "contains '=?', which mail programs take for encoded text: take it out"
    return None


def _blocks(body: Sequence[nodes.Node]) -> Iterator[str]:
    """Return what is written together whenever it is, an `x` for each expression."""
    outputs = [part for node in body if isinstance(node, nodes.Output) for part in node.nodes]
    yield "".join(part.data if isinstance(part, nodes.TemplateData) else "x" for part in outputs)
    for node in body:
        if isinstance(node, nodes.If):
            for branch in (node.body, node.elif_, node.else_):
                yield from _blocks(branch)


def _check(node: nodes.Node, called: set[int]) -> None:
    """Refuse what a message doesn't need."""
    match node:
        case nodes.Call():
            _check_call(node)
        case nodes.Getattr():
            _check_attribute(node, called)
        case nodes.Getitem() if not _is_place(node.arg):
            raise TemplateError("may read a part of a text by its place alone, such as [0] or [:20]", node.lineno)
        case nodes.Filter():
            _check_filter(node)
        case nodes.Test() if node.name not in _TESTS:
            raise TemplateError(f"may not use the test {node.name}: use {', '.join(sorted(_TESTS))}", node.lineno)
        case nodes.Name() if node.name in _WORDS:
            raise TemplateError(f"may not read {node.name}, a word of templates: rename the variable", node.lineno)
    if not isinstance(node, _ALLOWED):
        kind = type(node).__name__.lower()
        hint = "; a variable's name has '_' and no '-'" if kind == "sub" else ""
        raise TemplateError(f"may not use {kind}: a message has variables, if, and filters{hint}", node.lineno)
    _check_link(node)


def _check_filter(node: nodes.Filter) -> None:
    if node.name not in _FILTERS:
        raise TemplateError(f"may not use the filter {node.name}: use {', '.join(sorted(_FILTERS))}", node.lineno)
    if node.name == "trim":
        _check_stripped(node)


def _check_call(node: nodes.Call) -> None:
    if not (isinstance(node.node, nodes.Getattr) and node.node.attr in _METHODS):
        raise TemplateError(f"may call nothing but {', '.join(sorted(_METHODS))} of a text", node.lineno)
    if node.node.attr == "strip":
        _check_stripped(node)


def _check_attribute(node: nodes.Getattr, called: set[int]) -> None:
    if node.attr not in _METHODS:
        raise TemplateError(f"may not read .{node.attr}: variables are texts; use one of the lead's own", node.lineno)
    if id(node) not in called:
        raise TemplateError(f"may not read .{node.attr} without calling it: write .{node.attr}()", node.lineno)


def _check_stripped(node: nodes.Call | nodes.Filter) -> None:
    for argument in (*node.args, *(keyword.value for keyword in node.kwargs)):
        if not isinstance(argument, nodes.Const) or len(str(argument.value)) > _MOST_STRIPPED:
            sentence = f"may strip up to {_MOST_STRIPPED} characters that stand in the template alone"
            raise TemplateError(sentence, node.lineno)


def _check_link(node: nodes.Node) -> None:
    """Refuse to change the link: it must be the one that List-Unsubscribe has."""
    changes = isinstance(node, nodes.Getitem | nodes.Getattr) or (
        isinstance(node, nodes.Filter) and node.name not in _DEFAULTS
    )
    inner = getattr(node, "node", None)
    if changes and isinstance(inner, nodes.Name) and inner.name == UNSUBSCRIBE_URL:
        raise TemplateError(f"may not change {UNSUBSCRIBE_URL}: write it as it is", node.lineno)


def _check_shapes(node: nodes.Node) -> bool:
    """Refuse to write a list, as a list or as part of a text; returns whether a node gives one."""
    children = {id(child): _check_shapes(child) for child in node.iter_child_nodes()}
    lists = [child for child in node.iter_child_nodes() if children[id(child)]]
    match node:
        case nodes.List() | nodes.Tuple():
            gives, takes = True, False
        case nodes.Call(node=nodes.Getattr(attr=method)):
            gives, takes = method == "split", method in {"startswith", "endswith"}
        case nodes.Getitem():
            gives, takes = bool(lists) and isinstance(node.arg, nodes.Slice), True
        case nodes.Filter():
            gives, takes = False, node.name in _OF_A_LIST
        case nodes.And() | nodes.Or() | nodes.CondExpr() | nodes.Keyword():
            gives, takes = bool(lists), True
        case nodes.Output() | nodes.Concat():
            gives, takes = False, False
        case _:
            gives, takes = False, True
    if lists and not takes:
        line = lists[0].lineno
        raise TemplateError("may not write a list: take one of it, such as .split()[0], or use first or last", line)
    return gives


def _is_place(node: nodes.Node) -> bool:
    # the place is named in errors, so it must not be a lead's data
    return isinstance(node, nodes.Slice | nodes.Neg) or (isinstance(node, nodes.Const) and isinstance(node.value, int))
