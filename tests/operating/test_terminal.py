"""Standard streams that are full, closed, read no more, or ASCII alone: a sentence or silence, and never a trace."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from providers.scripted import ScriptedProvider
from tests.command import ROOT, Command, Ran, environment
from tests.scene import Scene, a_lead, a_sequence

FULL = (
    "can't write to standard output (No space left on device): what was done stays done, but the output is incomplete"
)
CLOSED = FULL.replace("No space left on device", "it is closed")
LEADS = ROOT / "sequences" / "leads.csv"
READING = [
    ["--help"],
    ["list"],
    ["list", "--json"],
    ["show", "no-reply:lead-1"],
    ["why", "no-reply:lead-1"],
    ["stats"],
    ["tasks", "--json"],
    ["export", "lead-1"],
    ["migrate"],
    ["suppress", "list"],
    ["suppress", "list", "--csv"],
    ["sequence", "check", "no-reply"],
    ["sequence", "list"],
    ["sequence", "preview", "no-reply", "--lead", f"{LEADS}:lead-2"],
]
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture
async def seeded(scene: Scene, followup: Command) -> Scene:
    """A follow-up, and a suppression whose note is not ASCII."""
    await scene.enroll(a_sequence(timedelta(days=1)), a_lead())
    assert (await followup("suppress", "add", "grace@example.test", "--note", "sagte „nein“")).code == 0
    return scene


@contextmanager
def _full() -> Iterator[int]:
    disk = os.open("/dev/full", os.O_WRONLY)
    yield disk
    os.close(disk)


@contextmanager
def _read_no_more() -> Iterator[int]:
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


async def _in_a_shell(scene: Scene, line: str, **more: str) -> Ran:
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", line.replace("PYTHON", sys.executable)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(scene, **more),
        cwd=ROOT,
    )
    out, said = await process.communicate()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), said.decode())


@pytest.mark.parametrize("words", READING, ids=" ".join)
async def test_what_is_read_says_in_one_sentence_that_the_disk_is_full_and_nothing_when_nobody_reads(
    seeded: Scene,  # noqa: ARG001  # what is printed
    followup: Command,
    words: list[str],
) -> None:
    with _full() as disk:
        assert await followup.into(disk, *words) == (1, "", f"followup: {FULL}\n")
    with _read_no_more() as pipe:
        assert await followup.into(pipe, *words) == (141, "", "")


async def test_an_audit_that_cannot_say_what_it_found_did_not_look(seeded: Scene, followup: Command) -> None:  # noqa: ARG001
    with _full() as disk:
        assert (await followup.into(disk, "audit")).code == 2


@pytest.mark.parametrize(("end", "code", "said"), [(_full, 1, f": {FULL}\n"), (_read_no_more, 141, "")])
async def test_work_whose_result_cannot_be_printed_is_done_all_the_same(
    scene: Scene, followup: Command, end: object, code: int, said: str
) -> None:
    assert callable(end)
    starter = Command("starter.py", scene)
    with end() as out:
        ran = await starter.into(out, "enroll", "--sequence", "no-reply", LEADS)
        assert (ran.code, ran.said) == (code, said and f"starter{said}")
        ran = await followup.into(out, "suppress", "add", "grace@example.test")
        assert (ran.code, ran.said) == (code, said and f"followup{said}")
        async with scene.worker(ScriptedProvider()):
            await scene.enroll(a_sequence(timedelta(days=1), name="slow"), a_lead("slow-1"))
            ran = await followup.into(out, "stop", "slow:slow-1")
        assert (ran.code, ran.said) == (code, said and f"followup{said}")
    assert len(await scene.rows("SELECT 1 FROM instances WHERE sequence = 'no-reply'")) == 6
    assert len(await scene.rows("SELECT 1 FROM suppressions")) == 1
    assert [row.status for row in await scene.rows("SELECT status FROM instances WHERE sequence = 'slow'")] == [
        "stopped"
    ]


@pytest.mark.parametrize(
    "line",
    [
        "PYTHON cli.py list",
        "PYTHON cli.py suppress list --csv",
        "PYTHON cli.py sequence check no-reply",
        "PYTHON starter.py enroll --sequence no-reply sequences/leads.csv",
        "PYTHON worker.py --help",
    ],
)
async def test_a_closed_standard_output_is_said_in_one_sentence(seeded: Scene, line: str) -> None:
    ran = await _in_a_shell(seeded, f"{line} >&-")
    name = Path(line.split()[1]).stem.replace("cli", "followup")
    assert ran == (1, "", f"{name}: {CLOSED}\n")


@pytest.mark.parametrize(
    "line", ["cli.py show nobody 2>&-", "cli.py show nobody 2>/dev/full", "worker.py <&- >&- 2>&-"]
)
async def test_a_standard_error_that_takes_nothing_leaves_the_exit_code(scene: Scene, line: str) -> None:
    ran = await _in_a_shell(scene, f"PYTHON {line}", FOLLOWUP_SMTP_URL="nowhere")
    assert ran == (1, "", "")


async def test_a_closed_standard_input_is_an_empty_one(scene: Scene) -> None:
    ran = await _in_a_shell(scene, "PYTHON starter.py event - <&-")
    assert (ran.code, ran.out, len(ran.lines)) == (1, "", 1)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("cli.py sequence preview no-reply --lead sequences/leads.csv:lead-2", "Hello \\u0645\\u062d\\u0645\\u062f"),
        ("cli.py suppress list", "sagte \\u201enein\\u201c (by "),
    ],
)
async def test_an_ascii_locale_is_shown_other_characters_by_their_numbers(seeded: Scene, line: str, shown: str) -> None:
    ran = await _in_a_shell(seeded, f"PYTHON {line}", **ASCII)
    assert (ran.code, ran.said) == (0, "")
    assert ran.out.isascii()
    assert shown in ran.out


@pytest.mark.parametrize("words", ["show naïve", "stop --by naïve --lead naïve --yes"])
async def test_an_argument_of_another_encoding_is_no_trace(scene: Scene, words: str) -> None:
    ran = await _in_a_shell(scene, f"PYTHON cli.py {words}", **ASCII)
    assert ran.code in (0, 1, 2)
    assert "Traceback" not in ran.said


async def test_a_list_in_csv_is_utf_8_in_every_locale(seeded: Scene) -> None:
    ran = await _in_a_shell(seeded, "PYTHON cli.py suppress list --csv", **ASCII)
    assert (ran.code, "sagte „nein“" in ran.out) == (0, True)
