import email
import hashlib
import re
from datetime import UTC, datetime
from email import policy
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mail.message import FrozenMessage, MessageError, Thread, _Parts, _require_read_back, freeze
from tests.naming import message_hash

ADA = Address("Ada Lovelace", addr_spec="ada@example.com")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OUTLOOK = "<" + "AM0PR0" + "x" * 170 + "@eurprd04.prod.outlook.com>"
FIRST_HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
]
# Texts that have broken, or hidden in, headers before.
HOSTILE = [
    "A\r\nBcc: e@x.test",
    "=?utf-8?q?A=0D=0ABcc=3A_e=40x?=",
    "=?utf-8?q?a=2Cevil=40x.test=2C?=",
    "A\x00B",
    "A\x85Bcc: e@x.test",
    "A\u2028Bcc: e@x.test",
    "A\x0bBcc: e@x.test",
    "\ud800",
    '"', "\\", "<e@x.test>", "a,b", "a;b", "(", ":", "=", "?=", "a" * 2000, " a ", "é" * 300, "a  b", "e@x.test,",
]  # fmt: skip
# Everything, and more often what means something in a header.
words = st.one_of(
    st.text(max_size=120),
    st.text(alphabet="ab =?\"\\<>@,;:().\r\n\t\x00é🙂[]_-'Re", max_size=60),
    st.sampled_from(HOSTILE),
)


def frozen(
    name: str = "Grace",
    address: str = "grace@example.org",
    subject: str = "Hello",
    body: str = "Hello\n",
    references: tuple[str, ...] = (),
) -> FrozenMessage:
    return freeze(
        message_hash=message_hash("default:no-reply:l1/1/email"),
        sender=ADA,
        recipient_name=name,
        recipient_address=address,
        subject=subject,
        body=body,
        date=NOON,
        thread=Thread(references),
    )


def read(message: FrozenMessage) -> EmailMessage:
    return email.message_from_bytes(message.content, policy=policy.SMTP)


def raw_header(message: FrozenMessage, name: str) -> str:
    head = message.content.decode("ascii", "replace").split("\r\n\r\n")[0]
    unfolded = head.replace("\r\n ", " ").split("\r\n")
    return next(line for line in unfolded if line.startswith(f"{name}: ")).removeprefix(f"{name}: ")


def name_of_recipient(message: FrozenMessage) -> str:
    """Read the display name as receivers do; the library's address parser puts spaces between encoded words."""
    [recipient] = read(message)["To"].addresses
    if raw_header(message, "To").startswith("=?"):
        return str(make_header(decode_header(raw_header(message, "To").rpartition(" ")[0])))
    return str(recipient.display_name)


def require_sound(message: FrozenMessage) -> None:
    """Whatever was given, these hold to the byte; no parser of mail is asked."""
    head, _, body = message.content.partition(b"\r\n\r\n")
    lines = head.decode("ascii").split("\r\n")
    names = [line.split(":")[0] for line in lines if not line.startswith(" ")]
    assert [name for name in names if name not in {"In-Reply-To", "References"}] == FIRST_HEADERS
    for line in message.content.split(b"\r\n"):
        assert len(line) <= 998
        assert b"\r" not in line
        assert b"\n" not in line
    assert not re.search(rb"[^\t\r\n -~]", head + body)
    assert re.findall(r"<([^<>]*)>$", raw_header(message, "From")) == ["ada@example.com"]


@given(subject=words, name=words)
@example(subject="=?utf-8?q?A=0D=0ABcc=3A_e=40x?=", name="Grace")
@example(subject="Hello", name="=?utf-8?q?a=2Cevil=40x.test=2C?=")
def test_no_subject_or_name_adds_removes_or_changes_a_header(subject: str, name: str) -> None:
    try:
        message = frozen(subject=subject, name=name)
    except MessageError:
        return
    require_sound(message)
    assert read(message)["Subject"] == subject.strip(" ")
    assert [recipient.addr_spec for recipient in read(message)["To"].addresses] == ["grace@example.org"]
    assert name_of_recipient(message) == " ".join(name.split())


@given(address=st.one_of(words, words.map(lambda text: f"grace{text}@example.org"), words.map(lambda t: f"g@{t}.org")))
def test_no_address_adds_removes_or_changes_a_header(address: str) -> None:
    try:
        message = frozen(address=address)
    except MessageError:
        return
    require_sound(message)
    assert len(read(message)["To"].addresses) == 1


@given(reference=st.one_of(words, words.map(lambda text: f"<{text}@example.org>")))
def test_no_message_id_of_a_stranger_adds_removes_or_changes_a_header(reference: str) -> None:
    try:
        message = frozen(references=(OUTLOOK, reference))
    except MessageError:
        return
    require_sound(message)
    assert raw_header(message, "References").split(" ") == [OUTLOOK, reference]


@pytest.mark.parametrize("hostile", HOSTILE[:8])
def test_what_could_end_a_header_line_is_refused_in_subject_and_name(hostile: str) -> None:
    with pytest.raises(MessageError, match=r"^Subject: .*remove it"):
        frozen(subject=hostile)
    with pytest.raises(MessageError, match=r"^To: .*remove it"):
        frozen(name=hostile)


def test_an_error_never_quotes_what_it_was_given() -> None:
    with pytest.raises(MessageError) as error:
        frozen(address="secret person@example.org")
    assert "secret" not in str(error.value)


# what people and their templates do write: none of it may be refused
plain_words = st.text(
    st.characters(categories=["L", "N", "P", "S"], include_characters=" "), min_size=1, max_size=200
).filter(lambda text: "=?" not in text and text.strip())


@given(subject=plain_words, name=plain_words)
@example(subject="x" * 900, name="Grace")
@example(subject="word " * 150 + "end", name='Dr. Grace "Amazing" O\'Hopper, Ph.D. \\o/ (Navy)')
@example(subject="ascii then é", name="山田 太郎" * 20)
def test_every_ordinary_subject_and_name_is_written_and_reads_back_the_same(subject: str, name: str) -> None:
    message = frozen(subject=subject, name=name)
    assert read(message)["Subject"] == subject.strip(" ")
    assert name_of_recipient(message) == " ".join(name.split())


@given(body=st.text(max_size=400))
@example(body="A line that is far too long for mail, and one: " + "x" * 2000)
@example(body="x" * 79)
@example(body="x" * 1200)
@example(body="trailing space \n.\nFrom me\n\ttab\t\n=3D é\n")
@example(body="mixed\r\nline\rends\n\n\n")
def test_a_body_reads_back_the_same_with_one_line_end_at_its_end(body: str) -> None:
    message = frozen(body=body)
    require_sound(message)
    assert max(map(len, message.content.split(b"\r\n"))) <= 78
    expected = re.sub(r"\r\n?", "\n", body).rstrip("\n") + "\n"
    assert read(message).get_content().replace("\r\n", "\n") == expected


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"Date: ", b"Bcc: e@x.test\r\nDate: ", "message: reads back with other headers"),
        (b"To: Grace <grace@example.org>\r\n", b"", "message: reads back with other headers"),
        (b"Subject: Hello", b"Subject: Hallo", "Subject: does not read back"),
        (b"<grace@example.org>", b"<grace@example.org>, e@x.test", "To: does not read back"),
        (b"<grace@", b"<eve@", "To: does not read back"),
        (b"\r\n\r\nHello", b"\r\n\r\nHallo", "body: does not read back"),
    ],
)
def test_a_message_that_reads_back_otherwise_than_meant_is_never_frozen(old: bytes, new: bytes, said: str) -> None:
    content = frozen().content
    assert old in content
    parts = _Parts(
        sender=ADA,
        recipient=Address("Grace", addr_spec="grace@example.org"),
        subject="Hello",
        date="Sun, 22 Nov 2026 12:00:00 +0000",
        message_id=frozen().message_id,
        references=(),
        body="Hello\n",
    )
    _require_read_back(content, parts)
    with pytest.raises(MessageError, match=f"^{said}"):
        _require_read_back(content.replace(old, new), parts)


def test_a_long_subject_is_folded_at_its_spaces_and_never_elsewhere() -> None:
    message = frozen(subject="well " * 40 + "x" * 90)
    subject = message.content.split(b"Subject: ")[1].split(b"\r\nDate")[0].split(b"\r\n ")
    assert max(map(len, subject[:-1])) <= 78
    assert subject[-1] == b"x" * 90


def test_short_plain_lines_are_sent_as_they_are() -> None:
    assert frozen(body="Hello,\n\nwell?").content.endswith(b"7bit\r\n\r\nHello,\r\n\r\nwell?\r\n")


def test_the_same_inputs_give_the_same_bytes_and_their_fingerprint() -> None:
    first, second = (frozen(subject="Grüße", body="ü") for _ in range(2))
    assert first == second
    assert first.fingerprint == hashlib.sha256(first.content).hexdigest()
    # pinned: a draft frozen under one Python is the same under another
    assert first.fingerprint[:16] == "95165461750a1e81"


def test_a_first_message_has_no_thread_and_its_subject_as_it_is() -> None:
    message = read(frozen(subject="Re: what you asked"))
    assert message["Subject"] == "Re: what you asked"
    assert message.keys() == FIRST_HEADERS


def test_an_answer_names_every_earlier_message_and_the_last_one_as_its_parent() -> None:
    message = frozen(references=("<1@a.test>", OUTLOOK, "<2@a.test>"))
    assert raw_header(message, "References") == f"<1@a.test> {OUTLOOK} <2@a.test>"
    assert raw_header(message, "In-Reply-To") == "<2@a.test>"


def test_an_id_longer_than_a_line_is_neither_folded_nor_encoded() -> None:
    message = frozen(references=tuple(f"<{n}{OUTLOOK[1:]}" for n in range(20)))
    for n in range(20):
        assert f"<{n}{OUTLOOK[1:]}".encode() in message.content
    assert raw_header(message, "In-Reply-To") == f"<19{OUTLOOK[1:]}"
    assert b"=?" not in message.content


@pytest.mark.parametrize("subject", ["Hello", "Re: Hello", "RE: re:  Hello", " re:Re: Hello "])
def test_an_answer_says_re_exactly_once(subject: str) -> None:
    assert read(frozen(subject=subject, references=("<1@a.test>",)))["Subject"] == "Re: Hello"


def test_a_subject_that_begins_like_re_is_left_alone() -> None:
    answer = frozen(subject="Regarding your trial", references=("<1@a.test>",))
    assert read(answer)["Subject"] == "Re: Regarding your trial"


def test_an_international_domain_goes_as_its_a_label() -> None:
    assert read(frozen(address="grace@münchen.example"))["To"] == "Grace <grace@xn--mnchen-3ya.example>"


def test_a_local_part_beyond_ascii_is_refused_with_the_reason() -> None:
    with pytest.raises(MessageError, match="SMTPUTF8"):
        frozen(address="gräce@example.org")


def test_an_instant_without_a_time_zone_is_refused() -> None:
    with pytest.raises(MessageError, match="Date"):
        freeze(
            message_hash=message_hash("d"),
            sender=ADA,
            recipient_name="",
            recipient_address="g@example.org",
            subject="s",
            body="b",
            date=NOON.replace(tzinfo=None),
            thread=Thread(),
        )
