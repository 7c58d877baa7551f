"""Whose word on who a client is counts: addresses and networks, or a sentence."""

from ipaddress import ip_network

import pytest

from settings import SettingsError, read_settings


@pytest.fixture(autouse=True)
def _others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLLOWUP_DATABASE_URL", "postgresql+psycopg://x/y")
    monkeypatch.setenv("FOLLOWUP_SENDER", "ada@example.test")


@pytest.mark.parametrize(
    ("written", "networks"),
    [
        ("", []),
        (" ", []),
        ("10.0.0.2", ["10.0.0.2/32"]),
        ("10.0.0.2 172.18.0.0/16  ::1", ["10.0.0.2/32", "172.18.0.0/16", "::1/128"]),
    ],
)
def test_addresses_and_networks_are_read(monkeypatch: pytest.MonkeyPatch, written: str, networks: list[str]) -> None:
    monkeypatch.setenv("FOLLOWUP_TRUSTED_PROXIES", written)
    assert read_settings().proxies == [ip_network(network) for network in networks]


@pytest.mark.parametrize(
    "written", ["*", "proxy.example.com", "10.0.0.2/8", "10.0.0.2,10.0.0.3", "10.0.0", "0.0.0.0/0", "::/0"]
)
def test_what_names_no_network_or_all_of_them_is_refused(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("FOLLOWUP_TRUSTED_PROXIES", written)
    with pytest.raises(SettingsError, match=r"^FOLLOWUP_TRUSTED_PROXIES: must ") as refused:
        read_settings()
    assert len(str(refused.value).splitlines()) == 1
