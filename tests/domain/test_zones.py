import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pytest

from domain.lead import Lead
from domain.zones import similar_zones, zone, zone_names

GRACE = {"lead_id": "lead-1", "email": "grace@example.org"}
INSTANT = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def wrong_machine(tmp_path: Path) -> Iterator[None]:
    """A machine on which Paris has the clock of Brisbane."""
    brisbane = resources.files("tzdata").joinpath("zoneinfo", "Australia", "Brisbane").read_bytes()
    (tmp_path / "Europe").mkdir()
    (tmp_path / "Europe" / "Paris").write_bytes(brisbane)
    zoneinfo.reset_tzpath(to=[str(tmp_path)])
    zone.cache_clear()
    yield
    zoneinfo.reset_tzpath()
    zone.cache_clear()


@pytest.mark.usefixtures("wrong_machine")
def test_a_zone_is_read_from_the_package_whatever_the_machine_has() -> None:
    assert INSTANT.astimezone(zone("Europe/Paris")).hour == 14


def test_every_zone_of_the_package_can_be_read() -> None:
    assert {zone(name).key for name in zone_names()} == zone_names()


@pytest.mark.parametrize(
    "name",
    ["right/Europe/Berlin", "posix/Europe/Berlin", "localtime", "posixrules", "Factory", "America", "leapseconds"],
)
def test_a_zone_that_not_every_machine_has_is_refused(name: str) -> None:
    assert name not in zone_names()
    with pytest.raises(ValueError, match="is not a known time zone"):
        Lead.model_validate({**GRACE, "timezone": name})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("europe/berlin", "Europe/Berlin"),
        ("Europe / Berlin", "Europe/Berlin"),
        ("America/New York", "America/New_York"),
        ("Kolkata", "Asia/Kolkata"),
        ("Europe/Berln", "Europe/Berlin"),
        ("right/Europe/Berlin", "Europe/Berlin"),
        ("Pacific Time (US & Canada)", "Canada/Pacific or US/Pacific"),
        ("utc", "UTC"),
    ],
)
def test_a_name_that_is_spelled_almost_so_is_refused_with_the_one_that_is_meant(written: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean {meant}\\?"):
        Lead.model_validate({**GRACE, "timezone": written})


@pytest.mark.parametrize("written", ["GMT+2", "UTC+2", "+02:00", "CEST", "Mars/Olympus", "", "Z"])
def test_no_zone_is_suggested_that_may_be_another(written: str) -> None:
    assert similar_zones(written) == ()
