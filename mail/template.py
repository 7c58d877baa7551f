"""Templates: what of Jinja a letter may use, and the rendering of a step for a lead.

A template may read variables, choose (`if`), and shorten or re-case texts. It may not repeat or assign anything, so no
template, by mistake or by malice, can outgrow its worker; that is why allowed things are listed, not forbidden ones.
"""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from jinja2 import StrictUndefined, Template, TemplateRuntimeError, TemplateSyntaxError, UndefinedError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from domain.draft import Channel
from domain.lead import Lead
from domain.sequence import LONGEST_BODY, LONGEST_SUBJECT, Sequence

# Four times the longest template: a letter that grows beyond that by its variables is a mistake.
LONGEST_OUTPUT = 4 * LONGEST_BODY
_FILTERS = frozenset(
    {"capitalize", "d", "default", "first", "last", "length", "lower", "title", "trim", "truncate", "upper"}
)
_TESTS = frozenset({"defined", "undefined", "eq", "equalto", "ne", "in", "none", "string", "lower", "upper"})
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
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.CondExpr, nodes.Name, nodes.Const, nodes.Filter,
    nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.Getitem, nodes.Slice,
    nodes.Getattr, nodes.Call, nodes.Keyword, nodes.Neg, nodes.List, nodes.Tuple,
)  # fmt: skip

# Plain text: nothing is escaped. A line that holds nothing but a tag leaves no empty line behind.
_ENVIRONMENT = ImmutableSandboxedEnvironment(
    autoescape=False,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_ENVIRONMENT.globals.clear()  # `range` and the like: a name is a variable of the lead or it is missing


class TemplateError(Exception):
    """A template can't be used. The sentence says where and what to do, and shows no lead's data.

    `line` is the template's line, from 1, where it is known.
    """

    def __init__(self, sentence: str, line: int | None = None) -> None:
        super().__init__(sentence)
        self.line = line


class Rendered(NamedTuple):
    """A step's text for one lead. `subject` is the thread's, without `Re:`."""

    subject: str
    body: str


def check_template(source: str) -> frozenset[str]:
    """Check a template; return the variables it reads, those behind a `default` included. Raises TemplateError."""
    _compiled(source)
    return frozenset(meta.find_undeclared_variables(_ENVIRONMENT.parse(source)))


def render(template: str, variables: Mapping[str, str]) -> str:
    """Render a template. Raises TemplateError: for bad syntax, a missing variable, an overlong text."""
    pieces: list[str] = []
    length = 0
    try:
        for piece in _compiled(template).generate(variables):
            pieces.append(piece)
            length += len(piece)
            if length > LONGEST_OUTPUT:
                raise TemplateError(f"renders to more than {LONGEST_OUTPUT} characters: shorten it or its variables")
    except UndefinedError as error:
        raise TemplateError(_missing(error)) from None
    except (TemplateRuntimeError, TypeError, ValueError, LookupError, ArithmeticError, RecursionError) as error:
        # the error's own words may quote a lead's data
        raise TemplateError(
            f"can't be rendered for this lead ({type(error).__name__}): check its expressions"
        ) from None
    return "".join(pieces)


def render_step(sequence: Sequence, order: int, lead: Lead) -> Rendered:
    """Render a step for a lead; a later step has the subject of the first that is an e-mail, a manual step none.

    Raises TemplateError naming step and field.
    """
    variables = {
        **lead.variables,
        "lead_id": lead.lead_id,
        "email": lead.email,
        "timezone": lead.timezone,
        # no name is a missing variable: better an error, or a default, than "Hello ,"
        **({"name": lead.name} if lead.name.strip() else {}),
    }
    step, opening, subject = sequence.step(order), sequence.opening, ""
    if step.channel is Channel.EMAIL and opening is not None:
        subject = _field(opening, "subject", sequence.step(opening).subject or "", variables).strip()
    body = _field(order, "body", step.body, variables)
    if problem := _unfit_for_a_subject(subject):
        raise TemplateError(f"step {opening}, subject: {problem}")
    return Rendered(subject, body)


def _field(order: int, field: str, template: str, variables: Mapping[str, str]) -> str:
    try:
        text = render(template, variables)
    except TemplateError as error:
        raise TemplateError(f"step {order}, {field}: {error}", error.line) from None
    if not text.strip():
        raise TemplateError(f"step {order}, {field}: is blank for this lead: give its variables a text, or a default")
    return text


def _unfit_for_a_subject(subject: str) -> str | None:
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in subject):
        return "becomes more than one line, or has a control character: take line ends out of its variables"
    if "=?" in subject:
        return "contains '=?', which mail programs take for encoded text: take it out of its variables"
    if len(subject) > LONGEST_SUBJECT:
        return f"is longer than {LONGEST_SUBJECT} characters: shorten it or its variables"
    return None


# Each template is rendered for thousands of leads; 256 are more than any sequence has, several times over.
@lru_cache(maxsize=256)
def _compiled(source: str) -> Template:
    if len(source) > LONGEST_BODY:
        raise TemplateError(f"is longer than {LONGEST_BODY} characters: shorten it")
    try:
        for node in _ENVIRONMENT.parse(source).find_all(nodes.Node):
            _check(node)
        return _ENVIRONMENT.from_string(source)
    except TemplateSyntaxError as error:
        raise TemplateError(f"{error.message}: mend the template", error.lineno) from None
    except (RecursionError, MemoryError, SyntaxError):
        raise TemplateError("is nested too deeply: make it plainer") from None


def _check(node: nodes.Node) -> None:
    """Refuse what a letter doesn't need."""
    if isinstance(node, nodes.Call) and not (isinstance(node.node, nodes.Getattr) and node.node.attr in _METHODS):
        raise TemplateError(f"may call nothing but {', '.join(sorted(_METHODS))} of a text", node.lineno)
    if isinstance(node, nodes.Getattr) and node.attr not in _METHODS:
        raise TemplateError(f"may not read .{node.attr}: variables are texts; use one of the lead's own", node.lineno)
    if isinstance(node, nodes.Getitem) and not _is_place(node.arg):
        raise TemplateError("may read a part of a text by its place alone, such as [0] or [:20]", node.lineno)
    if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
        raise TemplateError(f"may not use the filter {node.name}: use {', '.join(sorted(_FILTERS))}", node.lineno)
    if isinstance(node, nodes.Test) and node.name not in _TESTS:
        raise TemplateError(f"may not use the test {node.name}: use {', '.join(sorted(_TESTS))}", node.lineno)
    if not isinstance(node, _ALLOWED):
        kind = type(node).__name__.lower()
        raise TemplateError(f"may not use {kind}: a letter has variables, if, and filters", node.lineno)


def _is_place(node: nodes.Node) -> bool:
    # the place is named in errors, so it must not be a lead's data
    return isinstance(node, nodes.Slice | nodes.Neg) or (isinstance(node, nodes.Const) and isinstance(node.value, int))


def _missing(error: UndefinedError) -> str:
    return f"{error.message}: give the lead a column of that name, or write {{{{ … | default('…') }}}}"
