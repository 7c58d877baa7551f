"""`followup stats`: what every step of every follow-up counts as."""

import json
from collections import Counter
from typing import Annotated, Any, NamedTuple

import typer
from rich.table import Table
from rich.text import Text

from operating.audit.page import identity
from operating.looking.page import console
from operating.options import AsJson
from operating.reach import Reached, reach
from store.counting import StepCount, StepKind, count_expected, count_steps

app = typer.Typer()


class Stats(NamedTuple):
    """The counts, and how many instances and steps there are by the instances' own rows."""

    counts: list[StepCount]
    instances: int
    steps: int

    @property
    def total(self) -> Counter[StepKind]:
        """How many steps count as what."""
        total: Counter[StepKind] = Counter()
        for one in self.counts:
            total[one.kind] += one.steps
        return total

    @property
    def adds_up(self) -> bool:
        """I6: whether every step counts as something, once."""
        return self.total.total() == self.steps and not self.total[StepKind.UNACCOUNTED]

    def lines(self) -> dict[tuple[str, int], Counter[StepKind]]:
        """The counts by sequence and the order of the step."""
        lines: dict[tuple[str, int], Counter[StepKind]] = {}
        for one in self.counts:
            lines.setdefault((one.sequence, one.step), Counter())[one.kind] += one.steps
        return lines


@app.command()
def stats(
    context: typer.Context,
    sequence: Annotated[str | None, typer.Option(metavar="NAME", help="Only those of this sequence.")] = None,
    as_json: AsJson = False,
) -> None:
    """Count what every step of every follow-up counts as: the parts are all the steps there are.

    Pending: its turn has not come, or its outcome is not recorded yet. Held: an instant or a person is waited for.
    Skipped: a person went on without it. Stopped: a stop came first. Unknown: it may have been sent. The exit code is 0
    only when the counts match.

    Example: `followup stats --sequence no-reply`
    """

    async def work(reached: Reached) -> Stats:
        async with reached.engine.connect() as connection:
            # both counts see the same instant, whatever happens between them
            await connection.execution_options(isolation_level="REPEATABLE READ")
            counts = await count_steps(connection, reached.workspace, sequence)
            return Stats(counts, *await count_expected(connection, reached.workspace, sequence))

    found: Stats = reach(context).run(work)
    if as_json:
        typer.echo(json.dumps(_facts(found), indent=2))
    else:
        _print(found)
    raise typer.Exit(0 if found.adds_up else 1)


def _facts(found: Stats) -> dict[str, Any]:
    return {
        "instances": found.instances,
        "steps": found.steps,
        **{kind: found.total[kind] for kind in StepKind},
        "adds_up": found.adds_up,
        "by_step": [
            {"sequence": sequence, "step": step, **{kind: counts[kind] for kind in StepKind}}
            for (sequence, step), counts in found.lines().items()
        ],
    }


def _print(found: Stats) -> None:
    kinds = [kind for kind in StepKind if kind is not StepKind.UNACCOUNTED or found.total[kind]]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("SEQUENCE", overflow="fold")
    for name in ("STEP", "STEPS", *(kind.upper() for kind in kinds)):
        table.add_column(name, justify="right")
    for (sequence, step), counts in found.lines().items():
        table.add_row(Text(sequence), str(step), str(counts.total()), *(str(counts[kind]) for kind in kinds))
    console().print(table)
    total = {str(kind): count for kind, count in found.total.items()}
    typer.echo(f"\n{found.instances:,} follow-ups, {identity(total, found.steps)}")
    typer.echo("the counts match" if found.adds_up else "the counts do not match: `followup audit` names the steps")
