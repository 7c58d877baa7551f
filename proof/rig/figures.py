"""What figures are made of: quantiles, rates and ratios, and how a table of them is printed."""

import os
import statistics
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def ratios(name: str, ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Say what ours is of theirs, pair by pair, and the median of that."""
    each = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    listed = ", ".join(f"{ratio:.2f}" for ratio in each)
    return f"{name}: median {statistics.median(each):.2f} of {listed}"


def load() -> str:
    """Say how busy the machine was during the last minute, with everything that runs on it."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def show(console: Console, title: str, head: Sequence[str], rows: Sequence[Sequence[str]], *notes: str) -> None:
    """Print a table of figures, and what is to be known of them."""
    table = Table(*head, title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    for note in notes:
        console.print(note)
    console.print()
