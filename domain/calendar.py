"""Which days are public holidays somewhere: the look-up that a send window needs."""

from collections.abc import Callable
from datetime import date
from functools import lru_cache


# Far more calendars than all sequences of a workspace name together; each is filled year by year, as it is asked.
@lru_cache(maxsize=256)
def is_holiday(code: str | None) -> Callable[[date], bool]:
    """Return the question "is this a public holiday?" for a country (`US`) or a part of one (`DE-BY`); None has none.

    Raises ValueError for a calendar there is not.
    """
    if code is None:
        return lambda _: False
    import holidays  # its import takes a twentieth of a start of any process, and few sequences need it

    country, _, subdivision = code.partition("-")
    try:
        calendar = holidays.country_holidays(country, subdiv=subdivision or None)
    except NotImplementedError:
        raise ValueError(
            f"there is no calendar {code}: write a country such as US, or a part of one such as DE-BY"
        ) from None
    return calendar.__contains__
