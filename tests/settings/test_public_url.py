"""Where the HTTP door is reached from outside: a URL that every mail can carry, or a sentence."""

from typing import Any

import pytest

from settings import Settings, SettingsError, read_settings

_URL = "FOLLOWUP_PUBLIC_URL"


@pytest.fixture(autouse=True)
def _others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLLOWUP_DATABASE_URL", "postgresql+psycopg://x/y")
    monkeypatch.setenv("FOLLOWUP_SENDER", "ada@example.test")


def _read(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, text in values.items():
        monkeypatch.setenv(name, text)
    return read_settings()


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("https://follow-ups.example.com", "https://follow-ups.example.com"),
        ("https://follow-ups.example.com:8443/mail/", "https://follow-ups.example.com:8443/mail"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://localhost", "http://localhost"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://x.test/" + "p" * 885, "https://x.test/" + "p" * 885),
        ("", None),
    ],
)
def test_a_url_that_mails_can_carry_is_read_without_its_last_slash(
    monkeypatch: pytest.MonkeyPatch, written: str, url: Any
) -> None:
    assert _read(monkeypatch, FOLLOWUP_PUBLIC_URL=written).public_url == url


@pytest.mark.parametrize(
    "written",
    [
        "http://follow-ups.example.com",
        "http://127.0.0.1.example.com",
        "follow-ups.example.com",
        "ftp://x.test",
        "https://",
        "https:///path",
        "https://ada:secret@x.test",
        "https://x.test/?a=b",
        "https://x.test/#a",
        "https://x.test:port",
        "https://x.test/a b",
        "https://bücher.example",
        "https://x.test/>,<mailto:e@x.test",
        "https://x.test/\nBcc: e@x.test",
        "https://x.test/" + "p" * 886,
    ],
)
def test_any_other_is_refused_in_a_sentence_that_shows_none_of_it(
    monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        _read(monkeypatch, FOLLOWUP_PUBLIC_URL=written)
    said = str(refused.value)
    assert said.startswith(f"{_URL}: must be https://host or https://host/path (http:// for this machine alone)")
    assert "secret" not in said
