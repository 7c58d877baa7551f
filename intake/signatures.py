"""Signatures of what comes in: Standard Webhooks over the body as it came (https://www.standardwebhooks.com)."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

_PREFIX = "whsec_"
# The specification's bounds: shorter is guessed, longer is something else that was pasted.
_FEWEST_BYTES, _MOST_BYTES = 24, 64
_FORM = f"each must be {_PREFIX} and {_FEWEST_BYTES} to {_MOST_BYTES} bytes in base64"


class _OverBytes(Webhook):
    """Signs bodies that are no UTF-8, too: mails may hold any bytes. The library would refuse to read them."""

    def __init__(self, key: bytes) -> None:
        super().__init__(key)
        self._key = key

    def sign(self, msg_id: str, timestamp: datetime, data: str) -> str:
        """Sign a body, in which what is no UTF-8 was decoded as surrogates."""
        signed = f"{msg_id}.{int(timestamp.timestamp())}.{data}".encode("utf-8", "surrogateescape")
        return "v1," + base64.b64encode(hmac.digest(self._key, signed, hashlib.sha256)).decode()


class Signatures:
    """Tells whether a body is signed with one of our secrets; there are several while one replaces another."""

    def __init__(self, secrets: str) -> None:
        """Take the secrets, parted by spaces. Raises ValueError, which shows none, when there is none or a bad one."""
        if not secrets.split():
            raise ValueError(f"is not set, so no event could be trusted: set one or more, parted by spaces; {_FORM}")
        self._secrets = [_secret(one) for one in secrets.split()]

    def fit(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Say whether the headers sign this body, within five minutes of now."""
        return any(_fits(secret, body, dict(headers)) for secret in self._secrets)


def _secret(written: str) -> _OverBytes:
    encoded = written.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        raise ValueError(f"is not a secret: {_FORM}") from None
    if not written.startswith(_PREFIX) or not _FEWEST_BYTES <= len(key) <= _MOST_BYTES:
        raise ValueError(f"is not a secret: {_FORM}")
    return _OverBytes(key)


def _fits(secret: _OverBytes, body: bytes, headers: dict[str, str]) -> bool:
    try:
        secret.verify(body.decode("utf-8", "surrogateescape"), headers, json_parse=False)
    except (WebhookVerificationError, ValueError):  # ValueError: a header or a body that is malformed
        return False
    return True
