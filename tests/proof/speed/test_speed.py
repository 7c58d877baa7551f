"""The bench does what it says it measures: both sides do their job, and what fills tables gives follow-ups to claim."""

from datetime import timedelta
from itertools import pairwise

from sqlalchemy import text
from temporalio.client import Client

from devstack.stack import Devstack
from proof.rig.figures import quantile, ratios
from proof.rig.ground import Ground
from proof.speed.due import busy
from proof.speed.filling import fill
from proof.speed.sides import SIDES, Ours
from proof.speed.steps import run_job
from proof.speed.tables import Database
from store.engine import open_engine
from store.schema import migrate


async def test_both_sides_send_every_letter_of_the_job_once(stack: Devstack, client: Client) -> None:
    for open_side in SIDES:
        async with open_side(Ground(stack, client)) as side:
            run = await run_job(side, follow_ups=3, steps=2)
            late = side.late()
        assert (run.accepted, run.duplicates) == (6, 0)
        assert (run.transactions_per_step is not None) == isinstance(side, Ours)
        # a start, two activities and the timer between them; of ours an upsert when it ends, too
        assert run.actions == (5 if isinstance(side, Ours) else 4)
        assert len(late) == 3  # of each follow-up's first letter it is known when it was due


async def test_a_third_step_all_over_the_filled_tables_is_claimed_and_recorded(stack: Devstack) -> None:
    url = await stack.postgres.create_database("filled")
    await migrate(url)
    engine = open_engine(url, 1)
    await fill(engine, drafts=40)
    filled = Database(engine, drafts=40)
    await filled.begin()
    for number in range(1, 21):
        await filled.step(number)
    async with engine.connect() as connection:
        states = await connection.execute(text("SELECT step, state, count(*) FROM drafts GROUP BY 1, 2 ORDER BY 1"))
        assert [tuple(row) for row in states] == [(1, "sent", 20), (2, "sent", 20), (3, "sent", 20)]
    pages, _ = await filled.read()
    assert pages > 20
    await filled.close()


def test_nine_tenths_of_a_capacity_are_spread_evenly() -> None:
    pace = busy(capacity=20, seconds=60)
    instants = pace.instants()
    assert len(instants) == 18 * 60
    assert timedelta(seconds=59) < instants[-1] - instants[0] < timedelta(seconds=60)
    assert {later - sooner for sooner, later in pairwise(instants)} == {pace.every}


def test_a_quantile_is_reached_by_its_share_and_a_ratio_is_of_a_pair() -> None:
    values = [float(value) for value in range(100)]
    assert (quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1.0)) == (50, 99, 99)
    assert ratios("speed", [1.0, 6.0, 2.0], [2.0, 2.0, 2.0]) == "speed: median 1.00 of 0.50, 3.00, 1.00"
