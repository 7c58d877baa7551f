import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.lead import Lead
from intake.files.file_error import FileError
from intake.files.lead_file import BadRow, LeadRow, read_leads

HEADER = "lead_id,email,name,timezone,plan\n"


def csv_file(folder: Path, text: str | bytes, name: str = "leads.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def json_file(folder: Path, rows: Iterable[object]) -> Path:
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    return csv_file(folder, "".join(line + "\n" for line in lines), "leads.jsonl")


def bad(path: Path) -> list[str]:
    return [row.problem for row in read_leads(path) if isinstance(row, BadRow)]


def leads(path: Path) -> list[Lead]:
    return [row.lead for row in read_leads(path) if isinstance(row, LeadRow)]


def good(path: Path) -> list[str]:
    return [lead.lead_id for lead in leads(path)]


def test_a_csv_row_is_a_lead_and_further_columns_are_its_variables(tmp_path: Path) -> None:
    path = csv_file(tmp_path, HEADER + 'l1, grace@Example.ORG ,"Hopper, Grace",America/New_York,pro\n')
    assert leads(path) == [
        Lead(
            lead_id="l1",
            email="grace@example.org",
            name="Hopper, Grace",
            timezone="America/New_York",
            variables={"plan": "pro"},
        )
    ]


def test_an_empty_cell_is_nothing_given(tmp_path: Path) -> None:
    [lead] = leads(csv_file(tmp_path, HEADER + "l1,grace@example.org,, ,\n"))
    assert lead == Lead(lead_id="l1", email="grace@example.org")


def test_a_byte_order_mark_windows_line_ends_and_empty_lines_are_borne(tmp_path: Path) -> None:
    text = (
        b"\xef\xbb\xbf" + (HEADER + "l1,a@example.org,,,\n\n,,,,\nl2,b@example.org,,,\n").replace("\n", "\r\n").encode()
    )
    assert good(csv_file(tmp_path, text)) == ["l1", "l2"]
    assert bad(csv_file(tmp_path, text)) == []


def test_every_row_keeps_its_line_and_a_bad_one_its_lead_id(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path, HEADER + "l1,a@example.org,,,\n\nl2,nobody,,,\nl1,b@example.org,,,\nl3,c@example.org,,,\n"
    )
    found = [(row.row, row.lead.lead_id if isinstance(row, LeadRow) else row.lead_id) for row in read_leads(path)]
    assert found == [(2, "l1"), (4, "l2"), (5, "l1"), (6, "l3")]


def test_both_files_give_the_same_leads(tmp_path: Path) -> None:
    rows = [
        {"lead_id": "l1", "email": "a@example.org", "name": "Émile", "timezone": "Asia/Kolkata", "plan": "pro"},
        {"lead_id": 2, "email": "b@example.org", "name": None, "variables": {"plan": "free", "seats": 5}},
    ]
    text = (
        "lead_id,email,name,timezone,plan,seats\nl1,a@example.org,Émile,Asia/Kolkata,pro,\n2,b@example.org,,,free,5\n"
    )
    assert leads(json_file(tmp_path, rows)) == leads(csv_file(tmp_path, text))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (",a@example.org,,,", "row 3: lead_id: is missing; add it"),
        ("l1,,,,", "row 3: email: is missing; add it"),
        ("l1,nobody,,,", "row 3: email: is not an address: give one such as"),
        ("l1,a b@example.org,,,", "row 3: email: is not an address: give one such as"),
        ("l1,gräce@example.org,,,", "row 3: email: has letters beyond ASCII"),
        ("a@example.org,a@example.org,,,", "row 3: lead_id: must be 1 to 100 printable ASCII"),
        ("l1,a@example.org,,Mars/Olympus,", "row 3: timezone: is not a known time zone: give an IANA name"),
        ('l1,a@example.org,"A\nB",,', "row 3: name: contains a line end"),
        ("l1,a@example.org,=?utf-8?q?A?=,,", "row 3: name: contains '=?'"),
        ("l1,a@example.org,,,\x00", "row 3: variables: plan contains a NUL"),
        ("l1,a@example.org,,", "row 3: has 4 cells where the header has 5"),
        ("l1,a@example.org,Hopper, Grace,,", "row 3: has 6 cells where the header has 5; quote cells with commas"),
        ('l1,a@example.org,"A"B,,', "row 3: is not CSV ("),
        (f"l1,a@example.org,{'x' * 201},,", "row 3: name: is longer than 200 characters; shorten it"),
        (f"l1,a@example.org,,,{'x' * 140_000}", "row 3: is not CSV (field larger than field limit"),
    ],
)
def test_a_bad_row_is_named_with_its_line_field_and_remedy_and_the_others_go_on(
    tmp_path: Path, row: str, said: str
) -> None:
    path = csv_file(tmp_path, f"{HEADER}first,f@example.org,,,\n{row}\nlast,l@example.org,,,\n")
    assert good(path) == ["first", "last"]
    [problem] = bad(path)
    assert problem.startswith(said)


def test_a_quote_never_closed_is_reported_with_what_it_swallowed(tmp_path: Path) -> None:
    rows = 'l1,a@example.org,,,\nl2,b@example.org,"B,,\nl3,c@example.org,,,\n'
    path = csv_file(tmp_path, HEADER + rows)
    assert good(path) == ["l1"]
    [problem] = bad(path)
    assert problem.startswith("row 3: is not CSV (")
    assert problem.endswith("nothing was read up to line 4")


def test_the_first_row_of_a_lead_counts_and_a_later_one_names_it(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path, HEADER + "l1,a@example.org,,,\nl2,b@example.org,,,\nl1,c@example.org,,,\nl1,a@example.org,,,\n"
    )
    assert good(path) == ["l1", "l2"]
    assert bad(path) == [f"row {row}: lead_id: is that of row 2 too; remove one" for row in (4, 5)]


def test_a_bad_row_does_not_take_its_id_from_a_good_one(tmp_path: Path) -> None:
    assert good(csv_file(tmp_path, HEADER + "l1,nobody,,,\nl1,a@example.org,,,\n")) == ["l1"]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("lead_id,name", "1: email: this column is missing"),
        (
            "lead_id:email:name",
            "1: lead_id: this column is missing; add it; the line is separated by ':'",
        ),
        ("l1,a@example.org", "1: lead_id: this column is missing"),
        ("lead_id,email,email", "1: email: there are two such columns; remove one"),
        ("lead_id,email,Имя", "1: column 'Имя' can't be a variable: use letters, digits and '_'"),
        ('lead_id,"email', "1: the header is not CSV"),
    ],
)
def test_a_bad_header_is_an_error_before_any_lead_is_read(tmp_path: Path, header: str, said: str) -> None:
    with pytest.raises(FileError) as error:
        read_leads(csv_file(tmp_path, f"{header}\nl1,a@example.org,x\n"))
    assert any(f"leads.csv:{said}" in problem for problem in error.value.problems)


def test_a_file_that_can_not_be_used_is_an_error_before_any_lead_is_read(tmp_path: Path) -> None:
    rows = HEADER + "l1,a@example.org,,,\n"
    for path, said in [
        (csv_file(tmp_path, rows, "leads.xlsx"), "read from .csv or .jsonl"),
        (csv_file(tmp_path, b"", "empty.csv"), "is empty"),
        (csv_file(tmp_path, rows.encode() + b"l2,b@example.org,\xfc,,\n", "latin.csv"), "latin.csv:3: is not UTF-8"),
        (csv_file(tmp_path, rows.encode("utf-16-le"), "wide.csv"), "wide.csv:1: is UTF-16 without its mark"),
        (csv_file(tmp_path, b"\xff\xfe" + b"l\0\n\0\xd8", "cut.csv"), "cut.csv:2: is not the UTF-16 that it begins as"),
        (csv_file(tmp_path, b"PK\x03\x04...", "sheet.csv"), "is a workbook and not its text; save the sheet as CSV"),
        (csv_file(tmp_path, rows + "x" * 1_000_001, "long.csv"), "long.csv:3: the line is longer than"),
        (tmp_path / "none.csv", "No such file"),
        (tmp_path, "read from .csv or .jsonl"),
    ]:
        with pytest.raises(FileError, match=said):
            read_leads(path)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "row 2: is not JSON ("),
        ("[]", "row 2: is not an object; write one object a line"),
        ('{"lead_id": "l1", "email": "a@example.org", "email": "b@example.org"}', "row 2: email: is given twice"),
        (
            {"lead_id": "l1", "email": "a@example.org", "variables": {"a": "1"}, "a": "2"},
            "row 2: a: is given twice, once",
        ),
        ({"lead_id": "l1", "email": "a@example.org", "variables": []}, "row 2: variables: must be an object"),
        ({"lead_id": "l1", "email": "a@example.org", "seats": 1.5}, "row 2: variables.seats: must be a text"),
        ({"lead_id": "l1", "email": "a@example.org", "paid": True}, "row 2: variables.paid: must be a text"),
        (
            {"lead_id": "l1", "email": "a@example.org", "variables": {"name": "x"}},
            "row 2: variables: 'name' is the lead's",
        ),
        ({"lead_id": "l1", "email": 5}, "row 2: email: is not an address"),
        ({"lead_id": "l1", "email": "\ud800@example.org"}, "row 2: email: "),
        ({"lead_id": "l1", "email": "a@\ud800.org"}, "row 2: email: is not an address"),
        ({"lead_id": "l1", "email": ["a@example.org"]}, "row 2: email: must be a text"),
        ({"lead_id": "l1", "email": "a@example.org", "name": "\ud800"}, "row 2: name: contains"),
        ({"lead_id": "l1", "email": "a@example.org", "plan": "\ud800"}, "row 2: variables: plan contains"),
        ({"email": "a@example.org"}, "row 2: lead_id: is missing; add it"),
        ('{"lead_id": "l1", "email": "a@example.org", "plan": ' + "[" * 100_000, "row 2: is nested too deeply"),
    ],
)
def test_a_bad_line_of_json_is_named_and_the_others_go_on(tmp_path: Path, row: object, said: str) -> None:
    others = [{"lead_id": name, "email": "a@example.org"} for name in ("first", "last")]
    path = json_file(tmp_path, [others[0], row, others[1]])
    assert good(path) == ["first", "last"]
    [problem] = bad(path)
    assert problem.startswith(said)


@given(content=st.binary(max_size=200))
def test_whatever_a_file_holds_it_gives_leads_bad_rows_or_a_file_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    for path in (
        csv_file(folder, HEADER.encode() + content, "any.csv"),
        csv_file(folder, content, "any.jsonl"),
        csv_file(folder, content, "header.csv"),
    ):
        try:
            rows = list(read_leads(path))
        except FileError as error:
            assert error.problems  # noqa: PT017 either end is fine, but not one without words
        else:
            assert all(isinstance(row, LeadRow | BadRow) for row in rows)
