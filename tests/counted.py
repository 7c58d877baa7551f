"""I6: every step of every instance is counted, once, with its reason."""

from collections import Counter
from typing import Any, NamedTuple

from tests.scene import Scene

# What a draft's state counts as. A draft that is being sent is pending until its outcome is recorded.
_OF_DRAFT = {
    "awaiting_approval": "held",
    "pending": "pending",
    "sending": "pending",
    "sent": "sent",
    "done": "sent",
    "refused": "refused",
    "unknown": "unknown",
    "skipped": "skipped",
    "discarded": "skipped",
    "stopped": "stopped",
}
KINDS = ("sent", "pending", "held", "skipped", "refused", "stopped", "unknown")
_SETTLED = ("sent", "done", "refused", "skipped", "discarded", "stopped", "unknown")


class Count(NamedTuple):
    """What one step counts as, and the answer to "why was this not sent?"."""

    kind: str
    reason: str


async def assert_counted(scene: Scene) -> Counter[str]:
    """Count every step of the scene's instances; fails when one has no kind, no reason, or a ledger that disagrees."""
    drafts = {(row.instance_id, row.step): row for row in await scene.rows("SELECT * FROM drafts")}
    told = await _told(scene)
    counts: Counter[str] = Counter()
    steps = 0
    for instance in await scene.rows("SELECT * FROM instances"):
        assert told[instance.id, None, "instance"].to_state == instance.status
        for step in range(1, instance.steps + 1):
            steps += 1
            draft = drafts.get((instance.id, step))
            assert draft is None or told[instance.id, step, "draft"].to_state == draft.state
            count = _count(instance, step, draft, told)
            assert count.kind in KINDS, f"{instance.id} step {step} counts as nothing"
            assert count.reason not in ("", "none"), f"{instance.id} step {step} is {count.kind} without a reason"
            counts[count.kind] += 1
    assert counts.total() == steps
    assert set(drafts) <= {
        (i.id, s) for i in await scene.rows("SELECT * FROM instances") for s in range(1, i.steps + 1)
    }
    return counts


def _count(instance: Any, step: int, draft: Any, told: dict[Any, Any]) -> Count:
    if draft is not None and draft.state in _SETTLED:
        return Count(_OF_DRAFT[draft.state], draft.why)
    if instance.status == "stopped":
        return Count("stopped", instance.reason)
    if step < instance.step or instance.status == "completed":
        # behind us without a draft that ended: only a decision does that, and the ledger has kept it
        return Count("skipped", told[instance.id, step, "instance"].why)
    if step > instance.step:
        return Count("pending", f"after step {instance.step}")
    if instance.status in ("held", "paused", "awaiting_approval"):
        return Count("held", instance.reason)
    return Count("pending", draft.why if draft is not None else instance.why)


async def _told(scene: Scene) -> dict[tuple[str, int | None, str], Any]:
    """The last word of the ledger on each subject; on an instance for each of its steps, and (step None) of all."""
    told: dict[tuple[str, int | None, str], Any] = {}
    for row in await scene.rows("SELECT * FROM ledger ORDER BY id"):
        told[row.instance_id, row.step, row.subject] = row
        told[row.instance_id, None, row.subject] = row
    return told
