"""The table of an older system: what it sent and which tasks it made, as CSV."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from intake.files.file_error import FileError, require_utf8
from operating.audit.sending import Outbound, TaskRow

REQUIRED = ("lead", "instance", "step", "time", "message_id")
# What a row's `kind` may say of a message; any other word is a task of that kind.
_MESSAGES = frozenset({"", "email", "mail", "message", "outbound", "send", "sent"})
_MOST_PROBLEMS = 20


class OldTable(NamedTuple):
    """What an older system did: `sent` thread by thread in the order of time, and its tasks."""

    sent: list[Outbound]
    tasks: list[TaskRow]


def read_old_table(path: Path) -> OldTable:
    """Read the whole table; memory grows by about 500 bytes a row.

    A thread is what was written to one lead. A row with a `task`, or with a `kind` that is no message, is a task. An
    instant without a zone is UTC. Raises FileError: a row that can't be read could be the one that matters.
    """
    require_utf8(path)
    sent: list[Outbound] = []
    tasks: list[TaskRow] = []
    problems: list[str] = []
    for line, row in _rows(path):
        try:
            at = _instant(row["time"])
        except ValueError:
            problems.append(f"{path}:{line}: time: is not an instant such as 2026-03-02T09:00:00Z; fix it")
            continue
        if task := _task(row):
            tasks.append(TaskRow(row["instance"], row["step"], task, at))
        else:
            sent.append(Outbound(row["lead"], row["instance"], row["step"], at, row["message_id"]))
    if problems:
        raise FileError(problems[:_MOST_PROBLEMS])
    return OldTable(sorted(sent, key=lambda row: (row.thread, row.at)), sorted(tasks, key=lambda task: task.at))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = [name.strip().lower() for name in next(reader)]
            if missing := [name for name in REQUIRED if name not in header]:
                raise FileError(f"{path}:1: {name}: this column is missing; add it" for name in missing)
            for cells in reader:
                if len(cells) == len(header):
                    yield reader.line_num, dict(zip(header, (cell.strip() for cell in cells), strict=True))
                elif any(cells):
                    raise FileError([f"{path}:{reader.line_num}: has {len(cells)} cells, the header has {len(header)}"])
        except csv.Error as error:
            raise FileError([f"{path}:{reader.line_num}: is not CSV ({error}); fix it"]) from None


def _task(row: dict[str, str]) -> str:
    """Name the task a row is of; nothing for a message."""
    kind = row.get("kind", "").lower()
    if row.get("task", "").lower() not in ("", "0", "false", "no"):
        return "task"
    return "" if kind in _MESSAGES else kind


def _instant(written: str) -> datetime:
    at = datetime.fromisoformat(written)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
