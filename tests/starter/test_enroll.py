import asyncio
import json
import os
import pty
import sys
from pathlib import Path

import pytest

from tests.command import ROOT, Command, environment, everything
from tests.scene import Scene

SEQUENCE = """\
name: trial
steps:
  - wait: 1d
    subject: "About {{ plan }}"
    body: Hello {{ name }}
  - wait: 1d
    body: Hello again
"""
HEADER = "lead_id,email,name,plan\n"
LEADS = HEADER + "l1,grace@example.org,Grace,pro\nl2,emmy@example.org,Emmy,free\n"
NOTHING = [0, 0, 0, 0, 0]
# Nobody listens on port 1.
NO_DATABASE = "postgresql+psycopg://user:geheim@127.0.0.1:1/followup"
_NONE = {"enrolled": 0, "already_enrolled": 0, "stopped": 0, "suppressed": 0, "refused": [], "noted": []}


def file(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    return file(tmp_path, "trial.yaml", SEQUENCE)


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    return file(tmp_path, "leads.csv", LEADS)


async def test_leads_are_enrolled_once_and_a_second_time_they_are_already(
    scene: Scene, starter: Command, sequence: Path, leads: Path
) -> None:
    first = await starter("enroll", "--sequence", sequence, leads)
    assert first == (0, "2 enrolled, 0 already enrolled, 0 refused\n", "")
    written = await everything(scene)
    second = await starter("enroll", "--sequence", sequence, leads, "--json")
    assert (second.code, json.loads(second.out)) == (0, _NONE | {"already_enrolled": 2})
    assert await everything(scene) == written
    assert await scene.rows("SELECT 1 FROM instances WHERE started_at IS NULL") == []


async def test_an_enrolment_key_enrols_the_same_leads_once_more_where_the_sequence_allows_it(
    scene: Scene, starter: Command, sequence: Path, leads: Path
) -> None:
    await starter("enroll", "--sequence", sequence, leads)
    again = await starter("enroll", "--sequence", sequence, leads, "--enrolment-key", "spring")
    assert again.code == 1
    assert again.out.startswith("refused: row 2: lead l1 was enrolled in trial before (")
    with sequence.open("a") as file:
        file.write("enroll: any_time\n")
    again = await starter("enroll", "--sequence", sequence, leads, "--enrolment-key", "spring")
    assert again.out == "2 enrolled, 0 already enrolled, 0 refused\n"
    ids = {row.id for row in await scene.rows("SELECT id FROM instances")}
    assert ids == {f"{scene.workspace}:trial:{rest}" for rest in ("l1", "l2", "l1:spring", "l2:spring")}


async def test_a_sequence_is_known_by_name(starter: Command, leads: Path) -> None:
    ran = await starter("enroll", "--sequence", "no-reply", leads)
    assert ran == (0, "2 enrolled, 0 already enrolled, 0 refused\n", "")


async def test_bad_rows_are_refused_with_their_reasons_and_good_ones_are_enrolled(
    scene: Scene, starter: Command, sequence: Path, tmp_path: Path
) -> None:
    rows = [
        {"lead_id": "good", "email": "good@example.org", "name": "Grace", "plan": "pro"},
        {"lead_id": "none", "name": "Grace", "plan": "pro"},
        {"lead_id": "bad", "email": "nobody", "name": "Grace", "plan": "pro"},
        {"lead_id": "good", "email": "other@example.org", "name": "Emmy", "plan": "pro"},
        {"lead_id": "poor", "email": "poor@example.org", "name": "Grace"},
        {"lead_id": "long", "email": "long@example.org", "name": "Grace", "plan": "pro\nBcc: eve@example.org"},
    ]
    leads = file(tmp_path, "leads.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    ran = await starter("enroll", "--sequence", sequence, leads, "--json")
    answer = json.loads(ran.out)
    assert (ran.code, answer["enrolled"], answer["already_enrolled"]) == (1, 1, 0)
    said = sorted((refused["row"], refused["lead_id"], refused["reason"]) for refused in answer["refused"])
    assert [(row, lead) for row, lead, _ in said] == [(2, "none"), (3, "bad"), (4, "good"), (5, "poor"), (6, "long")]
    for (row, _, reason), words in zip(said, ["email", "email", "row 1 too", "plan", "subject"], strict=True):
        assert reason.startswith(f"row {row}: ")
        assert words in reason
    assert [row.lead_id for row in await scene.rows("SELECT lead_id FROM instances")] == ["good"]


async def test_people_are_told_every_refused_row(starter: Command, sequence: Path, tmp_path: Path) -> None:
    leads = file(tmp_path, "leads.csv", LEADS + "l3,,Mary,pro\nl4,mary@example.org,Mary,\n")
    ran = await starter("enroll", "--sequence", sequence, leads)
    first, second, counts = ran.out.splitlines()
    assert first == "refused: row 4: email: is missing; add it"
    assert second.startswith("refused: row 5: step 1, subject: ")
    assert (counts, ran.code) == ("2 enrolled, 0 already enrolled, 2 refused", 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SEQUENCE.replace("wait: 1d\n    subject", "wayt: 1d\n    subject"), ":3: step 1, wayt: unknown key"),
        (
            SEQUENCE.replace("wait: 1d\n    subject", "wait: 3x\n    subject"),
            ":3: step 1, wait: '3x' is not a duration",
        ),
        (SEQUENCE.replace("{{ name }}", "{{ name"), ":5: step 1, body: "),
        (b"name: \xff\xfe\n", ":1: is not UTF-8"),
    ],
)
async def test_a_bad_sequence_is_one_message_and_changes_nothing(
    scene: Scene, starter: Command, tmp_path: Path, leads: Path, text: str | bytes, said: str
) -> None:
    ran = await starter("enroll", "--sequence", file(tmp_path, "bad.yaml", text), leads)
    assert (ran.code, ran.out) == (1, "")
    assert said in ran.said
    assert all(line.startswith("starter: ") for line in ran.lines)
    assert await everything(scene) == NOTHING


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("leads.csv", HEADER.encode() + b"l1,grace@example.org,Gr\xe4ce,pro\n", "leads.csv:2: is not UTF-8"),
        ("leads.csv", "id,address\n1,grace@example.org\n", "lead_id: this column is missing"),
        ("leads.txt", LEADS, "leads are read from .csv or .jsonl"),
    ],
)
async def test_an_unusable_lead_file_is_one_message_and_changes_nothing(
    scene: Scene, starter: Command, sequence: Path, tmp_path: Path, name: str, text: str | bytes, said: str
) -> None:
    ran = await starter("enroll", "--sequence", sequence, file(tmp_path, name, text))
    assert (ran.code, ran.out) == (1, "")
    assert said in ran.lines[0]
    assert "Traceback" not in ran.said
    assert await everything(scene) == NOTHING


async def test_an_export_is_enrolled_with_its_columns_mapped(scene: Scene, starter: Command, tmp_path: Path) -> None:
    text = "Contact ID;Name;Work E-Mail;Plan\n7;Grace;grace@example.org;None\n"
    sequence = file(tmp_path, "trial.yaml", SEQUENCE)
    leads = file(tmp_path, "export.csv", text.encode("utf-16"))
    plain = await starter("enroll", "--sequence", sequence, leads)
    assert plain.code == 1
    assert "lead_id: this column is missing; if it is 'Contact ID', say --map lead_id='Contact ID'" in plain.said
    mapped = ("--map", "lead_id=Contact ID", "--map", "email=Work E-Mail")
    ran = await starter("enroll", "--sequence", sequence, leads, *mapped)
    assert ran.out.startswith("refused: row 2: Plan: says None, which stands for nothing where it was exported; leave")
    assert await scene.rows("SELECT 1 FROM leads") == []
    ran = await starter("enroll", "--sequence", sequence, leads, *mapped, "--literal", "Plan")
    assert ran == (0, "1 enrolled, 0 already enrolled, 0 refused\n", "")
    [lead] = await scene.rows("SELECT lead_id, email, name, i.variables FROM leads JOIN instances i USING (lead_id)")
    assert tuple(lead) == ("7", "grace@example.org", "Grace", {"Plan": "None"})


async def test_a_mapping_that_says_nothing_is_refused(starter: Command, leads: Path) -> None:
    ran = await starter("enroll", "--sequence", "no-reply", leads, "--map", "email")
    assert ran.code != 0
    assert "--map" in ran.said


async def test_files_that_are_not_there_are_said_to_be_missing(starter: Command, sequence: Path, leads: Path) -> None:
    ran = await starter("enroll", "--sequence", sequence, "nowhere.csv")
    assert (ran.code, ran.lines) == (
        1,
        ["starter: nowhere.csv: can't be read (No such file or directory); check the name and its permissions"],
    )
    ran = await starter("enroll", "--sequence", "nothing", leads)
    assert ran.code == 1
    assert "no such sequence in sequences/; there: no-reply, trial-ended" in ran.said


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("FOLLOWUP_DATABASE_URL", NO_DATABASE, "starter: PostgreSQL can't be reached at 127.0.0.1:1/followup ("),
        ("FOLLOWUP_DATABASE_URL", NO_DATABASE.replace(":1/", ":x/"), "starter: FOLLOWUP_DATABASE_URL: can't be read"),
        ("FOLLOWUP_DATABASE_URL", "sqlite://", "starter: FOLLOWUP_DATABASE_URL: must begin with postgresql+psycopg://"),
        ("TEMPORAL_ADDRESS", "127.0.0.1:1", "starter: Temporal can't be reached at 127.0.0.1:1 (Connection refused)"),
        ("TEMPORAL_NAMESPACE", "nowhere", "starter: Temporal does not answer for namespace nowhere ("),
    ],
)
async def test_what_can_not_be_reached_is_one_message_without_a_password_and_changes_nothing(
    scene: Scene, starter: Command, sequence: Path, leads: Path, setting: str, value: str, said: str
) -> None:
    ran = await starter("enroll", "--sequence", sequence, leads, **{setting: value})
    assert (ran.code, ran.out, len(ran.lines)) == (1, "", 1)
    assert ran.said.startswith(said)
    assert "geheim" not in ran.said
    assert await everything(scene) == NOTHING


async def test_a_database_without_the_schema_is_told_its_remedy(
    scene: Scene, starter: Command, sequence: Path, leads: Path
) -> None:
    ran = await starter(
        "enroll",
        "--sequence",
        sequence,
        leads,
        FOLLOWUP_DATABASE_URL=scene.database_url.rpartition("/")[0] + "/postgres",
    )
    assert (ran.code, len(ran.lines)) == (1, 1)
    assert "run `followup migrate`" in ran.said


async def test_a_key_that_could_be_an_address_is_refused(scene: Scene, starter: Command, leads: Path) -> None:
    ran = await starter("enroll", "--sequence", "no-reply", leads, "--enrolment-key", "grace@example.org")
    assert ran.code != 0
    assert "--enrolment-key" in ran.said
    assert await everything(scene) == NOTHING


async def test_what_was_enrolled_before_a_failure_is_said_and_running_it_again_does_the_rest(
    scene: Scene, starter: Command, sequence: Path, tmp_path: Path
) -> None:
    rows = "".join(f"l{number},l{number}@example.org,Grace,pro\n" for number in range(260))
    leads = file(tmp_path, "leads.csv", HEADER + rows)
    async with scene.by_hand() as connection:
        await connection.exec_driver_sql(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'disk full' USING ERRCODE = 'disk_full'; END $$;"
            "CREATE TRIGGER fail BEFORE INSERT ON instances FOR EACH ROW WHEN (NEW.lead_id = 'l255')"
            " EXECUTE FUNCTION fail()"
        )
    broken = await starter("enroll", "--sequence", sequence, leads)
    assert (broken.code, broken.out) == (1, "250 enrolled, 0 already enrolled, 0 refused\n")
    assert "(disk full)" in broken.lines[0]
    assert broken.lines[1].endswith("run the same command again to do the rest")
    async with scene.by_hand() as connection:
        await connection.exec_driver_sql("DROP TRIGGER fail ON instances")
    again = await starter("enroll", "--sequence", sequence, leads)
    assert again == (0, "10 enrolled, 250 already enrolled, 0 refused\n", "")


async def test_progress_is_shown_on_a_terminal_alone(scene: Scene, sequence: Path, leads: Path) -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, ROOT / "starter.py", "enroll", "--sequence", sequence, leads),
        stdout=asyncio.subprocess.PIPE,
        stderr=theirs,
        env=environment(scene, TERM="xterm"),
    )
    os.close(theirs)
    out, _ = await process.communicate()
    assert out == b"2 enrolled, 0 already enrolled, 0 refused\n"
    assert b"enrolling" in await asyncio.to_thread(os.read, ours, 10_000)
    os.close(ours)
