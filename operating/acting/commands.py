"""`followup pause`, `resume` and `stop`: of one follow-up, or of many at a time."""

import json
from typing import Annotated

import typer

from domain.command import Command, Decision, Pause, Resume, Stop
from operating.acting.act import CommandAnswer, act
from operating.acting.bulk_commands import All, Lead, Many, Sequence, Yes, tell_many
from operating.looking.facts import facts
from operating.looking.finding import find_whole, whole_id
from operating.options import AsJson, By, Note
from operating.reach import Reach, Reached, reach

app = typer.Typer()
Which = Annotated[
    str | None, typer.Argument(metavar="INSTANCE", help="A follow-up's whole id; its workspace may be left out.")
]


@app.command()
def pause(
    context: typer.Context,
    instance: Which = None,
    sequence: Sequence = None,
    lead: Lead = None,
    all_: All = False,
    note: Note = "",
    by: By = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Send nothing of a follow-up, or of many, until they are resumed. A send that has begun is finished.

    Examples: `followup pause no-reply:lead-4 --note 'she is on holiday'`, `followup pause --sequence no-reply`
    """
    reached = reach(context)
    many = Many(sequence, lead, all_, yes)
    _say(reached, instance, many, Pause(by=by or reached.login_name()), note, as_json=as_json)


@app.command()
def resume(
    context: typer.Context,
    instance: Which = None,
    decision: Annotated[Decision, typer.Option(help="What is known of the step it waits at.")] = Decision.RESUME,
    sequence: Sequence = None,
    lead: Lead = None,
    all_: All = False,
    note: Note = "",
    by: By = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Go on with a paused follow-up, or with many.

    Decisions on a send whose outcome is unknown: `sent` (it did go out; a plain resume of one means this too, because
    a duplicate is worse than a miss), `not_sent` (it surely did not: the same message is sent now), `skip` (go on
    without this step), `stop` (end the follow-up).

    A plain resume of many leaves out those that wait for a decision of their own, above all unknown sends.

    Examples: `followup resume no-reply:lead-4 --decision sent --note 'found it in the Sent folder'`,
    `followup resume --all --note 'the password is fixed'`
    """
    reached = reach(context)
    many = Many(sequence, lead, all_, yes)
    _say(reached, instance, many, Resume(decision=decision, by=by or reached.login_name()), note, as_json=as_json)


@app.command()
def stop(
    context: typer.Context,
    instance: Which = None,
    sequence: Sequence = None,
    lead: Lead = None,
    all_: All = False,
    note: Note = "",
    by: By = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """End a follow-up, or many; nothing more is sent. A send that has begun is finished.

    Examples: `followup stop no-reply:lead-4 --note 'wrong person'`, `followup stop --lead lead-4`
    """
    reached = reach(context)
    many = Many(sequence, lead, all_, yes)
    _say(reached, instance, many, Stop(by=by or reached.login_name()), note, as_json=as_json)


def _say(reached: Reach, instance: str | None, many: Many, command: Command, note: str, *, as_json: bool) -> None:
    if (instance is not None) == many.chosen or (many.everything and (many.sequence or many.lead)):
        raise typer.BadParameter("give INSTANCE, or --sequence, --lead or both, or --all")
    if instance is None:
        tell_many(reached, many, command, note, as_json=as_json)
    else:
        _say_to_one(reached, instance, command, note, as_json=as_json)


def _say_to_one(reached: Reach, instance: str, command: Command, note: str, *, as_json: bool) -> None:
    instance = whole_id(reached, instance)

    async def work(at: Reached) -> CommandAnswer:
        found = await find_whole(at.engine, at.workspace, instance)
        client = await at.connect()  # before the words are kept: where it is down, nothing is changed
        return await act(at.engine, client, found, command, note)

    answer: CommandAnswer = reached.run(work)
    if as_json:
        typer.echo(json.dumps(facts(answer), indent=2))
    else:
        typer.echo(f"{answer.instance_id}: {answer.answer}", err=not answer.done)
    raise typer.Exit(0 if answer.done else 1)
