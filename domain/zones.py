"""Time zones: those of the `tzdata` package, so that a name means the same on every machine, or nothing on any."""

import re
from collections import defaultdict
from difflib import get_close_matches
from functools import cache, lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

# It stands in the list for "nobody has set this clock yet".
_NO_PLACE = frozenset({"Factory"})
_MOST_SUGGESTED = 3
_CLOSE = 0.8
# Of shorter words another is soon found: CEST is not EST.
_LONG_ENOUGH = 6


@cache
def zone_names() -> frozenset[str]:
    """Return the names there are. A machine's own (`posixrules`, `right/Europe/Berlin`, `localtime`) are none."""
    listed = resources.files("tzdata").joinpath("zones").read_text("ascii")
    return frozenset(listed.split()) - _NO_PLACE


# There are about 600 names.
@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """Return a time zone as the package has it, whatever the machine's own files say.

    One that only this machine knows can't come in any more; a stored one is read from the machine, as it always was.
    """
    if name not in zone_names():
        return ZoneInfo(name)
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@lru_cache(maxsize=1024)
def similar_zones(written: str) -> tuple[str, ...]:
    """Return the names that may be meant: spelled almost so, or of this place (`Berlin`, `Pacific Time`)."""
    key = _key(re.sub(r"(?i)\b(?:standard |daylight |summer )?time\b.*", "", written))
    found = _by_key().get(key) or _by_key().get(_key(written))
    if not found and len(key) >= _LONG_ENOUGH:
        found = [name for near in get_close_matches(key, _by_key(), 1, _CLOSE) for name in _by_key()[near]]
    return tuple(sorted(found or ())[:_MOST_SUGGESTED])


@cache
def _by_key() -> dict[str, list[str]]:
    names: defaultdict[str, list[str]] = defaultdict(list)
    # no Etc/GMT+2: whoever writes GMT+2 means the other side of Greenwich
    for name in (name for name in zone_names() if not name.startswith("Etc/")):
        for part in {name, name.rpartition("/")[2]}:
            names[_key(part)].append(name)
    return dict(names)


def _key(written: str) -> str:
    return re.sub(r"[^a-z0-9/+-]", "", written.casefold().replace("\\", "/"))
