"""What several subcommands are given in the same way."""

import re
from typing import Annotated

import typer


def _name(written: str | None) -> str | None:
    # it is shown in Temporal, where no address may be
    if written is None or re.fullmatch(r"[^@\x00-\x1f\x7f\ud800-\udfff]{1,200}", written):
        return written
    raise typer.BadParameter("must be a name of 1 to 200 characters, and not an address")


def _words(written: str) -> str:
    if written.isprintable():
        return written
    raise typer.BadParameter("must be one line of text")


Which = Annotated[str, typer.Argument(metavar="INSTANCE", help="A follow-up's id, or the beginning of it.")]
Whole = Annotated[
    str, typer.Argument(metavar="INSTANCE", help="A follow-up's whole id; its workspace may be left out.")
]
By = Annotated[str | None, typer.Option(help="Who says so.", show_default="your login name", callback=_name)]
Note = Annotated[str, typer.Option(help="Your reasons, kept in its timeline (never in Temporal).", callback=_words)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")]
