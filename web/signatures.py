"""Signatures of what comes in: Standard Webhooks over the body as it came (https://www.standardwebhooks.com).

The headers alone tell whether a signature can fit, so a body is read only when it can.
"""

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from datetime import timedelta
from math import floor
from typing import NamedTuple

_PREFIX = "whsec_"
# The specification's bounds: shorter is guessed, longer is something else that was pasted.
_FEWEST_BYTES, _MOST_BYTES = 24, 64
_FORM = f"each must be {_PREFIX} and {_FEWEST_BYTES} to {_MOST_BYTES} bytes in base64"
# What the specification's own libraries allow.
_TOLERANCE = timedelta(minutes=5)
# An HMAC-SHA256 in base64, after the version of symmetric signatures.
_SIGNATURE = re.compile(r"v1,([A-Za-z0-9+/]{43}=)")
# No header of a message begins so.
_DOTTED_WORD = re.compile(rb"[^:\s]*\.")
_UNSIGNED = "the signature is missing, wrong or too old: sign the body as it is sent, and now"
_DOTTED = "webhook-id: must contain no '.' here, or what is signed could be read in two ways: use another id"


class SignatureError(Exception):
    """A request is not signed by whom we trust. The message is for people, and quotes nothing."""


class _Claim(NamedTuple):
    """What the headers of a request say: the text that is signed before the body, and the signatures."""

    signed: bytes
    signatures: list[bytes]


class Signatures:
    """Tells whether a body is signed with a secret of one door; it has several while one replaces another."""

    def __init__(self, secrets: str, *, dotted_ids: bool = True) -> None:
        """Take the secrets, separated by spaces. Raises ValueError, which shows none, when there is none or a bad one.

        What is signed is `id.timestamp.body`. Without `dotted_ids` it can be cut in one way only: an id with a dot is
        refused. So is a body whose first word has one, which is what the end of such an id would look like there.
        """
        if not secrets.split():
            raise ValueError(f"is not set, so no event could be trusted: set one or more, separated by spaces; {_FORM}")
        self._keys = frozenset(_key(secret) for secret in secrets.split())
        self._dotted_ids = dotted_ids

    def check_headers(self, headers: Mapping[str, str]) -> None:
        """Raise SignatureError when no body fits these headers: one is missing, malformed, or not of these minutes."""
        self._claim(headers)

    def check(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Raise SignatureError unless the headers sign this body, within five minutes of now."""
        claim = self._claim(headers)
        if not self._dotted_ids and _DOTTED_WORD.match(body):
            raise SignatureError(_UNSIGNED)
        if not any(_signs(key, claim, body) for key in self._keys):
            raise SignatureError(_UNSIGNED)

    def _claim(self, headers: Mapping[str, str]) -> _Claim:
        message_id, sent_at = headers.get("webhook-id", ""), _instant(headers.get("webhook-timestamp", ""))
        signatures = map(_SIGNATURE.fullmatch, headers.get("webhook-signature", "").split(" "))
        decoded = [base64.b64decode(one[1]) for one in signatures if one]
        if not message_id or sent_at is None or not decoded:
            raise SignatureError(_UNSIGNED)
        if "." in message_id and not self._dotted_ids:
            raise SignatureError(_DOTTED)
        return _Claim(f"{message_id}.{sent_at}.".encode("latin-1"), decoded)  # latin-1: the bytes of the header


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        raise ValueError(f"is not a secret: {_FORM}") from None
    if not secret.startswith(_PREFIX) or not _FEWEST_BYTES <= len(key) <= _MOST_BYTES:
        raise ValueError(f"is not a secret: {_FORM}")
    return key


def _instant(timestamp: str) -> int | None:
    """Read seconds since 1970 as the specification's library does; None for what is none, or not of these minutes."""
    try:
        seconds = float(timestamp)
    except ValueError:
        return None
    # not a number compares as false
    return floor(seconds) if abs(time.time() - seconds) <= _TOLERANCE.total_seconds() else None


def _signs(key: bytes, claim: _Claim, body: bytes) -> bool:
    # over the bytes: the specification's library makes a text of them first, which takes 20 times as long
    mac = hmac.new(key, claim.signed, hashlib.sha256)
    mac.update(body)
    return any(hmac.compare_digest(mac.digest(), signature) for signature in claim.signatures)
