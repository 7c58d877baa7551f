"""Messages in files: several, of any size, taken for real or only looked at."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.app import App, enrolled
from tests.command import ROOT, environment
from tests.intake.inbound import samples
from tests.intake.inbound.samples import OLDER, OURS, failed, mail, report
from tests.naming import message_hash, message_id
from tests.store.enrolled import put_draft

_CHECK = "check the name and its permissions"
_LARGE = 26 * 1024 * 1024
_ATTACHMENT = (
    "\n--b\nContent-Type: text/plain\n\nThe signed order is attached.\n\n--b\nContent-Type: application/pdf\n"
    "Content-Transfer-Encoding: base64\n\n"
)


def _large(ours: str = OURS) -> bytes:
    head = samples.REPLY.strip() + "\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b"
    return mail(head, _ATTACHMENT, ours=ours) + b"JVBERi0xLjcK\r\n" * (_LARGE // 14) + b"--b--\r\n"


async def _run(*arguments: object, stdin: bytes = b"", env: dict[str, str] | None = None) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "starter.py"), "inbound", *map(str, arguments)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd="/",
        env=env or {},
    )
    said, complained = await process.communicate(stdin)
    return process.returncode or 0, said.decode(), complained.decode()


async def _dry(*files: Path, stdin: bytes = b"") -> tuple[int, list[dict[str, Any]], str]:
    code, said, complained = await _run("--dry-run", "--json", *files, stdin=stdin)
    return code, [json.loads(line) for line in said.splitlines()], complained


def _write(folder: Path, **messages: bytes) -> list[Path]:
    files = []
    for name, raw in messages.items():
        files.append(folder / f"{name}.eml")
        files[-1].write_bytes(raw)
    return files


_WITHOUT = {"recipient": None, "status": None, "suppress": False, "until": None}


async def test_a_dry_run_says_what_each_file_would_be_taken_for_without_settings_or_a_database(tmp_path: Path) -> None:
    away = mail(samples.OUT_OF_OFFICE + "Auto-Submitted: auto-replied", samples.AWAY)
    files = _write(
        tmp_path,
        reply=mail(samples.REPLY),
        away=away,
        dead=report(samples.FAILED),
        policy=report(failed("grace@example.test", "5.7.1", "blocked")),
        late=report(samples.DELAYED),
        none=b"no header\n",
    )
    code, said, complained = await _dry(*files)
    assert (code, complained) == (0, "")
    grace = {"recipient": "grace@example.test", "names": [OURS]}
    assert said == [
        _WITHOUT | {"file": str(files[0]), "kind": "reply", "names": [OURS, OLDER]},
        _WITHOUT | {"file": str(files[1]), "kind": "auto_reply", "names": [OURS], "until": "2026-02-09"},
        _WITHOUT | grace | {"file": str(files[2]), "kind": "bounce", "status": "5.1.1", "suppress": True},
        _WITHOUT | grace | {"file": str(files[3]), "kind": "bounce", "status": "5.7.1"},
        _WITHOUT | grace | {"file": str(files[4]), "kind": "delivery_notice", "status": "4.4.1"},
        _WITHOUT | {"file": str(files[5]), "kind": "nothing", "names": []},
    ]


async def test_a_dry_run_goes_on_behind_a_file_that_can_not_be_read(tmp_path: Path) -> None:
    [file] = _write(tmp_path, reply=mail(samples.REPLY))
    code, said, complained = await _dry(tmp_path / "nowhere.eml", tmp_path, file)
    assert (code, [one["kind"] for one in said]) == (1, ["reply"])
    assert complained.splitlines() == [
        f"starter: {tmp_path / 'nowhere.eml'}: can't be read (No such file or directory); {_CHECK}",
        f"starter: {tmp_path}: can't be read (Is a directory); {_CHECK}",
    ]


async def test_a_dry_run_speaks_to_people_in_a_line_a_file(tmp_path: Path) -> None:
    [dead] = _write(tmp_path, dead=report(samples.FAILED))
    code, said, _ = await _run("--dry-run", dead, "-", stdin=b"no header\n")
    assert code == 0
    first, second = said.splitlines()
    assert first.startswith(
        f"{dead}: bounce; names {OURS}; grace@example.test failed; status 5.1.1; the address would be"
    )
    assert second == "-: nothing: it is not a message, it begins without a header"


async def test_size_refuses_nobodys_answer_from_a_file_or_a_pipe(tmp_path: Path) -> None:
    [file] = _write(tmp_path, large=_large())
    _, from_file, _ = await _dry(file)
    _, from_pipe, _ = await _dry(Path("-"), stdin=_large())
    for [one] in (from_file, from_pipe):
        assert (one["kind"], one["names"]) == ("reply", [OURS, OLDER])


async def _put(app: App, lead_id: str) -> str:
    await app.says(enrolled(lead_id))
    instance = app.scene.instance(lead_id)
    named = message_id(f"{instance}/1/email", "example.test")
    async with app.scene.engine.begin() as connection:
        await put_draft(connection, instance, state="sent", message_id=named)
    return message_hash(f"{instance}/1/email")


async def test_the_command_takes_each_of_several_files_and_says_which_it_could_not(app: App, tmp_path: Path) -> None:
    large, replied = await _put(app, "lead-1"), await _put(app, "lead-2")
    files = _write(tmp_path, large=_large(large), none=b"no header\n", reply=mail(samples.REPLY, ours=replied))
    code, said, complained = await _run(*files, tmp_path / "nowhere", "--json", env=environment(app.scene))
    assert (code, [json.loads(line)["done"] for line in said.splitlines()]) == (1, ["taken", "taken"])
    assert [line.partition(": ")[2].partition(":")[0] for line in complained.splitlines()] == [
        str(files[1]),
        str(tmp_path / "nowhere"),
    ]
    assert [await app.scene.status(lead_id) for lead_id in ("lead-1", "lead-2")] == [("stopped", "replied")] * 2


@pytest.mark.parametrize(
    "arguments", [(), ("--dry-run",), ("--dry-run", "--imap", "imaps://a:b@x"), ("a", "--every", "5s")]
)
async def test_arguments_that_fit_nothing_are_refused_before_anything_is_read(arguments: tuple[str, ...]) -> None:
    code, said, complained = await _run(*arguments)
    assert (code, said) == (2, "")
    assert "Traceback" not in complained
