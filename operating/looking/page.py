"""What the `followup` command prints for people: plain text, for what leads and providers say is not markup."""

from collections.abc import Iterable, Iterator
from unicodedata import category

from rich.console import Console
from rich.text import Text

from domain.instance import workflow_id
from operating.looking.story import Story, Trouble, instant
from store.draft_view import ShownDraft
from store.ledger import Entry

# Nothing is cut off where nobody sees a window: every line is as long as it is.
_UNBOUNDED = 10_000
_STYLES = {"paused": "bold red", "unknown": "bold red", "held": "yellow", "completed": "green", "sent": "green"}


def console() -> Console:
    """Open standard output: coloured in a terminal, plain and unbroken in a pipe or file."""
    plain = Console(highlight=False, markup=False, emoji=False)
    return plain if plain.is_terminal else Console(highlight=False, markup=False, emoji=False, width=_UNBOUNDED)


def print_story(story: Story) -> None:
    """Print a page about one instance."""
    screen = console()
    for line in (*_head(story), *_drafts(story.drafts), *_trouble(story.trouble), *_timeline(story.ledger)):
        # a terminal breaks long lines by itself; a break of ours would be copied along
        screen.print(line, soft_wrap=True)


def _head(story: Story) -> Iterator[Text]:
    at = story.instance
    reason = "" if at.reason == "none" else f" ({at.reason})"
    yield Text(at.instance_id, "bold")
    yield Text.assemble(_row("status"), (at.status, style_of(at.status)), f"{reason}, step {at.step} of {at.steps}")
    yield Text(_row("waits for") + story.waits_for)
    yield Text(_row("lead") + at.lead_id)
    yield Text(_row("enrolled") + instant(at.enrolled_at))
    yield Text(_row("workflow") + workflow_id(at.instance_id))


def _drafts(drafts: Iterable[ShownDraft]) -> Iterator[Text]:
    for draft in drafts:
        yield Text()
        tries = f", attempt {draft.generation}" if draft.generation > 1 else ""
        yield Text.assemble((f"Step {draft.step}: ", "bold"), (draft.state, style_of(draft.state)), tries)
        if draft.message_id:  # a manual step has none of these
            yield Text(_row("subject") + printable(draft.subject))
            yield Text(_row("to") + printable(draft.recipient))
            yield Text(_row("Message-ID") + printable(draft.message_id))
        if draft.claimed_at:
            yield Text(_row("claimed") + instant(draft.claimed_at))
        if draft.sent_at:
            yield Text(_row("sent") + instant(draft.sent_at))
        if draft.code:
            yield Text(_row("outcome") + f"{draft.code} {printable(draft.reply)}".rstrip())


def _trouble(trouble: Trouble | None) -> Iterator[Text]:
    if trouble is None:
        return
    yield Text("\nWhy it is paused", "bold red")
    yield Text(f"  {trouble.why}")
    if draft := trouble.draft:
        yield Text("\nWhat to look for", "bold")
        yield Text(f"  The message {printable(draft.message_id)} to {printable(draft.recipient)},")
        yield Text(f"  sent, if at all, between {instant(draft.claimed_at)} and {instant(draft.overdue_at)}:")
        yield Text("  in the Sent folder, in the provider's log, or in the recipient's reply.")
    yield Text("\nHow to go on (replace ... by what you found)", "bold")
    for choice in trouble.choices:
        early = f"; accepted from {instant(choice.accepted_from)}" if choice.accepted_from else ""
        yield Text(f"  {choice.command}")
        yield Text(f"      {choice.meaning}{early}", "dim")


def _timeline(ledger: Iterable[Entry]) -> Iterator[Text]:
    yield Text("\nWhat happened (UTC)", "bold")
    for entry in ledger:
        step = f"step {entry.step}" if entry.step else ""
        said = f"{entry.subject:<8} {entry.to_state}"
        if entry.from_state and entry.from_state != entry.to_state:
            said = f"{entry.subject:<8} {entry.from_state} -> {entry.to_state}"
        why = ": ".join(printable(text) for text in (entry.who, entry.why) if text)
        yield Text(f"  {entry.at:%Y-%m-%d %H:%M:%S}  {step:<7}  {said:<32}  {why}")


def _row(name: str) -> str:
    return f"  {name:<11}"


def style_of(state: str) -> str:
    """Say how a status or a draft's state is shown in a terminal."""
    return _STYLES.get(state, "")


def printable(text: str) -> str:
    """Show control characters, line ends included, as what they are: a stranger's words must not steer a terminal."""
    return "".join(
        character if category(character) not in ("Cc", "Cs") else ascii(character)[1:-1] for character in text
    )
