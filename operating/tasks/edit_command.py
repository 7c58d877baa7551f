"""`followup task edit`: a mail that waits for its approval, in the operator's own editor."""

import json
import sys
from pathlib import Path
from typing import Annotated

import click
import typer

from intake.files.file_error import FileError
from operating.looking.finding import whole_id
from operating.options import AsJson, By, Note, Whole
from operating.reach import Reached, reach
from operating.tasks.finding import find_mail
from operating.tasks.todo import Todo
from transactions.edit import Edit, EditError, as_text, edit, read_text

app = typer.Typer()
# Far more than a mail may have
_MOST_BYTES = 1_000_000


@app.command("edit")
def edit_(
    context: typer.Context,
    instance: Whole,
    body_file: Annotated[
        Path | None, typer.Option(metavar="FILE", allow_dash=True, help="The new body, in UTF-8; `-` is stdin.")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="The new subject.", show_default="as it is")] = None,
    note: Note = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Change what the message that waits says: in your editor ($EDITOR), or by --body-file and --subject.

    It has another fingerprint then, and waits for the approval of what it says now.

    Example: `followup task edit no-reply:lead-4`
    """
    reached = reach(context)
    todo = find_mail(reached, whole_id(reached, instance))

    async def work(at: Reached) -> str | None:
        words = _words(todo, body_file, subject)
        who = by or reached.login_name()
        return None if words is None else await edit(at.engine, todo.task, words, by=who, note=note)

    new: str | None = reached.run(work)
    at, fingerprint = todo.task.instance_id, new or todo.task.fingerprint
    if as_json:
        typer.echo(json.dumps({"instance_id": at, "changed": new is not None, "fingerprint": fingerprint}, indent=2))
    else:
        typer.echo(f"{at}: {'changed' if new else 'nothing was changed'}; its fingerprint is {fingerprint}")


def _words(todo: Todo, body_file: Path | None, subject: str | None) -> Edit | None:
    """Return what the mail shall say; None where the editor was left without saving."""
    if todo.mail is None:
        raise EditError(f"no mail of {todo.task.instance_id} waits for an approval")
    if body_file is not None or subject is not None:
        return Edit(subject, _read(body_file) if body_file else todo.mail.body)
    try:
        written = click.edit(as_text(todo.mail), extension=".txt")
    except click.ClickException as error:
        raise EditError(f"{error.message}; nothing was changed") from None
    except UnicodeDecodeError:
        raise EditError("what the editor saved is not UTF-8; nothing was changed") from None
    return None if written is None else read_text(written, todo.mail)


def _read(file: Path) -> str:
    try:
        content = sys.stdin.buffer.read(_MOST_BYTES) if str(file) == "-" else file.read_bytes()
        return content.decode("utf-8-sig")
    except OSError as error:
        raise FileError([f"{file}: can't be read ({error.strerror}); check the name and its permissions"]) from None
    except UnicodeDecodeError:
        raise FileError([f"{file}: is not UTF-8; save the file as UTF-8"]) from None
