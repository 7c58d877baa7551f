import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.given import is_blank
from domain.lead import Lead
from domain.sequence import Sequence
from mail.template import Rendered, TemplateError, check_subject, check_template, render, render_step

GRACE = Lead(
    lead_id="l1", email="grace@example.org", name="Grace Hopper", timezone="America/New_York", variables={"plan": "pro"}
)


def sequence(subject: str = "Hello {{ name }}", body: str = "Hello", second: str = "Again, {{ plan }}") -> Sequence:
    return Sequence.model_validate(
        {"name": "s", "steps": [{"wait": "0s", "subject": subject, "body": body}, {"wait": "1d", "body": second}]}
    )


def test_a_template_sees_the_lead_and_its_variables() -> None:
    body = "{{ name }} {{ email }} {{ lead_id }} {{ timezone }} {{ plan }}"
    assert render_step(sequence(body=body), 1, GRACE).body == ("Grace Hopper grace@example.org l1 America/New_York pro")


def test_a_later_step_has_the_subject_of_the_first() -> None:
    assert render_step(sequence(), 2, GRACE) == Rendered(subject="Hello Grace Hopper", body="Again, pro")


def test_plain_text_is_not_escaped() -> None:
    assert render("{{ name }}", {"name": "<Grace> & co"}) == "<Grace> & co"


def test_a_letter_may_choose_and_recase_and_take_a_first_name() -> None:
    template = (
        "{% if plan is defined %}\n{{ plan | upper }}\n{% endif %}\n{{ name.split()[0] }}, {{ x | default('-') }}"
    )
    assert render(template, {"plan": "pro", "name": "Grace Hopper"}) == "PRO\nGrace, -"


@pytest.mark.parametrize(("field", "order"), [("subject", 1), ("body", 1), ("second", 2)])
def test_a_missing_variable_is_named_with_its_step_and_field(field: str, order: int) -> None:
    broken = sequence(**{field: "Dear {{ company }}"})
    shown = "subject" if field == "subject" else "body"
    with pytest.raises(TemplateError, match=rf"step {order}, {shown}: 'company' is undefined: give the lead a column"):
        render_step(broken, order, GRACE)


@pytest.mark.parametrize("text", ["A\r\nBcc: e@x.test", "A\nB", "A\x85B", "A\u2028B", "=?utf-8?q?A=0D=0ABcc=3A_e?="])
def test_a_variable_can_not_make_a_subject_more_than_one_line(text: str) -> None:
    lead = GRACE.model_copy(update={"variables": {"plan": text}})
    with pytest.raises(TemplateError, match="step 1, subject:") as error:
        render_step(sequence(subject="Your {{ plan }}"), 1, lead)
    assert "Bcc" not in str(error.value)


def test_a_subject_or_body_that_becomes_blank_is_an_error() -> None:
    with pytest.raises(TemplateError, match="step 1, subject: is blank"):
        render_step(sequence(subject="{{ seats | default(' ') }}"), 1, GRACE)
    with pytest.raises(TemplateError, match="step 2, body: is blank"):
        render_step(sequence(second="{% if plan == 'free' %}Hello{% endif %}"), 2, GRACE)
    with pytest.raises(TemplateError, match="step 2, body: is blank"):
        render_step(sequence(second="{{ seats | default('\u200b') }}"), 2, GRACE)


@pytest.mark.parametrize("blank", ["", " ", "\u200b", "\u00a0\ufeff", "\u00ad\n"])
def test_a_variable_that_is_blank_is_missing(blank: str) -> None:
    given = {"name": blank, "plan": blank}
    template = "{{ name | default('there') }} {% if plan is defined %}{{ plan }}{% else %}no plan{% endif %}"
    assert render(template, given) == "there no plan"
    for name in given:
        with pytest.raises(TemplateError, match=f"'{name}' is undefined: give the lead a column of that name"):
            render(f"{{{{ {name} }}}}", given)
    lead = GRACE.model_copy(update={"name": blank, "variables": {"plan": blank}})
    assert render_step(sequence(subject="About {{ plan | default('it') }}"), 1, lead).subject == "About it"
    with pytest.raises(TemplateError, match="step 1, subject: 'name' is undefined"):
        render_step(sequence(), 1, lead)


@pytest.mark.parametrize(
    ("read", "given"), [("Plan", "plan"), ("plan", "PLAN"), ("first_name", "firstName"), ("FirstName", "first_name")]
)
def test_a_variable_is_found_by_another_spelling_of_its_name(read: str, given: str) -> None:
    assert render(f"{{{{ {read} | default('nobody') }}}}", {given: "Ada"}) == "Ada"
    assert render(f"{{{{ {read} }}}}", {given: "Ada", read: "Bo"}) == "Bo", "its own spelling comes first"
    two = {given: "Ada", given.upper() + "_": "Bo"}
    assert render(f"{{{{ {read} | default('nobody') }}}}", two) == "nobody", "which of two is meant, nobody knows"


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in range(9) %}x{% endfor %}",
        "{{ 'x' * 9 }}",
        "{{ 9 ** 9 }}",
        "{{ 'x'.center(9) }}",
        "{{ 'x' | center(9) }}",
        "{{ '%9s' | format('x') }}",
        "{{ 'x'.replace('x', 'xx') }}",
        "{% set x = 'x' ~ 'x' %}",
        "{% macro m() %}{{ m() }}{% endmacro %}",
        "{% include 'x' %}",
        "{{ range(9) }}",
        "{{ name.__class__ }}",
        "{{ name['__class__'] }}",
        "{{ name[email] }}",
        "{{ (name.split)() | attr('x') }}",
        "{{ name.upper }}",
        "{{ 'a'.title ~ name }}",
        "{{ self }}",
        "{{ self ~ loop }}",
        "{{ name.split() }}",
        "{{ name.split()[:2] }}",
        "{{ [name] }}",
        "{{ [name] ~ '' }}",
        "{{ (name, 'x') | upper }}",
        "{{ name | default(default_value=['x']) }}",
        "{{ name.strip(email) }}",
        "{{ name | trim(chars=email) }}",
        "{{ first-name }}",
        "{{ unsubscribe_url | upper }}",
        "{{ unsubscribe_url[:9] }}",
    ],
)
def test_what_could_run_away_or_look_inside_is_refused_before_it_is_rendered(template: str) -> None:
    with pytest.raises(TemplateError, match=r"^may ") as error:
        check_template("first line\n" + template)
    assert error.value.line == 2


def test_a_text_that_outgrows_the_limit_is_an_error() -> None:
    with pytest.raises(TemplateError, match="renders to more than"):
        render("{{ name }}" * 30, {"name": "x" * 10_000})


@pytest.mark.parametrize(
    "template",
    [
        "{{ " + " ~ ".join(["name"] * 9000) + " }}",
        "{{ (" + " ~ ".join(["name"] * 9000) + ") | length }}",
        "{% if " + " ~ ".join(["name"] * 5000) + " == 'x' %}a{% endif %}",
        "{{ (name ~ email) | default(" + " ~ ".join(["name"] * 5000) + ") }}",
    ],
)
def test_what_would_outgrow_its_worker_is_refused_before_it_is_made(template: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(TemplateError, match="reads more than 524288 characters of its variables"):
            render(template, {"name": "\U0001f600" * 10_000, "email": "x"})
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "template",
    [
        "{{ 9" + "9" * 5000 + " }}",
        "{{ name[" + "9" * 5000 + "] }}",
        "{{ 0x" + "f" * 5000 + " }}",
        "{{ name | truncate(1) }}",
        "{{ name | truncate('x') }}",
        "{{ name[9] }}",
        "{{ name.split()[9] }}",
        "{{ -name }}",
        "{{ name < 5 }}",
        "{{ " + "(" * 300 + "name" + ")" * 300 + " }}",
        "{{ name" + " | upper" * 2000 + " }}",
        "{{ {name} }}",
        "{{{ name }}}",
        "{{#if name}}x{{/if}}",
        "{% raw %}{{ name }}",
    ],
)
def test_every_failure_is_a_sentence_without_a_word_of_the_leads_or_of_pythons(template: str) -> None:
    said = ""
    try:
        render("\n" + template, {"name": "SECRET"})
    except TemplateError as error:
        said = str(error)
    assert not re.search("SECRET|object|element|Exceeds|int_max|line 1", said)
    assert said or template.startswith("{{ ((")


def test_a_template_of_another_language_is_answered_with_ours() -> None:
    for template in ("Hello {{{ name }}}", "{{#if name}}x{{/if}}", "{{> footer }}"):
        with pytest.raises(TemplateError, match="is another template language: write "):
            check_template(template)


@pytest.mark.parametrize(
    "source",
    [
        "Hello\nthere",
        "Hello {{ name }}\nthere",
        "Hello\n{% if plan is defined %}{{ plan }}{% endif %}{{ name }}",
        "{% if plan is defined %}Hello\nthere{% else %}Hello{% endif %}",
        "Hello\tthere",
        "Hello \u2028 there",
    ],
)
def test_a_subject_of_two_lines_is_a_mistake_of_the_template(source: str) -> None:
    with pytest.raises(TemplateError, match="is more than one line, or has a control character: write it in one"):
        check_subject(source)


@pytest.mark.parametrize(
    "source",
    [
        "Hello {{ name }}\n",
        "{% if plan is defined %}\nYour {{ plan }}\n{% else %}\nHello\n{% endif %}\n",
        "Hello{# a\ncomment #} there",
    ],
)
def test_a_subject_that_is_written_over_lines_and_renders_to_one_is_none(source: str) -> None:
    check_subject(source)


def test_a_template_that_is_too_long_or_too_deep_is_an_error() -> None:
    with pytest.raises(TemplateError, match="longer than"):
        check_template("x" * 65_537)
    with pytest.raises(TemplateError, match="too deeply"):
        check_template("{{ " + "(" * 5000 + "name" + ")" * 5000 + " }}")


def test_a_syntax_error_names_its_line() -> None:
    with pytest.raises(TemplateError, match="fix the template") as error:
        check_template("Hello\n\n{{ name")
    assert error.value.line == 3


def test_a_template_says_which_variables_it_reads() -> None:
    assert check_template("{{ name }} {% if plan %}{{ company | default('x') }}{% endif %}") == {
        "name",
        "plan",
        "company",
    }


@given(st.text(alphabet="{}%#|.()[]'\"~*+-_ abifelsndnameplitr0\n", max_size=80))
def test_a_template_is_either_rendered_or_refused_and_never_shows_the_lead_in_its_error(source: str) -> None:
    try:
        render(source, {"name": "SECRET", "a": "SECRET"})
    except TemplateError as error:
        assert "SECRET" not in str(error)  # noqa: PT017 either end is fine, but not this one


@given(st.text(max_size=50).filter(lambda text: not is_blank(text)))
def test_a_variable_is_never_taken_for_a_template(text: str) -> None:
    assert render("{{ name }}", {"name": text}) == text
    assert render("{{ name }}", {"name": "{{ email }}" + text}) == "{{ email }}" + text
