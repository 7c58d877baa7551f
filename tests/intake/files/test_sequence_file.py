from datetime import timedelta
from pathlib import Path

import pytest

from domain.duration import Wait
from domain.sequence import Sequence, StopKind, Window
from intake.files.file_error import FileError
from intake.files.lead_file import LeadRow, read_leads
from intake.files.sequence_file import find_sequence, read_for_enrolment, read_sequence, read_with_warnings
from mail.template import render_step

EXAMPLES = Path(__file__).parents[3] / "sequences"
GOOD = """\
name: no-reply
min_gap: 4h
window: {days: mon-fri, from: "09:00", to: 17:00, holidays: NO}
stop_on: [replied, booked]
steps:
  - wait: 2d
    subject: "Following up, {{ name }}"
    body: |
      Hello {{ name }}
  - wait: 1d12h
    body_file: second.txt
    approval: true
    expires_after: 3d
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "second.txt").write_text("Again, {{ name }}\n")
    return tmp_path / "sequence.yaml"


def read(file: Path, text: str | bytes) -> Sequence:
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_sequence(file)


def problems(file: Path, text: str | bytes) -> list[str]:
    with pytest.raises(FileError) as error:
        read(file, text)
    return [problem.replace(f"{file.parent}/", "") for problem in error.value.problems]


def test_a_file_is_read_as_it_is_written(file: Path) -> None:
    sequence = read(file, GOOD)
    assert (sequence.name, sequence.min_gap) == ("no-reply", timedelta(hours=4))
    # neither is 17:00 a number in base 60, nor Norway false
    assert sequence.window == Window(days="mon-fri", opens="09:00", closes="17:00", holidays="NO")
    assert sequence.stop_on == (StopKind.REPLIED, StopKind.BOOKED)
    assert [step.body for step in sequence.steps] == ["Hello {{ name }}\n", "Again, {{ name }}\n"]
    assert [step.approval for step in sequence.steps] == [False, True]
    assert sequence.steps[1].wait == Wait(days=1, exact=timedelta(hours=12))


def test_a_byte_order_mark_and_windows_line_ends_make_no_other_sequence(file: Path) -> None:
    assert read(file, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()).version == read(file, GOOD).version


@pytest.mark.parametrize("name", ["no-reply", "trial-ended"])
def test_every_example_can_be_read_and_rendered(name: str) -> None:
    sequence = read_sequence(find_sequence(name, EXAMPLES))
    assert sequence.name == name


def test_the_example_leads_can_read_every_letter_of_the_example_sequence() -> None:
    sequence = read_sequence(EXAMPLES / "no-reply.yaml")
    leads = list(read_leads(EXAMPLES / "leads.csv"))
    assert len(leads) == 6
    for row in leads:
        assert isinstance(row, LeadRow)
        for order in (1, 2, 3):
            assert render_step(sequence, order, row.lead).body


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("min_gap: 4h", "min_gap: 3x", "sequence.yaml:2: min_gap: '3x' is not a duration: write a number and s, m, h"),
        ("min_gap: 4h", "min_gpa: 4h", "sequence.yaml:2: min_gpa: unknown key; did you mean min_gap?"),
        ("min_gap: 4h", "colour: red", "sequence.yaml:2: colour: unknown key; known are name, min_gap,"),
        ("min_gap: 4h", "name: again", "sequence.yaml:2: name: is given twice, first on line 1; remove one"),
        ("min_gap: 4h", "min_gap: &a 4h\nx: *a", "sequence.yaml:3: aliases are not read: write it out"),
        ("min_gap: 4h", "<<: {a: b}", "sequence.yaml:2: <<: unknown key"),
        ("min_gap: 4h", "min_gap: !!timedelta 4h", "sequence.yaml:2: tag:yaml.org,2002:timedelta: tags are not read"),
        ("min_gap: 4h", "min_gap: !x 4h", "sequence.yaml:2: !x: tags are not read"),
        ("min_gap: 4h", "min_gap: [4h", "sequence.yaml:3: "),
        ("min_gap: 4h", "? [a]\n: b", "sequence.yaml:2: a key must be a plain word"),
        ("min_gap: 4h", 'min_gap: "\x01"', "sequence.yaml:2: a control character; remove it"),
        ("days: mon-fri", "days: mo-fr", "sequence.yaml:3: window.days: 'mo-fr' are not days: write them as mon-fri"),
        ("days: mon-fri", "dyas: mon-fri", "sequence.yaml:3: window.days: is missing; add it"),
        ("from:", "form:", "sequence.yaml:3: window.form: unknown key; did you mean from?"),
        ("holidays: NO", "holidays: XX", "sequence.yaml:3: window.holidays: there is no calendar XX: write a country"),
        ("holidays: NO", "holidays: DE-XX", "sequence.yaml:3: window.holidays: there is no calendar DE-XX"),
        ("[replied, booked]", "[replied, boked]", "sequence.yaml:4: stop_on: must be 'replied', 'booked'"),
        ("[replied, booked]", "replied", "sequence.yaml:4: stop_on: must be a list; write it as [a, b]"),
        ("wait: 2d", "wait: 3x", "sequence.yaml:6: step 1, wait: '3x' is not a duration"),
        ("wait: 2d", "wiat: 2d", "sequence.yaml:6: step 1, wait: is missing; add it"),
        ('subject: "Following up, {{ name }}"', "subject: [a]", "sequence.yaml:7: step 1, subject: must be a text"),
        ("Following up, {{ name }}", "Hi {{ name }", "sequence.yaml:7: step 1, subject: unexpected '}'"),
        ("Hello {{ name }}", "\n      {% for %}", "sequence.yaml:10: step 1, body: "),
        ("Following up, {{ name }}", "\\ud800", "sequence.yaml:7: step 1, subject: contains half a character"),
        ("approval: true", "approval: maybe", "sequence.yaml:12: step 2, approval: must be true or false"),
        ("approval: true", "body: x", "sequence.yaml:11: step 2, body_file: there is a body too; remove one"),
        ("body_file: second.txt", "", "sequence.yaml:10: step 2, body: is missing; add body or body_file"),
        ("second.txt", "other.txt", "sequence.yaml:11: step 2, body_file: other.txt: can't be read (No such file"),
        ("second.txt", "../second.txt", "sequence.yaml:11: step 2, body_file: must be a file beside or below"),
        ("second.txt", "/etc/hostname", "sequence.yaml:11: step 2, body_file: must be a file beside or below"),
        ("second.txt", "[a]", "sequence.yaml:11: step 2, body_file: must be a file beside or below"),
        ("second.txt", "", "sequence.yaml:11: step 2, body_file: must be a file beside or below"),
        ("steps:", "steps: text\nx:", "sequence.yaml:5: steps: must be a list"),
    ],
)
def test_a_mistake_is_reported_with_its_line_its_field_and_the_remedy(
    file: Path, old: str, new: str, said: str
) -> None:
    assert old in GOOD
    found = problems(file, GOOD.replace(old, new, 1))
    assert any(problem.startswith(said) for problem in found), found


@pytest.mark.parametrize(
    "subject",
    [
        "{{ name }}, a word",
        "{{ name }}",
        "Re: two things: one",
        "{% if plan %}a{% endif %}",
        "@you",
        "*|NAME|* hi",
        "%NAME% hi",
        "[Name] hi",
        "'It's time'",
        '"Hi" there',
        "> hi",
    ],
)
def test_a_text_that_wants_quotes_is_told_so_in_one_sentence(file: Path, subject: str) -> None:
    [problem] = problems(file, GOOD.replace('"Following up, {{ name }}"', subject))
    assert problem.startswith("sequence.yaml:7: ")
    assert 'put the text in quotes, such as subject: "…"' in problem


def test_a_line_that_is_indented_with_a_tab_is_told_so(file: Path) -> None:
    assert problems(file, GOOD.replace("    approval", "\tapproval")) == [
        "sequence.yaml:12: is indented with a tab; indent it with spaces"
    ]


def test_a_comment_that_may_be_a_part_of_a_text_is_warned_of(file: Path) -> None:
    file.write_text(GOOD.replace('"Following up, {{ name }}"', "Offer #1 of 3"))
    sequence, warnings = read_with_warnings(file)
    assert sequence.steps[0].subject == "Offer"
    [warning] = warnings
    assert warning.startswith("line 7: step 1, subject: what stands behind ' #' is a comment and is not sent; if it is")
    for quiet in ('"Offer #1"', "Offer#1", "'Offer' # a remark"):
        file.write_text(GOOD.replace('"Following up, {{ name }}"', quiet))
        assert read_with_warnings(file).warnings == []


def test_a_text_that_is_nothing_but_a_comment_is_one_mistake(file: Path) -> None:
    assert problems(file, GOOD.replace('"Following up, {{ name }}"', "#1 of 3")) == [
        "sequence.yaml:7: step 1, subject: is empty, because ' #' begins a comment; put the text in quotes"
    ]


def test_a_subject_of_two_lines_is_one_mistake_of_the_template(file: Path) -> None:
    assert problems(file, GOOD.replace('"Following up, {{ name }}"', "|\n      Dear\n      {{ name }}")) == [
        "sequence.yaml:8: step 1, subject: is more than one line, or has a control character: write it in one line"
    ]


def test_a_link_stands_in_a_body_alone(file: Path) -> None:
    link = "{{ unsubscribe_url }}"
    assert "a subject has no link" in problems(file, GOOD.replace("{{ name }}", link, 1))[0]
    task = f"name: s\nsteps: [{{wait: 1d, channel: task, body: 'Send {link}'}}]\n"
    assert "a manual step is no message and has no link" in problems(file, task)[0]
    with_link = GOOD.replace("Hello {{ name }}", f"Hello {link}")
    assert read(file, with_link).steps[0].body == f"Hello {link}\n"
    assert read_for_enrolment(file, has_links=True)
    with pytest.raises(FileError, match="step 1, body: reads unsubscribe_url, and FOLLOWUP_PUBLIC_URL is not set; set"):
        read_for_enrolment(file, has_links=False)
    read(file, with_link.replace(link, "{{ unsubscribe_url | default('Answer no') }}"))
    assert read_for_enrolment(file, has_links=False)


def test_no_word_of_a_library_is_shown_of_a_mistake(file: Path) -> None:
    for old, new in {
        "wait: 2d": "wait: [2d]",
        '"Following up, {{ name }}"': "x" * 901,
        "approval: true": "approval: {a: b}",
        "stop_on: [replied, booked]": "stop_on: {a: b}",
        "window: {": "window: x\nx: {",
        "steps:": "steps: 5\nx:",
        "expires_after: 3d": "expires_after: [3d]",
    }.items():
        for problem in problems(file, GOOD.replace(old, new)):
            assert not {"Input", "should", "String", "valid"} & set(problem.split()), problem


def test_every_mistake_is_reported_at_once_in_the_order_of_lines(file: Path) -> None:
    broken = GOOD.replace("4h", "3x").replace("Hello {{", "Hello {{ {").replace("approval", "aproval")
    assert [problem.split(":")[1] for problem in problems(file, broken)] == ["2", "9", "12"]


def test_a_file_that_is_not_utf8_is_reported_with_its_line(file: Path) -> None:
    assert problems(file, GOOD.replace("Hello", "Grüße").encode("latin-1")) == [
        "sequence.yaml:9: is not UTF-8; save the file as UTF-8"
    ]


def test_a_body_file_that_is_not_utf8_is_reported_with_both_files(file: Path) -> None:
    (file.parent / "second.txt").write_bytes(b"Hello\nGr\xfc\xdfe")
    assert problems(file, GOOD) == [
        "sequence.yaml:11: step 2, body_file: second.txt:2: is not UTF-8; save the file as UTF-8"
    ]


def test_a_mistake_in_a_body_file_is_reported_with_the_line_of_that_file(file: Path) -> None:
    (file.parent / "second.txt").write_text("Hello\n\n{{ name * 9 }}\n")
    [problem] = problems(file, GOOD)
    assert problem.startswith("second.txt:3: step 2, body: may not use mul")


def test_a_link_that_leads_out_of_the_folder_is_no_body_file(file: Path) -> None:
    (file.parent / "second.txt").unlink()
    (file.parent / "second.txt").symlink_to("/etc/hostname")
    assert "must be a file beside or below" in problems(file, GOOD)[0]


def test_an_empty_a_missing_and_an_overlong_file_are_errors(file: Path) -> None:
    assert problems(file, "") == ["sequence.yaml: is empty; check that it was saved"]
    assert "must be keys and values" in problems(file, "# nothing but a comment\n")[0]
    assert "larger than 1000000 bytes" in problems(file, "# comment\n" * 100_001)[0]
    file.unlink()
    with pytest.raises(FileError, match="No such file"):
        read_sequence(file)


def test_a_file_made_to_exhaust_its_reader_is_refused(file: Path) -> None:
    assert "nested too deeply" in problems(file, "[" * 50_000)[0]
    assert "aliases" in problems(file, "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n")[0]


def test_a_sequence_is_found_by_its_name_or_its_file(file: Path) -> None:
    file.write_text(GOOD)
    assert find_sequence(str(file), EXAMPLES) == file
    assert find_sequence("no-reply", EXAMPLES) == EXAMPLES / "no-reply.yaml"


@pytest.mark.parametrize("name", ["nobody", "../sequences/no-reply", "", "no-reply/second"])
def test_a_name_nobody_has_is_an_error_that_lists_those_there_are(name: str) -> None:
    with pytest.raises(FileError, match=r"no such sequence in sequences/; there: no-reply, trial-ended"):
        find_sequence(name, EXAMPLES)
