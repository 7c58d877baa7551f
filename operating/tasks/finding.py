"""Which tasks an operator means: those of one follow-up, or the one mail of it that waits for an approval."""

from operating.looking.finding import NotFoundError, find_whole
from operating.reach import Reach, Reached
from operating.tasks.todo import Todo, read_todos_of
from store.listing import Listed
from transactions.alarms import look_into


async def find_todos(at: Reached, found: Listed, program: str) -> list[Todo]:
    """Find what a follow-up needs a person for. Raises NotFoundError when it needs none."""
    todos = await read_todos_of(at.engine, found.instance_id, program)
    if not todos:
        raise NotFoundError(f"{found.instance_id} needs no person: it is {found.status} ({found.reason})")
    return todos


def find_mail(reached: Reach, instance: str) -> Todo:
    """Find the mail that waits for an approval, by its whole id; ends the process where there is none."""

    async def work(at: Reached) -> Todo:
        of = await find_whole(at.engine, at.workspace, instance)
        for todo in await find_todos(at, of, reached.program()):
            if todo.mail is not None:
                return todo
        raise NotFoundError(f"no mail of {instance} waits for an approval: see `followup show`")

    found: Todo = reached.run(work)
    return found


async def close_alarms_of(at: Reached, instance: str, by: str, note: str) -> str:
    """Close the alarms of a follow-up that were looked into; returns its id. Raises NotFoundError where none can be."""
    found = await find_whole(at.engine, at.workspace, instance)
    if not await look_into(at.engine, found.instance_id, by=by, note=note):
        raise NotFoundError(
            f"{found.instance_id} has no alarm that a word alone closes: where its step still waits, "
            "`followup task skip` or `followup stop` says what becomes of it"
        )
    return found.instance_id
