"""A mailbox on a real IMAP server: each message is taken once, and copies among the sent settle what is unknown."""

import asyncio
import imaplib
import json
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from intake.events import EventDoor, NotTakenError
from intake.inbound.imap import TAKEN, ImapFolder
from intake.inbound.mailbox import ImapError, read_imap_url
from intake.inbound.polling import Found, NotRead, PolledFolder, look_among_sent
from intake.inbound.taking import InboundDoor
from tests.app import App, enrolled
from tests.command import ROOT, environment
from tests.intake.inbound import samples
from tests.intake.inbound.dovecot import PASSWORD, Dovecot, running
from tests.intake.inbound.samples import mail, report
from tests.naming import message_hash, message_id
from tests.scene import Scene
from tests.store.enrolled import put_draft


@pytest.fixture(scope="module")
async def servers() -> AsyncIterator[Dovecot]:
    """A server for all tests of the file. Its folder is none of pytest's: those are closed to other users."""
    with tempfile.TemporaryDirectory() as folder:
        async with running(Path(folder)) as started:
            yield started


@pytest.fixture
def server(servers: Dovecot) -> Dovecot:
    """A mailbox of this test alone."""
    return servers._replace(user=f"ada-{uuid.uuid4().hex}@example.test")


@pytest.fixture
def door(app: App) -> InboundDoor:
    return InboundDoor(app.scene.engine, app.door, workspace=app.scene.workspace)


async def _put(app: App, state: str, *leads: str) -> list[str]:
    """The first drafts of leads, as is said; returns what others name them by."""
    for lead_id in leads:
        await app.says(enrolled(lead_id, ago=timedelta(hours=1)))
        instance = app.scene.instance(lead_id)
        named = message_id(f"{instance}/1/email", "example.test")
        async with app.scene.engine.begin() as connection:
            await put_draft(connection, instance, state=state, message_id=named, recipient=f"{lead_id}@example.test")
    return [message_hash(f"{app.scene.instance(lead_id)}/1/email") for lead_id in leads]


def _inbox(server: Dovecot, door: InboundDoor) -> PolledFolder:
    return PolledFolder(read_imap_url(server.url()), door)


async def _poll(inbox: PolledFolder) -> list[Any]:
    return [one async for one in inbox.poll(lambda: False)]


async def _look(server: Dovecot, door: InboundDoor, folder: str = "Sent") -> list[Found]:
    return [one async for one in look_among_sent(read_imap_url(server.url(folder)), door.recorder, lambda: False)]


async def _everything(scene: Scene) -> list[Any]:
    tables = ("drafts", "instances", "tasks", "evidence", "events", "stops", "suppressions", "ledger")
    return [await scene.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]  # noqa: S608  # ours


async def test_each_message_is_taken_once_and_its_owners_flags_stay(
    app: App, server: Dovecot, door: InboundDoor
) -> None:
    replied, bounced = await _put(app, "sent", "lead-1", "lead-2")
    came_at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
    server.put(mail(samples.REPLY, ours=replied), flags="(\\Seen \\Flagged)", at=came_at)
    server.put(report(samples.failed("lead-2@example.test"), ours=bounced))
    server.put(mail("From: shop@example.test\nMessage-ID: <offer@example.test>"))
    server.put(b"\r\nno header")
    taken = await _poll(_inbox(server, door))
    assert [one.done for one in taken[:3]] == ["taken", "taken", "unmatched"]
    assert isinstance(taken[3], NotRead)
    assert await _poll(_inbox(server, door)) == []
    assert [set(flags.split()) - {"\\Recent"} for flags in server.flags()] == [
        {"\\Seen", "\\Flagged", TAKEN},
        *([{TAKEN}] * 3),
    ]
    stops = await app.scene.rows("SELECT kind, occurred_at FROM stops ORDER BY occurred_at")
    assert [stop.kind for stop in stops] == ["replied", "bounced"]
    assert stops[0].occurred_at == came_at


async def test_neither_size_nor_an_empty_id_keeps_an_answer_from_being_taken(
    app: App, server: Dovecot, door: InboundDoor
) -> None:
    leads = ("lead-1", "lead-2", "lead-3")
    for number, ours in enumerate(await _put(app, "sent", *leads)):
        head = samples.REPLY.replace("<CAF=abc123@mail.example.test>", "<>" if number else "<same@example.test>")
        server.put(mail(head.replace("grace@", f"{number}@"), "Yes\n" * 1_000_000 if number else "Yes", ours=ours))
    assert [one.done for one in await _poll(_inbox(server, door))] == ["taken"] * 3
    assert [await app.scene.status(lead_id) for lead_id in leads] == [("stopped", "replied")] * 3


async def test_where_no_mark_can_be_kept_a_message_that_comes_again_is_recognised(
    app: App, server: Dovecot, door: InboundDoor
) -> None:
    [ours] = await _put(app, "sent", "lead-1")
    server.put(mail(samples.REPLY, ours=ours), "Frozen")
    server.freeze("Frozen")
    inbox = PolledFolder(read_imap_url(server.url("Frozen")), door)
    assert [one.done for one in await _poll(inbox)] == ["taken"]
    before = await _everything(app.scene)
    assert await _poll(inbox) == []  # it remembers how far it came
    server.freeze("Frozen", thawed=True)
    server.put(mail("From: shop@example.test\nMessage-ID: <offer@example.test>"), "Frozen")
    server.freeze("Frozen")
    assert [one.done for one in await _poll(inbox)] == ["unmatched"]
    another = PolledFolder(read_imap_url(server.url("Frozen")), door)  # of another process, which does not
    assert [one.done for one in await _poll(another)] == ["taken", "unmatched"]
    assert await _everything(app.scene) == before


async def test_what_could_not_be_taken_is_taken_the_next_time(app: App, server: Dovecot, door: InboundDoor) -> None:
    [ours] = await _put(app, "sent", "lead-1")
    server.put(mail(samples.REPLY, ours=ours))
    scene = app.scene
    nowhere = await Client.connect("127.0.0.1:1", data_converter=pydantic_data_converter, lazy=True)
    place = {"workspace": scene.workspace, "task_queue": scene.task_queue}
    events = EventDoor(scene.engine, nowhere, **place, sequences=app.folder)
    with pytest.raises(NotTakenError):
        await _poll(_inbox(server, InboundDoor(scene.engine, events, workspace=scene.workspace)))
    assert TAKEN not in server.flags()[0]
    assert [one.done for one in await _poll(_inbox(server, door))] == ["taken"]
    assert await scene.status() == ("stopped", "replied")


async def test_a_copy_among_the_sent_settles_what_is_unknown_and_none_settles_nothing(
    app: App, server: Dovecot, door: InboundDoor
) -> None:
    leads = ("found", "drafted", "silent")
    found, drafted, silent = await _put(app, "unknown", *leads)
    for ours, flags in ((found, "(\\Seen)"), (drafted, "(\\Draft)")):
        server.put(mail(f"From: ada@example.test\nMessage-ID: <{ours}@example.test>"), "Sent", flags)
    # it is quoted, which is no copy
    server.put(mail(f"From: ada@example.test\nMessage-ID: <x@y>\nReferences: <{silent}@example.test>"), "Sent")
    before = server.flags("Sent")
    [copy] = await _look(server, door)
    assert copy.draft_id == f"{app.scene.instance('found')}/1/email"
    assert copy.source.startswith("imap:127.0.0.1/Sent/")
    assert copy.source.endswith("/1")
    assert [await app.scene.states(lead_id) for lead_id in leads] == [["sent"], ["unknown"], ["unknown"]]
    assert server.flags("Sent") == before
    assert await _look(server, door) == []


async def test_two_copies_among_the_sent_are_told_to_a_person(app: App, server: Dovecot, door: InboundDoor) -> None:
    [ours] = await _put(app, "unknown", "lead-1")
    for _ in range(2):
        # the folder's name as it goes over the wire
        server.put(mail(f"From: ada@example.test\nMessage-ID: <{ours}@example.test>"), "Gesendet &- mehr &Jwk-")
    assert len(await _look(server, door, "Gesendet & mehr ✉")) == 2
    assert [row.kind for row in await app.scene.rows("SELECT kind FROM tasks WHERE state = 'open'")] == ["alarm"]


async def test_a_server_that_knows_no_newer_way_is_logged_in_to(
    server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = ImapFolder._connect

    def to_an_old_one(folder: ImapFolder) -> imaplib.IMAP4:
        imap = connect(folder)
        imap.capabilities = ("IMAP4REV1",)
        return imap

    monkeypatch.setattr(ImapFolder, "_connect", to_an_old_one)
    folder = ImapFolder(read_imap_url(server.url()), readonly=True)
    assert folder.find_untaken(0) == []
    folder.close()


async def test_no_error_shows_who_logs_in_or_how(server: Dovecot) -> None:
    wrong = [
        (server.url().replace("secret", "Wrong-1"), "refused the login"),
        (server.url("nowhere"), "has no such folder"),
        (server.url().replace(f":{server.port}/", ":1/"), "can't be reached"),
        (server.url().replace("imap://", "imaps://"), "can't be reached"),
    ]
    for url, what in wrong:
        with pytest.raises(ImapError, match=what) as failed:
            ImapFolder(read_imap_url(url), readonly=True)
        assert not any(secret in str(failed.value) for secret in ("ada", PASSWORD, "secret", "Wrong-1"))


@pytest.mark.parametrize(
    "url",
    [
        "imap://ada:secret@mail.example.test/INBOX",  # the password would cross the network as it is
        "imaps://ada:secret@/INBOX",
        "imaps://ada@mail.example.test",
        "imaps://:secret@mail.example.test",
        "imaps://ada:secret@mail.example.test:port/",
        "imaps://ada:secret@mail.example.test/IN%0d%0aBOX",
        "https://ada:secret@mail.example.test/INBOX",
        "ada:secret",
    ],
)
def test_a_url_that_leads_to_no_mailbox_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ImapError, match=r"^--imap: ") as refused:
        read_imap_url(url)
    assert "secret" not in str(refused.value)


async def test_the_command_polls_until_it_is_told_to_end_and_shows_no_password(app: App, server: Dovecot) -> None:
    replied, bounced = await _put(app, "sent", "lead-1", "lead-2")
    server.put(mail(samples.REPLY, ours=replied))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, ROOT / "starter.py", "inbound", "--imap", "-", "--every", "1s", "--json"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(app.scene, PYTHONUNBUFFERED="1"),
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(server.url().encode() + b"\n")
    process.stdin.close()
    first = json.loads(await process.stdout.readline())
    server.put(report(samples.failed("lead-2@example.test"), ours=bounced))
    second = json.loads(await process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    rest, said = await process.communicate()
    assert (process.returncode, rest) == (0, b"")
    assert [(one["done"], one["kind"]) for one in (first, second)] == [("taken", "reply"), ("taken", "bounce")]
    assert b"secret" not in said
    assert [await app.scene.status(lead_id) for lead_id in ("lead-1", "lead-2")] == [
        ("stopped", "replied"),
        ("stopped", "bounced"),
    ]


async def test_the_command_takes_a_message_from_a_file(app: App, tmp_path: Path) -> None:
    [ours] = await _put(app, "sent", "lead-1")
    file = tmp_path / "reply.eml"
    file.write_bytes(mail(samples.REPLY, ours=ours))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, ROOT / "starter.py", "inbound", file),
        stdout=asyncio.subprocess.PIPE,
        env=environment(app.scene),
        cwd=os.sep,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    assert said.decode().strip().endswith(f"confirms; stopped: {app.scene.instance()}")
