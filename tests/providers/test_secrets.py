"""Nothing that holds a secret shows it, however it is printed: neither what there is nor what is added later."""

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import get_type_hints
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

import intake.inbound.mailbox
import providers
from intake.inbound.mailbox import read_imap_url
from providers.smtp.provider import SmtpProvider
from providers.smtp.session import read_url
from tests.providers.smtp_peers import LONG

_SECRET = re.compile(r"password|passwd|secret|token|credential|api_?key|signing", re.IGNORECASE)
_PASSWORDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20).map("tell-nobody-".__add__)


def _modules() -> list[ModuleType]:
    found = pkgutil.walk_packages(providers.__path__, "providers.")
    return [*(importlib.import_module(module.name) for module in found), intake.inbound.mailbox]


def _holders() -> Iterator[tuple[str, object]]:
    """Every field of a class of ours whose name says that it holds a secret, and its type."""
    for module in _modules():
        for _, kept in inspect.getmembers(module, inspect.isclass):
            if kept.__module__ == module.__name__:
                hints = get_type_hints(kept)
                yield from ((f"{kept.__name__}.{name}", hints[name]) for name in hints if _SECRET.search(name))


def _written(kept: object) -> str:
    """What a log, an error, a debugger or a dump of it would show."""
    inside = dataclasses.asdict(kept) if dataclasses.is_dataclass(kept) and not isinstance(kept, type) else vars(kept)
    return f"{kept!r} {kept} {inside!r} {list(inside.values())} {inside}"


@pytest.mark.parametrize(("name", "kind"), list(_holders()), ids=str)
def test_a_field_named_for_a_secret_is_of_a_type_that_hides_it(name: str, kind: object) -> None:
    assert kind in (SecretStr, SecretStr | None), name


def test_the_passwords_there_are_are_among_them() -> None:
    assert {"SmtpServer.password", "Mailbox.password"} <= {name for name, _ in _holders()}


@settings(max_examples=20)  # each reads the authorities of the system anew
@given(password=_PASSWORDS)
def test_no_password_of_an_smtp_server_is_shown(password: str) -> None:
    url = f"smtps://ada:{quote(password, safe='')}@mail.test"
    server = read_url(url, allow_plain_remote=False)
    plain = dataclasses.replace(server, tls=None)  # a context can't be copied into a dictionary
    shown = _written(plain) + _written(SmtpProvider.from_url(url, send_timeout=LONG)) + repr(server)
    assert password not in shown
    assert server.password.get_secret_value() == password


@settings(max_examples=20)  # each reads the authorities of the system anew
@given(password=_PASSWORDS)
def test_no_password_of_a_mailbox_is_shown(password: str) -> None:
    mailbox = read_imap_url(f"imaps://ada:{quote(password, safe='')}@mail.test/INBOX")
    assert password not in _written(mailbox) + mailbox.place
    assert mailbox.password.get_secret_value() == password
