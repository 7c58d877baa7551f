"""Templates: a step rendered for a lead, every failure a sentence that shows nothing of the lead."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from jinja2 import TemplateSyntaxError, UndefinedError

from domain.draft import Channel
from domain.given import is_blank
from domain.lead import UNSUBSCRIBE_URL, Lead, spelling_key
from domain.sequence import LONGEST_BODY, LONGEST_SUBJECT, Sequence
from mail.language import Compiled, TemplateError, compiled, unfit_for_a_subject

__all__ = ["Rendered", "TemplateError", "check_subject", "check_task", "check_template", "render", "render_step"]
# Four times the longest template: a message that grows beyond that by its variables is a mistake.
LONGEST_OUTPUT = 4 * LONGEST_BODY
# What a template reads bounds what it makes, before it is made. A branch not taken is counted too, hence twice.
LONGEST_READ = 2 * LONGEST_OUTPUT


class Rendered(NamedTuple):
    """A step's text for one lead. `subject` is the thread's, without `Re:`."""

    subject: str
    body: str


def check_template(source: str) -> frozenset[str]:
    """Check a template; return the variables it reads, those behind a `default` included. Raises TemplateError."""
    return frozenset(_compiled(source).reads)


def check_subject(source: str) -> None:
    """Check a template that was checked, as the one of a subject. Raises TemplateError."""
    if problem := unfit_for_a_subject(source):
        raise TemplateError(problem)


def check_task(source: str) -> None:
    """Check a template that was checked, as the one of a manual step. Raises TemplateError."""
    if UNSUBSCRIBE_URL in _compiled(source).reads:
        raise TemplateError(f"a manual step is no message and has no link: take {UNSUBSCRIBE_URL} out")


def render(template: str, variables: Mapping[str, str]) -> str:
    """Render a template. A variable that is blank is missing, and one spelled in another way (`Plan`) is found.

    Raises TemplateError: for bad syntax, a missing variable, an overlong text.
    """
    checked = _compiled(template)
    found = {name: text for name in checked.reads if not is_blank(text := _find(name, variables))}
    if sum(checked.reads[name] * len(text) for name, text in found.items()) > LONGEST_READ:
        raise TemplateError(f"reads more than {LONGEST_READ} characters of its variables: read them less often")
    try:
        return "".join(_bounded(checked.template.generate(found)))
    except TemplateError:
        raise
    except UndefinedError as error:
        raise TemplateError(_missing(error)) from None
    except Exception as error:  # the filters' own, one an AssertionError; their words may quote a lead's data
        raise TemplateError(
            f"can't be rendered for this lead ({type(error).__name__}): check its expressions"
        ) from None


def _bounded(pieces: Iterable[str]) -> Iterator[str]:
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > LONGEST_OUTPUT:
            raise TemplateError(f"renders to more than {LONGEST_OUTPUT} characters: shorten it or its variables")
        yield piece


def _find(name: str, variables: Mapping[str, str]) -> str:
    if name in variables:
        return variables[name]
    key = spelling_key(name)
    alike = [text for other, text in variables.items() if spelling_key(other) == key]
    return alike[0] if len(alike) == 1 else ""


def render_step(sequence: Sequence, order: int, lead: Lead, unsubscribe_url: str | None = None) -> Rendered:
    """Render a step for a lead; a later step has the subject of the first that is an e-mail, a manual step none.

    `unsubscribe_url` is the link of the message, where it has one. Raises TemplateError naming step and field.
    """
    variables = {
        **lead.variables,
        "lead_id": lead.lead_id,
        "email": lead.email,
        "timezone": lead.timezone,
        # blank is a missing variable: better an error, or a default, than "Hello ,"
        "name": lead.name,
        **({UNSUBSCRIBE_URL: unsubscribe_url} if unsubscribe_url else {}),
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
    if is_blank(text):
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
def _compiled(source: str) -> Compiled:
    if len(source) > LONGEST_BODY:
        raise TemplateError(f"is longer than {LONGEST_BODY} characters: shorten it")
    try:
        return compiled(source)
    except TemplateSyntaxError as error:
        raise TemplateError(_bad_syntax(source, error), error.lineno) from None
    except (RecursionError, MemoryError, SyntaxError):
        raise TemplateError("is nested too deeply: make it plainer") from None
    except (ValueError, OverflowError):
        raise TemplateError("has a number of too many digits: shorten it") from None


def _bad_syntax(source: str, error: TemplateSyntaxError) -> str:
    line = source.splitlines()[error.lineno - 1 : error.lineno]
    if line and (foreign := re.search(r"\{\{[{#/>^&!][^{}]{0,40}", line[0])):
        return f"{foreign[0]}… is another template language: write {{{{ name }}}}, or {{% if name is defined %}}"
    return f"{error.message}: fix the template"


def _missing(error: UndefinedError) -> str:
    """Say what is missing; of what a text is asked for and has not, Jinja's own words name Python's types."""
    remedy = "write {{ … | default('…') }}"
    if not (found := re.fullmatch(r"'(\w+)' is undefined", str(error.message))):
        return f"reads a part that a text of this lead does not have: {remedy}"
    if found[1] == UNSUBSCRIBE_URL:
        return f"{error.message}: set FOLLOWUP_PUBLIC_URL, so that each message has a link, or {remedy}"
    return f"{error.message}: give the lead a column of that name, or {remedy}"
