"""One table of leads, however it was named, ordered and saved."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.lead import Lead
from intake.files.column_options import ColumnOptions, read_column_options
from intake.files.file_error import FileError
from intake.files.lead_file import BadRow, LeadRow, read_lead, read_leads

_NUMBERS = count()


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / f"{next(_NUMBERS)}-{name}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, *maps: str, literal: Sequence[str] = ()) -> list[Lead | str]:
    options = read_column_options(maps, literal)
    return [row.problem if isinstance(row, BadRow) else row.lead for row in read_leads(path, options)]


def refused(path: Path, *maps: str) -> list[str]:
    with pytest.raises(FileError) as error:
        read(path, *maps)
    return [problem.removeprefix(f"{path}:") for problem in error.value.problems]


MARY = {"lead_id": "m1", "email": "mary@example.org", "name": "Mary Ross"}
MARY_LEAD = Lead.model_validate(MARY)


class Form(NamedTuple):
    """One way to save a table."""

    name: str
    write: Callable[[list[dict[str, str]]], bytes]


def _cells(separator: str, encoding: str, above: str = "") -> Callable[[list[dict[str, str]]], bytes]:
    def written(rows: list[dict[str, str]]) -> bytes:
        text = io.StringIO()
        table = csv.DictWriter(text, list(rows[0]), delimiter=separator, lineterminator="\r\n")
        table.writeheader()
        table.writerows(rows)
        return (above + text.getvalue()).encode(encoding)

    return written


FORMS = [
    Form("leads.csv", _cells(",", "utf-8")),
    Form("leads.csv", _cells(",", "utf-8-sig")),
    Form("leads.csv", _cells(";", "utf-8")),
    Form("leads.csv", _cells("\t", "utf-16")),
    Form("leads.csv", _cells(",", "utf-16")),
    Form("leads.csv", _cells("|", "utf-8")),
    Form("leads.csv", _cells(";", "utf-8-sig", "sep=;\r\n")),
    Form("leads.csv", _cells("^", "utf-8", "sep=^\r\n")),
    Form("leads.tsv", _cells("\t", "utf-8")),
    Form("leads.jsonl", lambda rows: "\n".join(map(json.dumps, rows)).encode()),
    Form("leads.jsonl", lambda rows: "\n".join(map(json.dumps, rows)).encode("utf-16")),
    Form("leads.json", lambda rows: json.dumps(rows).encode()),
    Form("leads.jsonl", lambda rows: json.dumps(rows, indent=2, ensure_ascii=False).encode("utf-8-sig")),
]
_texts = st.text(st.sampled_from("aé漢 ,;\"'|^\n\u00a0\u200b0=-"), max_size=12)
_rows = st.builds(
    lambda names, plans, zones: [
        {
            "lead_id": f"l{n}",
            "email": f"l{n}@example.org",
            "name": name.replace("\n", " "),
            "plan": plan,
            "timezone": zone,
        }
        for n, (name, plan, zone) in enumerate(zip(names, plans, zones, strict=False))
    ],
    st.lists(_texts, min_size=1, max_size=4),
    st.lists(_texts, min_size=4, max_size=4),
    st.lists(st.sampled_from(["", " ", "Asia/Tokyo", "Europe/Berlin\u200b"]), min_size=4, max_size=4),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_rows)
def test_a_table_gives_the_same_leads_in_whichever_form_it_is_saved(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    first, *others = [read(write(tmp_path, form.name, form.write(rows))) for form in FORMS]
    assert all(isinstance(lead, Lead) for lead in first)
    for form, other in zip(FORMS[1:], others, strict=True):
        assert other == first, form


_SPELLINGS = {
    "lead_id": ["lead_id", "Lead ID", "LEAD_ID", "lead-id", "leadId", "Lead Id"],
    "email": ["email", "Email", "E-Mail", "EMAIL", "e mail", "Email Address", "mail"],
    "name": ["name", "Name", "NAME"],
    "timezone": ["timezone", "Timezone", "Time Zone", "time_zone", "TimeZone", "tz", "TZ"],
    "first_name": ["first_name", "First Name", "first-name", "FIRST NAME"],
}
_padding = st.text("\ufeff\u200b\u00a0 ", max_size=2)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_column_is_known_by_any_spelling_in_any_place_and_padding(tmp_path: Path, data: st.DataObject) -> None:
    values = {
        "lead_id": "l1",
        "email": "ada@example.org",
        "name": "Ada L.",
        "timezone": "Asia/Tokyo",
        "first_name": "Ada",
    }
    names = data.draw(st.permutations(list(values)))
    header = [
        data.draw(_padding) + data.draw(st.sampled_from(_SPELLINGS[name])) + data.draw(_padding) for name in names
    ]
    separator, trailing = data.draw(st.sampled_from(",;\t")), data.draw(st.integers(0, 3))
    cells = [data.draw(_padding) + values[name] + data.draw(_padding) for name in names]
    lines = "".join(separator.join([*line, *[""] * trailing]) + "\n" for line in (header, cells))
    own = {name: text for name, text in values.items() if name != "first_name"}
    assert read(write(tmp_path, "leads.csv", lines)) == [Lead(**own, variables={"first_name": "Ada"})]
    assert read(write(tmp_path, "leads.jsonl", json.dumps(dict(zip(header, cells, strict=True))))) == [
        Lead(**own, variables={"first_name": "Ada"})
    ]


def test_columns_in_capitals_are_the_leads_own_and_no_variables(tmp_path: Path) -> None:
    [lead] = read(write(tmp_path, "leads.csv", "LEAD_ID,Email,Name,TimeZone\nm1,mary@example.org,Mary,Asia/Tokyo\n"))
    assert isinstance(lead, Lead)
    assert (lead.name, lead.timezone, lead.variables) == ("Mary", "Asia/Tokyo", {})


EXPORT = "Record ID,First Name,E-Mail 1,Opted in? (y/n),Time Zone\n88,Mary,mary@example.org,y,Asia/Tokyo\n"


def test_an_export_of_a_crm_is_read_with_its_columns_mapped(tmp_path: Path) -> None:
    file = write(tmp_path, "export.csv", EXPORT)
    assert refused(file) == [
        "1: lead_id: this column is missing; if it is 'Record ID', say --map lead_id='Record ID'",
        "1: email: this column is missing; if it is 'E-Mail 1', say --map email='E-Mail 1'",
    ]
    [lead] = read(file, "lead_id=record id", "email=E-Mail 1")
    assert lead == Lead(
        lead_id="88",
        email="mary@example.org",
        timezone="Asia/Tokyo",
        variables={"first_name": "Mary", "opted_in_y_n": "y"},
    )
    both = write(tmp_path, "export.jsonl", json.dumps(dict(zip(*csv.reader(EXPORT.splitlines()), strict=True))))
    assert read(both, "lead_id=Record ID", "email=E-Mail 1") == [lead]


def test_an_id_that_may_be_anybodys_is_asked_about_and_not_taken(tmp_path: Path) -> None:
    file = write(tmp_path, "leads.csv", "ID,Email,Name\nm1,mary@example.org,Mary Ross\n")
    assert refused(file) == ["1: lead_id: this column is missing; if it is 'ID', say --map lead_id='ID'"]
    assert read(file, "lead_id=ID") == [MARY_LEAD]


def test_a_mapping_that_names_no_column_or_no_field_is_told(tmp_path: Path) -> None:
    file = write(tmp_path, "export.csv", EXPORT)
    assert refused(file, "lead_id=Record ID", "email=Mail 1")[-1].startswith(
        "1: --map email='Mail 1': there is no such column; there are 'Record ID', 'First Name', "
    )
    assert refused(file, "lead_id=Record ID", "email=E-Mail 1", "1st=First Name") == [
        "1: column '1st' can't be a variable: use letters, digits and '_', such as company_name"
    ]
    for wrong in ("email", "=x", "email="):
        with pytest.raises(typer.BadParameter, match="is not NAME=COLUMN"):
            read_column_options([wrong])
    with pytest.raises(typer.BadParameter, match="mapped twice"):
        read_column_options(["email=a", "email=b"])


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("lead_id,email,Timezne", "column 'Timezne': did you mean timezone? rename it, or say what it is: --map"),
        ("lead_id,email,emial", "column 'emial': did you mean email?"),
        ("lead_id,email,nmae", "column 'nmae': did you mean name?"),
        ("lead_id,email,Time Zone (IANA)", "column 'Time Zone (IANA)': did you mean timezone?"),
        ("lead_id,id,email", "column 'id': did you mean lead_id? rename it, or say what it is: --map lead_id='id'"),
        (
            "lead_id,Lead ID,email",
            "lead_id: 'lead_id' and 'Lead ID' may both be it; say which, --map lead_id='lead_id'",
        ),
        ("lead_id,email,E-Mail", "email: 'email' and 'E-Mail' may both be it; say which"),
        ("lead_id,email,plan,Plan", "columns 'plan' and 'Plan': are one name; give one another, --map NAME='Plan'"),
        ("lead_id,email,Unsubscribe URL", "column 'unsubscribe_url' is the link of each message"),
    ],
)
def test_what_is_almost_a_field_never_becomes_a_variable(tmp_path: Path, header: str, said: str) -> None:
    columns = header.split(",")
    [problem] = refused(write(tmp_path, "leads.csv", f"{header}\nl1,ada@example.org,x,y\n"))
    assert problem.startswith(f"1: {said}")
    row = {column: f"l{place}@example.org" if place else "l1" for place, column in enumerate(columns)}
    [of_json] = read(write(tmp_path, "leads.jsonl", json.dumps(row)))
    assert str(of_json).startswith(f"row 1: {said}")


def test_a_column_that_is_almost_a_field_may_be_said_to_be_a_variable(tmp_path: Path) -> None:
    file = write(tmp_path, "leads.csv", "lead_id,email,E-Mail\nm1,mary@example.org,old@example.org\n")
    [problem] = refused(file, "email=email")
    assert problem.startswith("1: column 'E-Mail': 'email' is the email by --map; give this one another name, --map")
    [lead] = read(file, "email=email", "old_email=E-Mail")
    assert isinstance(lead, Lead)
    assert (lead.email, lead.variables) == ("mary@example.org", {"old_email": "old@example.org"})


@pytest.mark.parametrize("name", ["email2", "work_email", "lname", "username", "lead", "time", "company_name"])
def test_a_name_of_its_own_stays_a_variable(tmp_path: Path, name: str) -> None:
    [lead] = read(write(tmp_path, "leads.csv", f"lead_id,email,{name}\nm1,mary@example.org,x\n"))
    assert isinstance(lead, Lead)
    assert lead.variables == {name: "x"}


def test_empty_columns_and_cells_behind_the_last_are_nothing(tmp_path: Path) -> None:
    wide = "lead_id,email,name,,\nm1,mary@example.org,Mary Ross,,\n"
    assert read(write(tmp_path, "leads.csv", wide)) == [MARY_LEAD]
    assert read(write(tmp_path, "leads.csv", wide.replace("name,,", "name"))) == [MARY_LEAD]
    assert read(write(tmp_path, "leads.csv", wide.replace("Ross,,", "Ross"))) == [MARY_LEAD]
    assert read(write(tmp_path, "leads.csv", wide.replace("Ross,,", "Ross,,x"))) == [
        "row 2: has a value in column 5, which has no name; name the column, or remove it"
    ]


def test_a_text_with_a_comma_that_wants_quotes_is_no_row_with_empty_cells_behind(tmp_path: Path) -> None:
    rows = "m1,mary@example.org,Ross, Mary,\n"
    [problem] = read(write(tmp_path, "leads.csv", "lead_id,email,name,plan\n" + rows))
    assert problem == "row 2: has 5 cells where the header has 4; quote cells with commas"


def test_semicolons_tabs_and_a_line_that_names_the_separator_are_read(tmp_path: Path) -> None:
    rows = "lead_id,email,name\r\nm1,mary@example.org,Mary Ross\r\n"
    for text in (
        rows.replace(",", ";"),
        rows.replace(",", "\t"),
        "sep=,\r\n" + rows,
        "SEP=;\n" + rows.replace(",", ";"),
    ):
        assert read(write(tmp_path, "leads.csv", text)) == [MARY_LEAD]
    bad = read(write(tmp_path, "leads.csv", "sep=;\nlead_id;email\nm1;nobody\n"))
    assert str(bad[0]).startswith("row 3: email: is not an address"), "rows are lines of the file"


@pytest.mark.parametrize("mangled", ["1.23457E+17", "9,88E+15", "5e+06", "1.2e17", "40321.0"])
def test_an_id_that_a_spreadsheet_has_shortened_is_refused_with_the_remedy(tmp_path: Path, mangled: str) -> None:
    file = write(tmp_path, "leads.csv", f'lead_id,email\n"{mangled}",mary@example.org\n')
    [problem] = read(file)
    assert str(problem).startswith(
        "row 2: lead_id: is a number that a spreadsheet has shortened; format that column as"
    )
    [lead] = read(file, literal=["Lead ID"])
    assert isinstance(lead, Lead)
    assert lead.lead_id == mangled


@pytest.mark.parametrize("name", ["lead_id", "email", "name", "timezone", "plan"])
@pytest.mark.parametrize("nothing", ["None", "nan", "#N/A", "NULL", "#REF!", "undefined"])
def test_what_stands_for_nothing_is_refused_in_every_column_and_file(tmp_path: Path, name: str, nothing: str) -> None:
    row = {**MARY, "plan": "gold", name: nothing}
    table = f"{','.join(row)}\n{','.join(row.values())}\n"
    for file in (write(tmp_path, "leads.csv", table), write(tmp_path, "leads.jsonl", json.dumps(row))):
        [problem] = read(file)
        assert f"{name}: says {nothing}, which stands for nothing" in str(problem)
        assert f"--literal {name}" in str(problem)


def test_a_person_who_is_called_null_is_taken_when_it_is_said_that_this_is_meant(tmp_path: Path) -> None:
    file = write(tmp_path, "leads.csv", "lead_id,email,Last Name\nm1,mary@example.org,Null\n")
    assert isinstance(read(file)[0], str)
    [lead] = read(file, literal=["last name"])
    assert isinstance(lead, Lead)
    assert lead.variables == {"last_name": "Null"}
    with pytest.raises(FileError, match="--literal 'Surname': there is no such column"):
        read_leads(file, ColumnOptions(literal=["Surname"]))


def test_an_array_of_objects_is_read_as_lines_are(tmp_path: Path) -> None:
    text = f'[\n {json.dumps(MARY)},\n {{"lead_id": "m2"}}, {json.dumps(MARY)}\n]\n'
    for name in ("leads.jsonl", "leads.json"):
        assert read(write(tmp_path, name, text)) == [
            MARY_LEAD,
            "row 2: email: is missing; add it",
            "row 3: lead_id: is that of row 1 too; remove one",
        ]
    assert read(write(tmp_path, "leads.json", " [ ] ")) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[{}", "1: is not a JSON array (',' is missing)"),
        ("[\n{},\n]", "3: is not a JSON array ("),
        ("[\n{}\n]\n{}", "4: is not a JSON array (something follows the array)"),
        ('[{"a": ', "1: is not a JSON array ("),
        ("[" * 100_000, "1: is not a JSON array (it is nested too deeply)"),
        ('[{"a": "' + "x" * 1_100_000, "is not a JSON array ("),
        ("[{}" + " " * 300_000 + "{}]", "1: is not a JSON array (',' is missing)"),
        ('{\n  "leads": []\n}\n', "holds an object over several lines; write one object a line, or an array of them"),
    ],
)
def test_a_broken_array_is_refused_as_a_whole(tmp_path: Path, text: str, said: str) -> None:
    first = f"[{json.dumps(MARY)}," + text.removeprefix("[") if text.startswith("[{") else text
    for content in (text, first):
        assert said in refused(write(tmp_path, "leads.json", content))[0]


def test_an_array_larger_than_a_read_is_read_to_its_end(tmp_path: Path) -> None:
    rows = [{**MARY, "lead_id": f"m{number}", "note": "é\n" * 200} for number in range(1500)]
    for text in (json.dumps(rows, indent=1), json.dumps(rows, ensure_ascii=False)):
        assert len(text) > 500_000
        found = read(write(tmp_path, "leads.json", text))
        assert [lead.lead_id for lead in found if isinstance(lead, Lead)] == [row["lead_id"] for row in rows]


def test_no_word_of_a_library_is_shown_of_a_bad_row(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {**MARY, **{f"c{number}": "v" for number in range(150)}},
        {**MARY, "name": "x" * 201},
        {**MARY, "email": "x" * 300 + "@example.org"},
        {**MARY, "name": ["x"]},
        {**MARY, "name": "\ud800"},
        {**MARY, "variables": {"a": {"b": "c"}}},
        {**MARY, "variables": {"a": 1.5}},
        {**MARY, "timezone": 1},
        {**MARY, "lead_id": True},
    ]
    file = write(tmp_path, "leads.jsonl", "\n".join(map(json.dumps, rows)) + '\n{"lead_id": ' + "9" * 5000 + "}\n")
    problems = read(file)
    assert problems[0] == "row 1: variables: are more than 100; remove those that no template reads"
    assert problems[-1] == "row 10: a number of 5000 digits: write it as a text, in quotes; write one object a line"
    for problem in problems:
        assert isinstance(problem, str)
        for word in ("should", "Input", "Dictionary", "valid", "Exceeds"):
            assert word not in problem


def test_spaces_and_invisible_characters_around_a_value_are_left_out_of_both_files(tmp_path: Path) -> None:
    row = {"lead_id": " m1\u00a0", "email": "\u200b mary@example.org ", "name": " Mary Ross\ufeff", "plan": "\u200b"}
    for file in (
        write(tmp_path, "leads.jsonl", json.dumps(row)),
        write(tmp_path, "leads.csv", f"{','.join(row)}\n{','.join(row.values())}\n"),
    ):
        assert read(file) == [MARY_LEAD]


def test_a_character_inside_an_address_that_cannot_be_seen_is_named_as_the_cause(tmp_path: Path) -> None:
    for field, value in (("email", "ma\u200bry@example.org"), ("lead_id", "m\u00ad1")):
        [problem] = read(write(tmp_path, "leads.jsonl", json.dumps({**MARY, field: value})))
        assert str(problem).startswith(f"row 1: {field}: has a character that cannot be seen: remove it")


def test_a_zone_that_not_every_machine_has_is_refused_in_both_files(tmp_path: Path) -> None:
    for name in ("posix/Asia/Tokyo", "localtime", "posixrules"):
        row = {**MARY, "timezone": name}
        for file in (
            write(tmp_path, "leads.jsonl", json.dumps(row)),
            write(tmp_path, "leads.csv", f"{','.join(row)}\n{','.join(row.values())}\n"),
        ):
            assert str(read(file)[0]).startswith("row "), name
            assert "timezone: is not a known time zone" in str(read(file)[0])


def test_what_a_row_does_not_give_stays_unset_in_its_lead(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"lead_id": "m1", "email": "mary@example.org"},
        {
            "lead_id": "m2",
            "email": "mary@example.org",
            "name": " ",
            "timezone": None,
            "plan": "\u200b",
            "variables": {},
        },
        {"lead_id": "m3", "email": "mary@example.org", "name": "Mary", "variables": {"plan": None}},
    ]
    given_fields = [
        row.lead.model_fields_set
        for row in read_leads(write(tmp_path, "leads.jsonl", "\n".join(map(json.dumps, rows))))
        if isinstance(row, LeadRow)
    ]
    assert given_fields == [{"lead_id", "email"}, {"lead_id", "email"}, {"lead_id", "email", "name"}]
    [lead] = read(write(tmp_path, "leads.csv", "lead_id,email,name,timezone,plan\nm1,mary@example.org,,,\n"))
    assert isinstance(lead, Lead)
    assert lead.model_fields_set == {"lead_id", "email"}


def test_a_lead_given_as_json_is_read_as_a_row_of_a_file_is() -> None:
    row = read_lead('{"Lead ID": 7, "E-Mail": "mary@example.org", "First Name": "Mary"}')
    assert isinstance(row, LeadRow)
    assert row.lead.variables == {"first_name": "Mary"}
