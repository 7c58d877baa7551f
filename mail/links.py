"""Links and addresses in mails that lead back to one draft, and that nobody else can make up."""

import base64
import hashlib
import hmac
import re

_HASH_BYTES = 20  # domain.draft.message_hash, in bytes
_SIGNATURE_BYTES = 16  # 128 bits: one guess a nanosecond would take longer than the sun lasts
# what is signed besides the hash, so that a signature made for one purpose serves no other
_PURPOSE = b"unsubscribe"
# 36 bytes need no padding, and leave no bits over that could be written in two ways
_TOKEN_CHARACTERS = 48
_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{{_TOKEN_CHARACTERS}}}")
# RFC 5321, 4.5.3.1.1
_LONGEST_LOCAL_PART = 64


def make_token(key: bytes, message_hash: str) -> str:
    """Make the token that stands for a draft; 48 characters that need no encoding in a URL."""
    named = bytes.fromhex(message_hash)
    return base64.urlsafe_b64encode(named + _signature(key, named)).decode()


def read_token(key: bytes, token: str) -> str | None:
    """Return the message hash of the draft that a token stands for; None for a token that we did not make."""
    if not _TOKEN.fullmatch(token):
        return None
    content = base64.urlsafe_b64decode(token)
    named, signature = content[:_HASH_BYTES], content[_HASH_BYTES:]
    return named.hex() if hmac.compare_digest(signature, _signature(key, named)) else None


def unsubscribe_url(public_url: str, token: str) -> str:
    """Return where the recipient of a draft unsubscribes; `public_url` ends without a slash."""
    return f"{public_url}/unsubscribe/{token}"


def stand_in_url(public_url: str | None) -> str | None:
    """Return a link of a message that is not written yet, as long as its own will be; None without a public URL."""
    return unsubscribe_url(public_url, "0" * _TOKEN_CHARACTERS) if public_url else None


def plus_address(address: str, message_hash: str) -> str:
    """Return the address at which answers to one draft arrive: `local+hash@domain`; as it was where it has no room."""
    local, _, domain = address.rpartition("@")
    named = f"{local}+{message_hash}"
    return f"{named}@{domain}" if len(named) <= _LONGEST_LOCAL_PART else address


def _signature(key: bytes, named: bytes) -> bytes:
    return hmac.digest(key, _PURPOSE + named, hashlib.sha256)[:_SIGNATURE_BYTES]
