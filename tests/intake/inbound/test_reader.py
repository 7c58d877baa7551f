"""No mail stops a process: each is read in another one, which is replaced, and what it could not read is an answer."""

import asyncio
import logging
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from intake.events import NotTakenError
from intake.inbound import reader as inbound_reader
from intake.inbound.mail import Inbound, InboundError, read_coarsely, read_inbound
from intake.inbound.message_class import InboundKind
from intake.inbound.reader import Reader
from intake.inbound.worker import READY
from tests.command import ROOT
from tests.intake.inbound import samples
from tests.intake.inbound.samples import OLDER, OURS, failed, mail, report

_REPLY = mail(samples.REPLY)


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    opened = Reader()
    yield opened
    opened.close()


def _child() -> psutil.Process:
    """The process that was started last: doors of other tests may have theirs."""
    readers = [one for one in psutil.Process().children() if "intake.inbound.worker" in one.cmdline()]
    return max(readers, key=lambda one: one.create_time())


async def test_a_message_is_read_the_same_in_another_process(reader: Reader) -> None:
    for raw in (_REPLY, report(samples.FAILED), report(samples.DELAYED), mail(samples.OUT_OF_OFFICE, samples.AWAY)):
        assert await reader.read(raw) == read_inbound(raw)


async def test_what_is_no_message_is_refused_and_the_next_one_is_read(reader: Reader) -> None:
    with pytest.raises(InboundError, match="it begins without a header"):
        await reader.read(b"\xff\xfe")
    assert (await reader.read(_REPLY)).kind is InboundKind.REPLY


async def test_a_message_that_costs_too_much_counts_as_an_answer_and_the_next_one_is_read(
    reader: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    await reader.read(_REPLY)
    child = _child()
    # what the kernel does to the process when its time is over
    reading = asyncio.ensure_future(_killed(reader, child, report(failed("grace@example.test"))))
    with caplog.at_level(logging.WARNING):
        read = await reading
    assert (read.kind, OURS in read.message_hashes, read.failures) == (InboundKind.REPLY, True, ())
    assert f"inbound {read.key}: it costs too much to be read: it is taken for an answer" in caplog.messages
    assert "grace" not in caplog.text
    assert not child.is_running()
    assert (await reader.read(_REPLY)).message_hashes == (OURS, OLDER)
    assert _child().pid != child.pid


async def _killed(reader: Reader, child: psutil.Process, raw: bytes) -> Inbound:
    child.suspend()
    reading = asyncio.ensure_future(reader.read(raw))
    await asyncio.to_thread(_until_it_has_something_to_read, child)
    child.send_signal(signal.SIGPROF)
    with suppress(psutil.NoSuchProcess):  # it may be gone before it was stopped at all
        child.resume()
    return await reading


def _until_it_has_something_to_read(child: psutil.Process) -> None:
    pipe = f"/proc/{child.pid}/fd/0"
    with Path(pipe).open("rb", buffering=0) as stdin:
        select.select([stdin], [], [])


_SPIN = """
from intake.inbound import worker as inbound_worker
inbound_worker.read_inbound = lambda raw: {}
inbound_worker.main()
"""


@pytest.mark.parametrize(
    ("does", "signal_number"),
    [("sum(range(300_000_000))", signal.SIGPROF), ("bytearray(2_000_000_000)", None)],
    ids=["time", "memory"],
)
def test_the_kernel_ends_a_process_that_takes_more_than_its_share(does: str, signal_number: int | None) -> None:
    """Even inside of C code that no signal handler of Python's would ever see."""
    source = _SPIN.replace("{}", does)
    process = subprocess.Popen([sys.executable, "-c", source], cwd=ROOT, stdin=-1, stdout=-1, stderr=subprocess.DEVNULL)
    said, _ = process.communicate(b"\x00\x00\x00\x01x")
    assert said == READY  # and nothing else
    assert process.returncode == (-signal_number if signal_number else 1)


async def test_the_process_ends_with_the_reader_and_leaves_nothing_behind() -> None:
    reader = Reader()
    await reader.read(_REPLY)
    child = _child()
    reader.close()
    assert not child.is_running()  # and no zombie
    another = Reader()
    await another.read(_REPLY)
    child = _child()
    del another
    assert not child.is_running()


def test_the_process_ends_with_the_one_that_started_it_however_that_ends() -> None:
    source = (
        "import asyncio, os, signal; from intake.inbound.reader import Reader; r = Reader();"
        "asyncio.run(r.read(b'From: g@example.test\\n\\n')); print(r._process.popen.pid, flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    run = subprocess.run([sys.executable, "-c", source], cwd=ROOT, stdout=subprocess.PIPE, check=False)
    try:
        psutil.Process(int(run.stdout)).wait(timeout=60)
    except psutil.NoSuchProcess:
        return


async def test_the_process_has_nothing_of_ours_in_reach(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLLOWUP_EVENT_SECRET", "whsec_secret")
    await reader.read(_REPLY)
    assert not [name for name in _child().environ() if name.startswith(("FOLLOWUP", "TEMPORAL", "PG"))]


async def test_a_message_is_to_be_given_again_while_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    for command in (("/nonexistent",), (sys.executable, "-c", "")):
        monkeypatch.setattr(inbound_reader, "_COMMAND", command)
        with pytest.raises(NotTakenError, match="the process that reads mail"):
            await Reader().read(_REPLY)


_BOMBS = {
    "commas": b"," * 255_000,
    "brackets": b"<" * 255_000,
    "lines of brackets": (b"<" * 900 + b"\n") * 280,
    "addresses": b"a@" * 120_000,
    "spaces": b" " * 255_000,
    "words": (b"address is a " * 70 + b"\n") * 280,
    "tags": b"<a " * 85_000,
    "absence": b"I am away until until " * 11_000,
    "boundaries": b"--b\r\n" * 50_000,
    "fields": b"Final-Recipient: rfc822; a@b\nAction: failed\nStatus: 5.1.1\n\n" * 4_000,
    "ids": b"Message-ID:\n" * 20_000,
    "encoded": b"=?x?q?" * 40_000,
}
_HEADS = [
    b"From: mailer-daemon@x\r\n",
    b"From: g@x\r\nAuto-Submitted: auto-replied\r\nContent-Type: text/html\r\n",
    b"From: <>\r\nContent-Type: multipart/report; boundary=b\r\n",
]


@pytest.mark.parametrize("bomb", _BOMBS)
async def test_what_was_made_to_be_slow_is_read_within_its_share(reader: Reader, bomb: str) -> None:
    await reader.read(_REPLY)
    child = _child()
    for head in _HEADS:
        await reader.read(head + b"\r\n" + _BOMBS[bomb])
    for name in (b"From", b"References", b"Subject", b"To", b"Content-Type", b"Return-Path"):
        await reader.read(name + b": " + _BOMBS[bomb].replace(b"\n", b" ") + b"\r\n\r\nHello")
    assert _child() == child  # it was never replaced


def test_what_can_not_be_read_names_whatever_it_may_name() -> None:
    read = read_coarsely(report(samples.FAILED) + b" 0" + OURS.encode() + b"@")
    assert (read.kind, set(read.message_hashes)) == (InboundKind.REPLY, {OURS, OLDER})
    assert os.linesep not in read.key
