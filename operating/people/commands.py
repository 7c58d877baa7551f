"""`followup export` and `followup forget`: what a person may ask for."""

import json
from typing import Annotated

import typer

from operating.options import AsJson, By
from operating.people.person import export, forget, look
from operating.reach import Reached, reach
from transactions.forget import Forgotten

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

    A person is an address: all lead ids that have it now are forgotten together.

    Address, name, variables, messages and operators' notes are erased, and the address is kept as a hash alone, so that
    whoever enrols it again writes to nobody. What is counted stays: follow-ups, steps, states and when they happened.

    Example: `followup forget lead-4`
    """
    at = reach(context)
    if not yes:
        found = at.run(lambda reached: look(reached, lead))
        same = f", who has the address of {', '.join(found.others)} too," if found.others else ""
        under_way = f", {found.running} of them under way" if found.running else ""
        sentence = f"Erase who {lead}{same} is, with {found.instances} follow-ups{under_way}? It can't be undone."
        typer.confirm(sentence, abort=True)
    who = by or at.login_name()

    async def work(reached: Reached) -> Forgotten:
        return await forget(reached, lead, who)

    done: Forgotten = at.run(work)
    if as_json:
        typer.echo(json.dumps(done._asdict(), indent=2))
    else:
        same = f" and {', '.join(done.others)}" if done.others else ""
        emptied = f"{done.instances} follow-ups emptied, {done.addresses} addresses suppressed by hash"
        typer.echo(f"{lead}{same} forgotten: {emptied}")
