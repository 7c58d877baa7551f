"""`followup export` and `followup forget`: what a person may ask for."""

import json
from typing import Annotated

import typer

from operating.options import AsJson, By
from operating.person import Forgotten, count_running, export, forget
from operating.reach import Reached, reach

app = typer.Typer()
Whose = Annotated[str, typer.Argument(metavar="LEAD", help="The lead's id, as the app gives it.")]


@app.command("export")
def export_(context: typer.Context, lead: Whose) -> None:
    """Print everything known of a person, as JSON: who they are, what was written to them, and what happened.

    Example: `followup export lead-4 > lead-4.json`
    """
    typer.echo(json.dumps(reach(context).run(lambda reached: export(reached, lead)), indent=2))


@app.command("forget")
def forget_(
    context: typer.Context,
    lead: Whose,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Erase who a person is, for good. Follow-ups under way are stopped first, and nothing is ever sent to them again.

    Address, name, variables, messages and operators' notes are erased, and the address is kept as a hash alone, so that
    whoever enrols it again writes to nobody. What is counted stays: follow-ups, steps, states and when they happened.

    Example: `followup forget lead-4`
    """
    at = reach(context)
    if not yes:
        instances, running = at.run(lambda reached: count_running(reached, lead))
        under_way = f", {running} of them under way" if running else ""
        typer.confirm(f"Erase who {lead} is, with {instances} follow-ups{under_way}? It can't be undone.", abort=True)
    who = by or at.login_name()

    async def work(reached: Reached) -> Forgotten:
        return await forget(reached, lead, who)

    done: Forgotten = at.run(work)
    if as_json:
        typer.echo(json.dumps(done._asdict(), indent=2))
    else:
        typer.echo(
            f"{lead} is forgotten: {done.instances} follow-ups emptied, {done.addresses} addresses suppressed by hash"
        )
