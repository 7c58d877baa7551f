from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiosmtplib
import httpx
import pytest

from devstack.mailbox import LocalMailbox
from devstack.ports import free_ports


@pytest.fixture(scope="module")
async def process(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalMailbox]:
    smtp_port, http_port = free_ports([None, None])
    running = LocalMailbox(tmp_path_factory.mktemp("mailbox"), smtp_port=smtp_port, http_port=http_port)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
def mailbox(process: LocalMailbox) -> LocalMailbox:
    """The mailbox, emptied."""
    for path in process.folder.glob("*.eml"):
        path.unlink()
    return process


def message(message_id: str, *, subject: str = "Hello", body: str = "Hello Ada") -> bytes:
    headers = f"From: a@b.test\r\nTo: c@d.test\r\nSubject: {subject}\r\nMessage-ID: <{message_id}@b.test>\r\n"
    return f"{headers}Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n".encode()


async def send(mailbox: LocalMailbox, content: bytes, recipient: str = "c@d.test") -> None:
    port = int(mailbox.smtp_url.rpartition(":")[2])
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port) as smtp:
        await smtp.sendmail("a@b.test", [recipient], content)


def kept(mailbox: LocalMailbox) -> list[bytes]:
    return [path.read_bytes() for path in sorted(mailbox.folder.glob("*.eml"))]


async def test_the_mailbox_keeps_what_it_received_byte_for_byte(mailbox: LocalMailbox) -> None:
    content = message("dots", body=".\r\n..two\r\n.one\r\n\r\ntabs\t and trailing  \r\nUmläute\r\n" + "x" * 900)
    await send(mailbox, content)
    assert kept(mailbox) == [content]


async def test_a_kept_message_is_named_by_the_instant_it_came(mailbox: LocalMailbox) -> None:
    before = datetime.now(UTC)
    await send(mailbox, message("when"))
    [path] = mailbox.folder.glob("*.eml")
    came = datetime.strptime(path.name.partition("-")[0], "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
    assert before <= came <= datetime.now(UTC)


@pytest.mark.parametrize("recipient", ["anybody@uncertain.test", "Uncertain.lead@example.com"])
async def test_the_mailbox_keeps_and_cuts_the_first_uncertain_message_and_only_that(
    mailbox: LocalMailbox, recipient: str
) -> None:
    first, another = message(f"first.{recipient}"), message(f"another.{recipient}")
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await send(mailbox, first, recipient)
    assert kept(mailbox) == [first]
    await send(mailbox, first, recipient)
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await send(mailbox, another, recipient)
    assert kept(mailbox) == [first, first, another]


async def test_an_uncertain_message_is_not_cut_again_after_a_restart(mailbox: LocalMailbox) -> None:
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await send(mailbox, message("restart"), "uncertain@example.com")
    await mailbox.kill()
    await mailbox.start()
    await send(mailbox, message("restart"), "uncertain@example.com")
    assert len(kept(mailbox)) == 2


async def test_an_ordinary_message_is_answered(mailbox: LocalMailbox) -> None:
    await send(mailbox, message("ordinary"), "not-uncertain@example.com")
    assert len(kept(mailbox)) == 1


async def test_a_hostile_message_is_escaped_in_the_page(mailbox: LocalMailbox) -> None:
    await send(mailbox, message("hostile", subject="<script>alert(1)</script>", body="<img src=x onerror=alert(2)>"))
    async with httpx.AsyncClient(base_url=mailbox.url) as browser:
        listed = await browser.get("/")
        [path] = mailbox.folder.glob("*.eml")
        shown = await browser.get(f"/messages/{path.name}")
        source = await browser.get(f"/messages/{path.name}/source")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in listed.text
    assert "&lt;img src=x onerror=alert(2)&gt;" in shown.text
    assert "<script" not in listed.text + shown.text
    assert "<img" not in shown.text
    assert source.headers["content-type"].startswith("text/plain")
    assert "default-src 'none'" in shown.headers["content-security-policy"]


async def test_the_page_lists_the_newest_first_and_says_time_from_to_subject_and_message_id(
    mailbox: LocalMailbox,
) -> None:
    await send(mailbox, message("older", subject="Older"))
    await send(mailbox, message("newer", subject="=?utf-8?q?Gr=C3=BC=C3=9Fe?="))
    async with httpx.AsyncClient(base_url=mailbox.url) as browser:
        text = (await browser.get("/")).text
    assert text.index("Grüße") < text.index("Older")
    for word in ("2 messages", "a@b.test", "c@d.test", "&lt;newer@b.test&gt;", f"{datetime.now(UTC):%Y-%m-}"):
        assert word in text


@pytest.mark.parametrize(
    "malformed",
    [
        b"no header at all\r\n",
        b"Subject: =?nonsense?b?////?=\r\n\r\nbody\r\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\nnever begun\r\n",
        b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xff\xfe\r\n",
        b"Subject: \xff\xfe\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!\r\n",
    ],
)
async def test_a_malformed_message_is_kept_and_shown(mailbox: LocalMailbox, malformed: bytes) -> None:
    await send(mailbox, malformed)
    assert kept(mailbox) == [malformed]
    async with httpx.AsyncClient(base_url=mailbox.url) as browser:
        [path] = mailbox.folder.glob("*.eml")
        assert (await browser.get("/")).status_code == 200
        assert (await browser.get(f"/messages/{path.name}")).status_code == 200


async def test_the_page_shows_nothing_outside_its_messages(mailbox: LocalMailbox) -> None:
    (mailbox.folder.parent / "outside.eml").write_bytes(b"secret")
    async with httpx.AsyncClient(base_url=mailbox.url) as browser:
        for name in ("..%2Foutside.eml", "%2e%2e%2foutside.eml", "nothing.eml", "cut", "unfinished"):
            assert (await browser.get(f"/messages/{name}")).status_code == 404
            assert (await browser.get(f"/messages/{name}/source")).status_code == 404
