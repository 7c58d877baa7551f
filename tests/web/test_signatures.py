"""Signatures, held against the library of the specification; and what the headers alone tell of them."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from web.signatures import SignatureError, Signatures

_SECRETS = [f"whsec_{base64.b64encode(letter * 32).decode()}" for letter in (b"s", b"o")]
_OURS = Signatures(_SECRETS[0])
_IDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
_BODIES = st.binary(max_size=200)
_AGO = st.integers(min_value=-400, max_value=400).filter(lambda seconds: abs(abs(seconds) - 300) > 5)
_JUNK = st.sampled_from(["", "v1", "v1,", "v1,AAAA", "v1a," + "A" * 43 + "=", "v2," + "A" * 43 + "=", "v1,é", ","])


def _headers(message_id: str, body: str, *, secret: str = _SECRETS[0], ago: int = 0) -> dict[str, str]:
    at = datetime.now(UTC) - timedelta(seconds=ago)
    names = {"webhook-id": message_id, "webhook-timestamp": str(int(at.timestamp()))}
    return {**names, "webhook-signature": Webhook(secret).sign(message_id, at, body)}


def _passes(check: Callable[[], object]) -> bool:
    try:
        check()
    except (SignatureError, WebhookVerificationError, ValueError):
        return False
    return True


@given(message_id=_IDS, body=st.text(max_size=200), signed=st.text(max_size=200) | st.none(), ago=_AGO, data=st.data())
def test_a_signature_fits_when_the_library_of_the_specification_says_so(
    message_id: str, body: str, signed: str | None, ago: int, data: st.DataObject
) -> None:
    secret = data.draw(st.sampled_from(_SECRETS))
    headers = _headers(message_id, body if signed is None else signed, secret=secret, ago=ago)
    fits = _passes(lambda: _OURS.check(body.encode(), headers))
    assert fits == _passes(lambda: Webhook(_SECRETS[0]).verify(body, headers, json_parse=False))
    assert fits <= _passes(lambda: _OURS.check_headers(headers))


@given(before=st.lists(_JUNK, max_size=5), after=st.lists(_JUNK, max_size=5))
def test_one_signature_that_fits_is_enough_among_any_others(before: list[str], after: list[str]) -> None:
    headers = _headers("evt-1", "{}")
    headers["webhook-signature"] = " ".join([*before, headers["webhook-signature"], *after])
    _OURS.check(b"{}", headers)


@given(name=st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), data=st.data())
def test_headers_that_no_body_can_fit_are_known_before_there_is_one(name: str, data: st.DataObject) -> None:
    wrong = {
        "webhook-id": st.none() | st.just(""),
        "webhook-timestamp": st.none()
        | st.sampled_from(["", "now", "nan", "inf", "-1", "0", "0x1", "1e400", "9" * 400]),
        "webhook-signature": st.none() | st.lists(_JUNK, max_size=4).map(" ".join),
    }
    headers = _headers("evt-1", "{}")
    value = data.draw(wrong[name])
    headers = {key: text for key, text in (headers | {name: value}).items() if text is not None}
    with pytest.raises(SignatureError, match="the signature is missing, wrong or too old"):
        _OURS.check_headers(headers)


@given(message_id=_IDS, body=_BODIES)
def test_what_is_signed_for_a_door_without_dotted_ids_can_be_cut_in_one_way_only(message_id: str, body: bytes) -> None:
    """`id.timestamp.body` is one text: whoever saw it signed may put the dots elsewhere."""
    door = Signatures(_SECRETS[0], dotted_ids=False)
    now = int(datetime.now(UTC).timestamp())
    whole = f"{message_id}.{now}.".encode() + f"{now}.x.{now}.".encode() + body
    signature = Webhook(_SECRETS[0]).sign("id", datetime.now(UTC), "")  # its form alone counts here
    cuts = [
        (whole[:at].decode("latin-1"), whole[at + len(str(now)) + 2 :])
        for at in range(1, len(whole))
        if whole[at:].startswith(f".{now}.".encode())
    ]
    assert len(cuts) >= 3
    headers = {"webhook-timestamp": str(now), "webhook-signature": signature}
    possible = [cut for cut in cuts if _passes(partial(door.check_headers, headers | {"webhook-id": cut[0]}))]
    assert len(possible) == ("." not in message_id)


@pytest.mark.parametrize("rest", ["", "x.", ".", "x-y.z."])
def test_a_body_that_may_begin_with_the_end_of_an_id_is_refused_where_ids_have_no_dots(rest: str) -> None:
    """It may have been signed as the body of an id with dots, for another door."""
    body = f'{rest}1764000000.{{"type": "lead.closed"}}'
    headers = _headers("id", body)
    _OURS.check(body.encode(), headers)
    with pytest.raises(SignatureError):
        Signatures(_SECRETS[0], dotted_ids=False).check(body.encode(), headers)


@pytest.mark.parametrize("body", ["Subject: a.b", "From grace@example.test Mon Feb  2 09:00:00 2026\n", "X-A:.b", ""])
def test_what_a_message_begins_with_is_no_dotted_word(body: str) -> None:
    Signatures(_SECRETS[0], dotted_ids=False).check(body.encode(), _headers("id", body))


@given(body=_BODIES)
def test_any_bytes_can_be_signed(body: bytes) -> None:
    now = str(int(datetime.now(UTC).timestamp()))
    digest = hmac.digest(b"s" * 32, f"evt-1.{now}.".encode() + body, hashlib.sha256)
    signature = f"v1,{base64.b64encode(digest).decode()}"
    _OURS.check(body, {"webhook-id": "evt-1", "webhook-timestamp": now, "webhook-signature": signature})


def test_a_dotted_id_is_refused_by_name_where_it_could_be_read_in_two_ways() -> None:
    headers = _headers("order.17", "Subject: x")
    _OURS.check(b"Subject: x", headers)
    with pytest.raises(SignatureError, match=r"^webhook-id: must contain no '\.' here"):
        Signatures(_SECRETS[0], dotted_ids=False).check_headers(headers)
