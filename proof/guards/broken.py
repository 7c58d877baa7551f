"""One guard, and how it is broken."""

from typing import NamedTuple


class Break(NamedTuple):
    """One guard broken: in `file`, `before` (which stands there once) becomes `after`; `test` must fail then."""

    guard: str
    file: str
    before: str
    after: str
    test: str
