"""`followup why`: why a step was sent, or was not."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from operating.looking.finding import NotFoundError, find_instance
from operating.looking.why import StepQuestion, why
from operating.options import AsJson, Which
from operating.reach import Reached, reach
from store.draft_view import read_drafts
from store.ledger import read_ledger

app = typer.Typer()


@app.command("why")
def why_(
    context: typer.Context,
    instance: Which,
    step: Annotated[int | None, typer.Option(min=1, help="Which step.", show_default="the current one")] = None,
    as_json: AsJson = False,
) -> None:
    """Say why a step was sent, or was not: who, when, and what moves it on.

    Example: `followup why no-reply:lead-4 --step 2`
    """

    async def work(reached: Reached) -> StepQuestion:
        at = await find_instance(reached.engine, reached.workspace, instance)
        wanted = step or at.step
        if wanted > at.steps:
            raise NotFoundError(f"{at.instance_id} has steps 1 to {at.steps}, not {wanted}")
        async with reached.engine.connect() as connection:
            drafts = await read_drafts(connection, at.instance_id)
            ledger = await read_ledger(connection, at.instance_id)
        draft = next((one for one in drafts if one.step == wanted), None)
        return StepQuestion(at, wanted, draft, ledger, datetime.now(UTC))

    asked: StepQuestion = reach(context).run(work)
    if not as_json:
        typer.echo(why(asked))
        return
    draft = asked.draft.state if asked.draft else None
    place = {"instance_id": asked.at.instance_id, "step": asked.step, "status": asked.at.status}
    typer.echo(json.dumps({**place, "reason": asked.at.reason, "draft": draft, "why": why(asked)}, indent=2))
