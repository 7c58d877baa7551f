"""How the audit's and the counts' queries are called for their plans, and which of them read all there is by nature."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from store import audit, counting, forgetting, sequences
from tests.store.million import ONE

NOW = datetime(2026, 1, 1, tzinfo=UTC)
_IDS = [ONE, "w:s:none"]
_INSTANCE = audit.AuditedInstance(NOW, ONE, "active", "none", 1, None)
_SENT = audit.SentDraft(ONE, NOW, f"{ONE}/1/email", ONE, 1, "<m@example.test>", "s", "001")

_SENT_TO = audit.SentTo(
    recipient="7@example.test", sent_at=NOW, draft_id=f"{ONE}/1/email", instance_id=ONE, step=1, message_id="<m@x>"
)

CALLS: dict[str, Callable[[AsyncConnection], Awaitable[object]]] = {
    "audit.read_instances": lambda connection: audit.read_instances(connection, "w", None),
    "audit.read_instances of a later page": lambda connection: audit.read_instances(connection, "w", _INSTANCE),
    "audit.read_sent": lambda connection: audit.read_sent(connection, "w", None),
    "audit.read_sent of a later page": lambda connection: audit.read_sent(connection, "w", _SENT),
    "audit.read_sent_to": lambda connection: audit.read_sent_to(connection, "w", None),
    "audit.read_sent_to of a later page": lambda connection: audit.read_sent_to(connection, "w", _SENT_TO),
    "audit.read_messages": lambda connection: audit.read_messages(connection, [f"{ONE}/1/email"]),
    "audit.read_definition": lambda connection: audit.read_definition(connection, "w", "s", "001"),
    "audit.find_stuck": lambda connection: audit.find_stuck(connection, "w"),
    "audit.find_ended": lambda connection: audit.find_ended(connection, _IDS, NOW),
    "audit.find_doubled_tasks": lambda connection: audit.find_doubled_tasks(connection, _IDS),
    "audit.find_messages": lambda connection: audit.find_messages(connection, "w", ["<" + "0" * 40]),
    "counting.count_steps": lambda connection: counting.count_steps(connection, "w"),
    "counting.count_expected": lambda connection: counting.count_expected(connection, "w"),
    "counting.count_steps_of": lambda connection: counting.count_steps_of(connection, _IDS),
    "counting.find_unaccounted": lambda connection: counting.find_unaccounted(connection, _IDS),
    "forgetting.find_lead_ids": lambda connection: forgetting.find_lead_ids(connection, "w", "00001"),
    "forgetting.read_person": lambda connection: forgetting.read_person(connection, "w", ["00001"]),
    "forgetting.find_unended": lambda connection: forgetting.find_unended(connection, "w", ["00001"]),
    "forgetting.list_addresses": lambda connection: forgetting.list_addresses(connection, "w", ["00001"]),
    "forgetting.suppress_forgotten": lambda connection: forgetting.suppress_forgotten(
        connection, "w", ["00001@gone.test"], "test"
    ),
    "forgetting.erase": lambda connection: forgetting.erase(connection, "w", "none"),
    "sequences.newest_version": lambda connection: sequences.newest_version(connection, "w", "s"),
    "sequences.count_versions": lambda connection: sequences.count_versions(connection, "w"),
    "sequences.count_versions of a sequence": lambda connection: sequences.count_versions(connection, "w", "s"),
    "counting.find_untold": lambda connection: counting.find_untold(connection, _IDS),
}
# The counts are of every row; what is in flight is an index of its own, of few rows, read from end to end. The versions
# of a sequence are few.
BY_NATURE = {"counting.count_steps", "counting.count_expected", "audit.find_stuck", "sequences.newest_version"} | {
    name for name in CALLS if name.startswith("sequences.count_versions")
}
