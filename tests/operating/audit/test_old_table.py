"""`followup audit --table`: an older system's table, the planted faults of the example, and what can't be read."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cli
from tests.docs.pages import ROOT

EXAMPLE = ROOT / "docs" / "example" / "old-system.csv"
HEADER = "lead,instance,step,time,message_id,kind\n"
# What was planted in the example, by hand, and how often each went out.
DUPLICATES = {("lead-07", "2"): 5, ("lead-12", "1"): 2, ("lead-19", "3"): 3, ("lead-31", "1"): 2}
BURSTS = {"lead-07": 5, "lead-12": 2, "lead-19": 3, "lead-23": 2}
DOUBLED_TASKS = {("run-07", "3"): 4, ("run-33", "2"): 2}


def run(*arguments: str | Path) -> tuple[int, str, str]:
    ran = CliRunner().invoke(cli.app, ["audit", *map(str, arguments)])
    return ran.exit_code, ran.stdout, ran.stderr


def table(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "table.csv"
    path.write_text(header + "".join(f"{row}\n" for row in rows))
    return path


def test_every_planted_fault_of_the_example_is_found_and_nothing_else() -> None:
    code, out, _ = run("--table", EXAMPLE, "--json")
    report = json.loads(out)
    found = {(one["kind"], one["thread"], one["step"]): len(one["marks"]) for one in report["findings"]}
    planted: dict[tuple[str, str, str | None], int] = {
        ("duplicate", *place): count for place, count in DUPLICATES.items()
    }
    planted |= {("burst", thread, None): count for thread, count in BURSTS.items()}
    planted |= {("doubled_task", *place): count for place, count in DOUBLED_TASKS.items()}
    assert (code, found) == (1, planted)
    assert report["looked_at"] == {"messages sent": 124, "tasks": 16}


def test_the_page_shows_what_the_command_prints() -> None:
    _, out, _ = run("--table", EXAMPLE)
    assert f"$ followup audit --table docs/example/old-system.csv\n{out}" in (ROOT / "docs" / "audit.md").read_text()


def test_a_clean_table_is_said_to_be_so(tmp_path: Path) -> None:
    rows = ["l,i,1,2026-01-01T00:00:00Z,<1@x>,", "l,i,2,2026-01-03T00:00:00,<2@x>,email", "l,i,3,2026-01-03,,call"]
    code, out, _ = run("--table", table(tmp_path, *rows))
    assert (code, out) == (0, "looked at 2 messages sent, 1 tasks\nnothing is wrong\n")


def test_the_time_of_a_burst_can_be_chosen(tmp_path: Path) -> None:
    path = table(tmp_path, "l,i,1,2026-01-01T00:00:00Z,<1@x>,", "l,i,2,2026-01-01T02:00:00+01:00,<2@x>,")
    assert run("--table", path)[0] == 0
    assert run("--table", path, "--burst", "2h")[0] == 1


def test_the_html_page_needs_nothing_else_and_has_a_picture_of_each_finding(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert run("--table", EXAMPLE, "--html", page)[0] == 1
    html = page.read_text()
    assert html.count("<svg") == html.count("</svg>") == len(DUPLICATES) + len(BURSTS) + len(DOUBLED_TASKS)
    assert html.count("<circle") == sum([*DUPLICATES.values(), *BURSTS.values(), *DOUBLED_TASKS.values()])
    assert not any(outside in html for outside in ("http:", "https:", "src=", "@import", "<script"))


def test_what_a_table_says_can_not_become_markup_or_steer_a_terminal(tmp_path: Path) -> None:
    row = "<script>,\x1b[2J,1,2026-01-01T00:00:00Z,<m@x>,"
    path, page = table(tmp_path, row, row), tmp_path / "report.html"
    code, out, _ = run("--table", path, "--html", page)
    assert (code, "<script>" in page.read_text(), "\x1b" in out) == (1, False, False)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lead,instance,step,time\n", "message_id: this column is missing"),
        (f"{HEADER}l,i,1,yesterday,<m@x>,\n", "table.csv:2: time: is not an instant"),
        (f"{HEADER}l,i,1\n", "table.csv:2: has 3 cells, the header has 6"),
        (f'{HEADER}l,i,1,"2026\n', "is not CSV"),
        ("", "is empty"),
    ],
)
def test_a_table_that_can_not_be_read_is_no_finding_but_code_2(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    code, out, said = run("--table", path)
    assert (code, out) == (2, "")
    assert says in said


def test_a_report_that_can_not_be_written_is_code_2(tmp_path: Path) -> None:
    code, _, said = run("--table", EXAMPLE, "--html", tmp_path / "none" / "report.html")
    assert (code, "can't be written" in said) == (2, True)
