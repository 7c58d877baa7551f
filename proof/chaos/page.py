"""What is printed of a run, and of several."""

from collections import Counter

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from proof.chaos.result import PROMISES, Result
from proof.chaos.schedule import PREVIOUS

_COLUMNS = (
    "seed",
    "seconds",
    "faults",
    "peer wrong",
    "sends",
    "other build",
    "unknown",
    "settled",
    "approved",
    "reset",
    "stops",
    "redelivered",
    "broken",
)


def print_result(console: Console, result: Result) -> None:
    """Print the figures of one run, then the zeros."""
    figures = result.figures
    console.print(f"seed {result.seed}, {result.seconds:.0f} s", highlight=False)
    console.print(
        f"faults {result.faults.total()} of {figures['drawn']} drawn: {_listed(result.faults)}", highlight=False
    )
    console.print(f"operators: {_listed(result.operators)}", highlight=False)
    console.print(", ".join(f"{name} {number}" for name, number in figures.items()), highlight=False)
    console.print(_zeros([result]), highlight=False)


def print_summary(console: Console, results: list[Result]) -> None:
    """Print a table with a line for each run, and their sums; then the faults and the zeros of all."""
    table = Table(title="all runs", box=SIMPLE)
    for column in _COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    rows = [_row(result) for result in results]
    for result, row in zip(results, rows, strict=True):
        table.add_row(str(result.seed), *map(str, row))
    table.add_row("all", *(str(sum(column)) for column in zip(*rows, strict=True)), style="bold")
    console.print(table)
    faults = sum((result.faults for result in results), Counter[str]())
    console.print(f"faults: {_listed(faults)}", highlight=False)
    console.print(_zeros(results), highlight=False)


def _row(result: Result) -> list[int]:
    done, figures = result.operators, result.figures
    settled = sum(number for what, number in done.items() if what.startswith("settled"))
    words = [settled, done["approved"], done["reset"], figures["stops"], figures["redeliveries"]]
    broken = sum(map(len, result.offences.values()))
    sends = [figures["peer went wrong"], figures["sends"], figures[f"claims of {PREVIOUS}"], figures["unknown"]]
    return [round(result.seconds), result.faults.total(), *sends, *words, broken]


def _zeros(results: list[Result]) -> str:
    sums = {promise: sum(len(result.offences.get(promise, {})) for result in results) for promise in PROMISES}
    return ", ".join(f"{promise} {number}" for promise, number in sums.items())


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))
