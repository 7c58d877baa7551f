"""What the pages name exists: files, links, commands with their options, settings, tests, reasons, keys."""

import re
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

import cli
import starter
from domain.draft import DraftState
from domain.instance import InstanceStatus, Reason
from domain.sequence import Sequence, Step, Window
from settings import PREFIX, Settings
from tests.docs import pages
from tests.docs.pages import PAGES, ROOT

README, OPERATIONS = ROOT / "README.md", ROOT / "docs" / "operations.md"
GLOSSARY = ROOT / "docs" / "glossary.md"
SETTINGS, SEQUENCES = ROOT / "docs" / "settings.md", ROOT / "docs" / "sequences.md"
_FILE = re.compile(r"\.?[\w.-]+(?:/[\w.-]+)*/?")
_ENDINGS = {".py", ".md", ".toml", ".yaml", ".yml", ".csv", ".txt", ".sh"}
# What a running `make run` makes, and what the reader writes.
_NOT_YET = {
    ".devstack/postgres/elsewhere",
    ".devstack/worker.log",
    "second.txt",
    "providers/NAME.py",
    "unsubscribed.csv",
    "export.csv",
    "suppressed.csv",
}
# Names of the world outside: SQL, SMTP, Temporal, Linux.
_FOREIGN = {
    "TemporalReportedProblems",
    "docker_compose",
    "maximum_attempts",
    "stop_grace_period",
    "smtp_sink",
}
_PROGRAMS = {"followup": get_command(cli.app), "starter.py": get_command(starter.app)}
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def _is_path(name: str) -> bool:
    top = name.split("/")[0]
    return bool(_FILE.fullmatch(name)) and (
        Path(name).suffix in _ENDINGS or ("/" in name and bool(top) and (ROOT / top).is_dir())
    )


@each_page
def test_every_file_a_page_names_exists(page: Path) -> None:
    words = {word for name in pages.named(page) for word in name.split()}
    missing = [
        word
        for word in words - _NOT_YET
        if _is_path(word) and not (ROOT / word).exists() and not (page.parent / word).exists()
    ]
    assert missing == []


@each_page
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in pages.links(page):
        path, _, anchor = target.partition("#")
        leads_to = (page.parent / path).resolve() if path else page
        assert leads_to.exists(), target
        assert not anchor or anchor in pages.anchors(leads_to), target


@each_page
def test_every_command_a_page_names_exists_with_its_options(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for name in pages.named(page):
        for target in re.findall(r"\bmake ([a-z]+)", name):
            assert target in targets, name
        for program, group in _PROGRAMS.items():
            _check(group, program, name)


def _check(group: object, program: str, written: str) -> None:
    assert isinstance(group, TyperGroup)
    found = re.search(rf"(?:^|[ /]){re.escape(program)} ([a-z]+)(.*)", written)
    if found is None:
        return
    assert found[1] in group.commands, written
    command = group.commands[found[1]]
    if isinstance(command, TyperGroup):  # of commands of its own
        _check(command, found[1], f"{found[1]}{found[2]}")
    else:
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"(?<= )--[a-z-]+", found[2])) <= known, written


@each_page
def test_every_setting_a_page_names_exists(page: Path) -> None:
    written = set(re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]\b", page.read_text()))
    assert written <= {PREFIX + name.upper() for name in Settings.model_fields}


@each_page
def test_every_test_a_page_names_exists(page: Path) -> None:
    written = {name for name in pages.named(page) if re.fullmatch(r"test_\w+", name)}
    assert written <= pages.tests()


@each_page
def test_every_word_of_code_a_page_uses_is_in_the_code(page: Path) -> None:
    is_ours = re.compile(r"[A-Za-z]+_\w+|[A-Z][a-z]+[A-Z]\w+")
    written = {name for name in pages.named(page) if is_ours.fullmatch(name) and not name.startswith("test_")}
    assert written - pages.words() - _FOREIGN == set()


def test_the_settings_page_lists_every_setting_of_ours() -> None:
    for name in Settings.model_fields:
        assert f"| `{PREFIX}{name.upper()}` |" in SETTINGS.read_text()


def test_the_sequences_page_lists_every_key_of_a_sequence() -> None:
    written = set(pages.named(SEQUENCES))
    fields = [*Sequence.model_fields.items(), *Step.model_fields.items(), *Window.model_fields.items()]
    assert {field.alias or name for name, field in fields} | {"body_file"} <= written


def test_the_glossary_defines_each_term_once_and_in_order() -> None:
    terms = re.findall(r"^\| ([\w -]+) \| .* \| .* \|$", GLOSSARY.read_text(), re.MULTILINE)[1:]
    assert len(terms) > 30
    assert terms == sorted(set(terms))


def test_the_readmes_example_is_the_example() -> None:
    lines = (ROOT / "sequences" / "no-reply.yaml").read_text().splitlines(keepends=True)
    example = "".join(line for line in lines if not line.startswith("#"))
    assert f"```yaml\n{example}```" in README.read_text()


def test_operators_are_told_of_every_status_reason_and_state() -> None:
    told = set(pages.named(OPERATIONS))
    states = set(DraftState) - {DraftState.AWAITING_APPROVAL, DraftState.DISCARDED}  # nobody can come to these yet
    assert set(InstanceStatus) | states | (set(Reason) - {Reason.NONE}) <= told


def test_a_page_speaks_of_no_machine() -> None:
    for page in PAGES:
        assert not re.search(r"/(?:work|root|home|tmp)/", page.read_text()), page
