from datetime import date

import pytest

from domain.calendar import is_holiday


def test_a_country_and_a_part_of_it_have_holidays_of_their_own() -> None:
    epiphany = date(2026, 1, 6)
    assert not is_holiday("DE")(epiphany)
    assert is_holiday("DE-BY")(epiphany)


def test_a_calendar_knows_years_far_ahead() -> None:
    assert is_holiday("US")(date(2045, 7, 4))
    assert not is_holiday("US")(date(2045, 7, 5))


def test_no_calendar_has_no_holidays() -> None:
    assert not is_holiday(None)(date(2026, 12, 25))


@pytest.mark.parametrize("code", ["XX", "DE-XX", "US-99"])
def test_a_calendar_there_is_not_is_an_error_with_the_remedy(code: str) -> None:
    with pytest.raises(ValueError, match=f"no calendar {code}: write a country"):
        is_holiday(code)
