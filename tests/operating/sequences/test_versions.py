"""Sequences written by us, compared, and looked at for what is legal but may not be meant."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from domain.sequence import CHOOSABLE_STOPS, EnrolRule, Sequence, Window
from intake.files.file_error import FileError
from intake.files.sequence_file import read_sequence
from mail.variables import required_variables
from operating.sequences.canonical import canonical, changes, difference
from operating.sequences.checking import variables, warnings
from operating.sequences.naming import is_stored
from operating.sequences.rows import instant_of, lead_of
from tests.scene import a_lead, a_sequence

TODAY = date(2026, 1, 1)
EXAMPLES = Path(__file__).parents[3] / "sequences"
DAY = timedelta(days=1)

# What YAML may take for something else: its signs, words, numbers, line ends and spaces; no template's signs.
_texts = st.text(
    st.sampled_from("ab\n\r\t \x85\u2028\u2029\x0b'\":-#&*!|>%@`,[]?~=<\\0é😀\ufeff"), min_size=1, max_size=20
).filter(str.strip)
_words = st.sampled_from(["null", "true", "on", "17:00", "1e3", "0x1f", "- a", "a: b", "2026-01-01", "x\n\n", "\n x"])
_steps = st.fixed_dictionaries(
    {
        "wait": st.integers(0, 10**6).map(lambda seconds: timedelta(seconds=seconds)),
        "body": _texts | _words,
        "approval": st.booleans(),
        "window": st.none() | st.just(Window(days="mon-fri", opens="09:00", closes="17:00", holidays="NO")),
    }
)
_sequences = st.builds(
    lambda subject, steps, more: Sequence.model_validate(
        {"name": "s", "steps": [steps[0] | {"subject": subject}, *steps[1:]]} | more
    ),
    (_texts | _words).filter(lambda subject: subject.strip().isprintable()),
    st.lists(_steps, min_size=1, max_size=3),
    st.fixed_dictionaries(
        {},
        optional={
            "min_gap": st.just(DAY),
            "stop_on": st.lists(st.sampled_from(CHOOSABLE_STOPS)),
            "enroll": st.sampled_from(EnrolRule),
            "beside_others": st.booleans(),
        },
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_sequences)
@example(a_sequence())
def test_what_we_write_is_read_as_the_same_version(tmp_path: Path, sequence: Sequence) -> None:
    file = tmp_path / "s.yaml"
    file.write_bytes(canonical(sequence).encode())
    read = read_sequence(file)
    assert read == sequence
    assert read.version == sequence.version
    assert canonical(read) == canonical(sequence)


@pytest.mark.parametrize("name", ["no-reply", "trial-ended"])
def test_an_example_written_by_us_is_the_same_version(name: str, tmp_path: Path) -> None:
    example_ = read_sequence(EXAMPLES / f"{name}.yaml")
    (tmp_path / "s.yaml").write_text(canonical(example_))
    assert read_sequence(tmp_path / "s.yaml") == example_
    assert difference(example_, example_, ("a", "b")) == []


def test_a_difference_is_of_the_lines_that_say_something_else() -> None:
    before, after = a_sequence(DAY, DAY), a_sequence(DAY, 2 * DAY, min_gap=DAY)
    lines = [line for line in difference(before, after, ("old", "new")) if line[:1] in "+-"]
    assert lines == ["--- old", "+++ new", "+min_gap: 1d", "-- wait: 1d", "+- wait: 2d"]


def test_changes_are_named_by_step_and_field() -> None:
    before, after = a_sequence(DAY, DAY), a_sequence(DAY, 2 * DAY, DAY, min_gap=DAY)
    assert changes(before, after) == ["min_gap", "step 2: wait", "step 3 is new"]
    assert changes(after, before) == ["min_gap", "step 2: wait", "step 3 is gone"]
    assert changes(before, before) == []


@pytest.mark.parametrize(
    ("template", "required"),
    [
        ("{{ a }} {{ b }}", {"a", "b"}),
        ("{{ a | default('x') }} {{ a | upper | d('x') }}", {"a"}),
        ("{{ a | default(b) }}", {"b"}),
        ("{% if a is defined %}{{ a }}{% else %}{{ b }}{% endif %}", {"b"}),
        ("{% if a is defined and a != '' %}{{ a }}{% endif %}", set()),
        ("{% if a %}x{% endif %}", {"a"}),
        ("{{ a if a is defined else b }}", {"b"}),
        ("{% if a is defined %}x{% endif %}{{ a }}", {"a"}),
        ("{{ a.upper() | default('x') }}", {"a"}),
    ],
)
def test_a_variable_is_required_where_nothing_stands_for_it(template: str, required: set[str]) -> None:
    assert required_variables(template) == required


def test_a_check_names_what_is_read_and_what_may_be_missing() -> None:
    sequence = a_sequence(steps=[{"wait": DAY, "subject": "{{ plan }}", "body": "{{ email }} {{ c | default('') }}"}])
    assert [tuple(one) for one in variables(sequence)] == [("c", False), ("email", False), ("plan", True)]
    assert [warning[:20] for warning in warnings(sequence, TODAY)] == ["no default: plan; a "]


def _warned(step: dict[str, Any] | None = None, **more: Any) -> list[str]:
    steps = [{"wait": DAY, "subject": "s", "body": "b"} | (step or {}), {"wait": DAY, "body": "b"}]
    found = warnings(a_sequence(steps=steps, **more), TODAY)
    return [warning for warning in found if not warning.startswith("windows are on the lead's own clock")]


def test_what_is_legal_and_may_not_be_meant_is_warned_of() -> None:
    assert _warned() == []
    assert _warned(min_gap=2 * DAY) == [
        "step 2 waits 1d, but min_gap keeps it back for another 1d",
    ]
    assert _warned(min_gap=9 * DAY)[1] == "step 2 expires meanwhile, after 1w: a person is asked each time"
    call = {"wait": DAY, "body": "Call", "channel": "task"}
    mails = [{"wait": DAY, "subject": "s", "body": "b"}, call, {"wait": DAY, "body": "b"}]
    assert warnings(a_sequence(steps=mails, min_gap=2 * DAY), TODAY) == [], "a call is no mail: two days lie between"
    little = Window(days="tue,thu", opens="09:00", closes="10:30")
    assert _warned(window=little) == [
        "window tue,thu 09:00-10:30 (of steps 1, 2) permits little: 3.0 hours a week on average"
    ]
    office = Window(days="mon-fri", opens="09:00", closes="17:00")
    [expires] = _warned({"window": office, "expires_after": 2 * DAY})
    assert expires.startswith("step 1 expires 2d after it falls due, and its window is closed for up to 2.7 days on")
    assert _warned({"window": office, "expires_after": 3 * DAY}) == []


def _of_text(subject: str = "s", body: str = "b", *, has_links: bool = True) -> list[str]:
    steps = [{"wait": DAY, "subject": subject, "body": body}]
    return warnings(a_sequence(steps=steps), TODAY, has_links=has_links)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{first_name}", "first_name"),
        ("{First Name}", "first_name"),
        ("%FIRSTNAME%", "firstname"),
        ("%%emailaddr%%", "emailaddr"),
        ("%recipient.first_name%", "recipient_first_name"),
        ("%(name)s", "name_s"),
        ("[[company]]", "company"),
        ("[first_name]", "first_name"),
        ("[NAME]", "name"),
        ("[First Name]", "first_name"),
        ("*|FNAME|*", "fname"),
        ("|FNAME|", "fname"),
        ("<<name>>", "name"),
        ("<first name>", "first_name"),
        ("${name}", "name"),
        ("#{name}", "name"),
        ("{!Contact.FirstName}", "contact_first_name"),
        ("<%= name %>", "name"),
        ("@@name@@", "name"),
        ("$first_name", "first_name"),
    ],
)
def test_a_placeholder_of_another_program_is_warned_of_with_what_it_is_here(written: str, meant: str) -> None:
    sentence = f"step 1, body: {written} is sent as it stands; write {{{{ {meant} }}}} if a variable is meant"
    assert _of_text(body=f"Hello {written}, we wrote to you {{{{ plan | default('once') }}}} before") == [sentence]
    assert _of_text(subject=f"Hi {written}") == [sentence.replace("body", "subject")]


def test_variants_and_half_a_placeholder_are_warned_of() -> None:
    assert _of_text(body="{Hi|Hello} {there}") == [
        "step 1, body: {Hi|Hello} is sent as it stands, all of its variants; write one",
        "step 1, body: {there} is sent as it stands; write {{ there }} if a variable is meant",
    ]
    assert _of_text(body="Hello name }}")[0].startswith("step 1, body: }} is sent as it stands; write {{ name }}")
    assert len(_of_text(body=" ".join(f"{{a{number}}}" for number in [*range(30), 0, 1]))) == 20


@pytest.mark.parametrize(
    "text",
    [
        "100% sure, and 50 % off: 20%",
        "see [1] and [our page](https://example.com/?a=%20b%20c)",
        "a < b, b > c, c << d; <ada@example.com>",
        "$5, US$ 7 and ${{ price | default('9') }}",
        "{ } {} [x] | or |",
        "{% if plan is defined %}{{ plan }}{% endif %}",
        "// code: f(x) { return 1; }",
    ],
)
def test_ordinary_text_is_not_warned_of(text: str) -> None:
    assert _of_text(body=text) == []


def test_a_window_is_warned_of_because_a_lead_may_have_no_zone() -> None:
    office = Window(days="mon-fri", opens="09:00", closes="17:00")
    [warning] = warnings(a_sequence(steps=[{"wait": DAY, "subject": "s", "body": "b", "window": office}]), TODAY)
    assert "a lead without a timezone has UTC" in warning


def test_the_link_of_a_message_is_asked_about() -> None:
    link = "To leave: {{ unsubscribe_url }}"
    assert _of_text(body=link) == []
    assert _of_text(body=link, has_links=False)[0].endswith(
        "reads unsubscribe_url, and FOLLOWUP_PUBLIC_URL is not set here: nobody can be enrolled until it is"
    )
    assert _of_text(body="{{ unsubscribe_url | default('Answer no') }}", has_links=False)[0].endswith(
        "is not set here: so no message has a link"
    )
    assert _of_text(body="{{ unsubscribe_link | default('') }} x")[0].endswith(
        "reads unsubscribe_link of the lead; the link that each message has of its own is {{ unsubscribe_url }}"
    )


def test_a_file_is_meant_before_a_stored_version(tmp_path: Path) -> None:
    file = tmp_path / "a@b.yaml"
    assert is_stored(str(file))
    file.touch()
    assert not is_stored(str(file))


def test_a_lead_is_meant_by_its_row_its_id_or_as_json(tmp_path: Path) -> None:
    file = tmp_path / "leads.csv"
    file.write_text("lead_id,email,plan\n3,three@example.test,\nlead-2,two@example.test,free\nbad,,\n")
    assert lead_of(f"{file}:3").lead_id == "lead-2", "a number is a row first"
    assert lead_of(f"{file}:2").lead_id == "3"
    assert lead_of(f"{file}:lead-2").variables == {"plan": "free"}
    assert lead_of('{"lead_id": 7, "email": "a@example.test", "plan": "x"}').variables == {"plan": "x"}
    for written, problem in {
        f"{file}:9": "no row 9",
        f"{file}:nobody": "no row nobody",
        f"{file}:4": "row 4: email: is missing",
        f"{file}:bad": "row 4: email: is missing",
        '{"lead_id": "7"}': "email: is missing",
        "{": "is not JSON",
        "leads.csv": "a row is leads.csv:3",
    }.items():
        with pytest.raises(FileError, match=problem):
            lead_of(written)


def test_an_instant_without_a_zone_is_on_the_leads_clock() -> None:
    berlin = a_lead(timezone="Europe/Berlin")
    nine = datetime(2026, 1, 5, 9)  # noqa: DTZ001  # as it is written
    assert instant_of(nine, berlin) == datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert instant_of(nine.replace(tzinfo=UTC), berlin) == datetime(2026, 1, 5, 9, tzinfo=UTC)
