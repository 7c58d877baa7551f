"""A wait of days keeps the time on the lead's clock, be it put forward or back meanwhile."""

from datetime import UTC, datetime, timedelta

from providers.scripted import ScriptedProvider
from tests.scene import Scene, a_lead, a_sequence
from tests.whole.looking import until

_LEAD = a_lead(timezone="America/New_York")
_DUE = "SELECT until, now() FROM instances WHERE step = :step"
_A_MINUTE = timedelta(minutes=1)


def _over_a_change() -> int:
    """Return how many days from now the clocks of New York will have changed by."""
    now = datetime.now(UTC)
    local = [(now + timedelta(days=days)).astimezone(_LEAD.zone) for days in range(365)]
    return next(days for days, at in enumerate(local) if at.utcoffset() != local[0].utcoffset()) + 2


async def _due_on_the_wall(scene: Scene, step: int) -> tuple[datetime, datetime]:
    async def has_come() -> bool:
        return bool(await scene.rows(_DUE, step=step))

    await until(has_come)
    [(at, now)] = await scene.rows(_DUE, step=step)
    return at.astimezone(_LEAD.zone).replace(tzinfo=None), now.astimezone(_LEAD.zone).replace(tzinfo=None)


async def test_the_first_wait_keeps_the_time_on_the_wall_of_the_enrolment(scene: Scene) -> None:
    days = _over_a_change()
    steps = [{"wait": f"{days}d", "subject": "Hello", "body": "Hello"}]
    await scene.enroll(a_sequence(steps=steps), _LEAD)
    due, now = await _due_on_the_wall(scene, 1)
    assert abs(due - now - timedelta(days=days)) < _A_MINUTE


async def test_a_later_wait_keeps_the_time_on_the_wall_of_the_sending(scene: Scene) -> None:
    days = _over_a_change()
    steps = [{"wait": "0s", "subject": "Hello", "body": "Hello"}, {"wait": f"{days}d1h", "body": "Again"}]
    async with scene.worker(ScriptedProvider()):
        await scene.enroll(a_sequence(steps=steps), _LEAD)
        due, now = await _due_on_the_wall(scene, 2)
    assert abs(due - now - timedelta(days=days, hours=1)) < _A_MINUTE
