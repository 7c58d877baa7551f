"""`followup list` and `followup show`: which follow-ups there are, and everything about one."""

import json
from typing import Annotated

import typer

from domain.instance import InstanceStatus
from operating.looking.facts import listed_facts, story_facts
from operating.looking.finding import find_instance
from operating.looking.listing import JsonArray, ListFilter, Rows, read_pages
from operating.looking.page import print_story
from operating.looking.story import Story, read_story
from operating.options import AsJson, Which
from operating.reach import Reached, reach

app = typer.Typer()


@app.command("list")
def list_(
    context: typer.Context,
    status: Annotated[InstanceStatus | None, typer.Option(help="Only those of this status.")] = None,
    sequence: Annotated[str | None, typer.Option(metavar="NAME", help="Only those of this sequence.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most N.", metavar="N")] = 1000,
    as_json: AsJson = False,
) -> None:
    """List follow-ups, the newest first.

    Example: `followup list --status paused`
    """
    rows, array = Rows(), JsonArray()

    async def work(reached: Reached) -> int:
        listed = 0
        async for page in read_pages(reached.engine, reached.workspace, ListFilter(status, sequence, limit)):
            if as_json:
                array.add([listed_facts(one) for one in page])
            else:
                rows.add(page)
            listed += len(page)
        return listed

    listed: int = reach(context).run(work)
    (array if as_json else rows).end()
    if not listed and not as_json:
        typer.echo("there are none", err=True)
    elif listed == limit:
        typer.echo(f"these are the newest {limit}; --limit shows more", err=True)


@app.command()
def show(context: typer.Context, instance: Which, as_json: AsJson = False) -> None:
    """Show everything about one follow-up: where it stands, its messages, what happened, and how to go on.

    Example: `followup show no-reply:lead-4`
    """
    program = reach(context).program()

    async def work(reached: Reached) -> Story:
        found = await find_instance(reached.engine, reached.workspace, instance)
        return await read_story(reached.engine, found, program)

    story: Story = reach(context).run(work)
    if as_json:
        typer.echo(json.dumps(story_facts(story), indent=2))
    else:
        print_story(story)
