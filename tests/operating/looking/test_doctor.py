"""`followup doctor`: what was looked at, and the remedy for what is wrong."""

import json

from store.durability import DISPOSABLE
from tests.command import Command
from tests.scene import Scene
from tests.store.worst import WORST, set_defaults


async def test_the_doctor_says_what_it_looked_at_and_finds_nothing_wrong(scene: Scene, followup: Command) -> None:
    await set_defaults(scene.database_url, WORST)
    ran = await followup("doctor", "--json")
    checked = {one["what"]: one for one in json.loads(ran.out)}
    assert (ran.code, ran.said, [one for one in checked.values() if one["problem"]]) == (0, "", [])
    assert checked["synchronous_commit"]["found"] == "on, as this version sets it"
    assert checked["transaction_isolation"]["found"] == "read committed, as this version sets it"
    assert {"PostgreSQL", "fsync", "full_page_writes", "lock_timeout", "schema", "Temporal"} <= checked.keys()
    assert (await followup("doctor")).out.startswith("ok  PostgreSQL: ")


async def test_the_doctor_names_the_remedy_and_other_processes_refuse_to_start(scene: Scene, followup: Command) -> None:
    await set_defaults(scene.database_url, {DISPOSABLE: "off"})
    ran = await followup("doctor")
    assert (ran.code, ran.out.count("!!")) == (1, 2)
    assert "set fsync = on in postgresql.conf and reload" in ran.out
    for command in (followup("list"), Command("worker.py", scene)(), Command("starter.py", scene)("event", "x.json")):
        refused = await command
        assert refused.code == 1
        assert "fsync is off in PostgreSQL" in refused.said or "x.json" in refused.said
        assert "Traceback" not in refused.said


async def test_the_doctor_says_that_temporal_is_away(followup: Command) -> None:
    ran = await followup("doctor", TEMPORAL_ADDRESS="127.0.0.1:1")
    assert (ran.code, "!!  Temporal: 127.0.0.1:1" in ran.out) == (1, True)
