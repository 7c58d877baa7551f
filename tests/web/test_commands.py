"""`starter.py event` and `starter.py serve`, run as their users do."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app import enrolled, said
from tests.command import ROOT, Command, environment
from tests.intake.inbound.samples import REPLY, mail
from tests.scene import Scene
from tests.web.post import MAIL_SECRET, OTHER, OTHER_MAIL_SECRET, SECRET, Poster, problems, signed_mail


@pytest.fixture
def starter(scene: Scene) -> Command:
    return Command("starter.py", scene)


def _file(folder: Path, content: object) -> Path:
    file = folder / "event.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


async def test_an_event_in_a_file_is_delivered_and_again_is_answered_the_same(
    scene: Scene, starter: Command, tmp_path: Path
) -> None:
    file = _file(tmp_path, enrolled(variables={"company": "Example"}))
    for _ in range(2):
        ran = await starter("event", file)
        assert (ran.code, ran.out, ran.said) == (0, f"enrolled: {scene.instance()}\n", "")
    assert await scene.status() == ("active", "none")


async def test_programs_are_answered_with_an_object(starter: Command, tmp_path: Path) -> None:
    ran = await starter("event", "--json", _file(tmp_path, said("lead.closed", event_id="evt-1", lead_id="lead-1")))
    answer = json.loads(ran.out)
    assert (ran.code, answer["event_id"], answer["done"]) == (0, "evt-1", "stop_recorded")


async def test_an_event_is_read_from_stdin_and_its_id_may_be_given_beside_it(scene: Scene) -> None:
    content = said("lead.booked", lead_id="lead-1")
    del content["id"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, ROOT / "starter.py", "event", "-", "--id", "evt-7"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment(scene),
    )
    out, _ = await process.communicate(json.dumps(content).encode())
    assert (process.returncode, out) == (0, b"stop recorded: lead-1\n")
    assert [row.id for row in await scene.rows("SELECT id FROM events")] == ["evt-7"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "{",
            "starter: the event is not JSON (Expecting property name enclosed in double quotes, line 1, character 2)",
        ),
        (said("lead.booked"), "starter: data.lead_id: is missing: add it"),
        (enrolled(sequence="other"), "starter: data.sequence: there is none of this name: check it, or add its file"),
    ],
)
async def test_a_bad_event_ends_with_a_sentence_and_1(
    starter: Command, tmp_path: Path, content: Any, sentence: str
) -> None:
    ran = await starter("event", _file(tmp_path, content))
    assert (ran.code, ran.out, ran.lines) == (1, "", [sentence])


async def test_a_file_that_is_not_there_ends_with_a_sentence_and_1(starter: Command, tmp_path: Path) -> None:
    file = tmp_path / "none.json"
    ran = await starter("event", file)
    problem = f"{file}: can't be read (No such file or directory); check the name and its permissions"
    assert (ran.code, ran.lines) == (1, [f"starter: {problem}"])


@pytest.mark.parametrize(
    ("secret", "words"), [("", "is not set, so no event could be trusted"), ("x", "is not a secret")]
)
async def test_without_a_good_secret_nothing_is_served(starter: Command, secret: str, words: str) -> None:
    ran = await starter("serve", "--port", "0", FOLLOWUP_EVENT_SECRET=secret)
    assert ran.code == 1
    [line] = ran.lines
    assert line.startswith(f"starter: FOLLOWUP_EVENT_SECRET {words}")


@pytest.mark.parametrize("secrets", ["x", f"{SECRET} whsec_c2hvcnQ="])
async def test_a_bad_secret_of_the_door_for_mail_is_named_and_not_shown(starter: Command, secrets: str) -> None:
    ran = await starter("serve", "--port", "0", FOLLOWUP_EVENT_SECRET=SECRET, FOLLOWUP_INBOUND_SECRET=secrets)
    [line] = ran.lines
    assert (ran.code, line.partition(":")[2].strip()[:44]) == (1, "FOLLOWUP_INBOUND_SECRET is not a secret: eac")
    assert not any(secret in line for secret in secrets.split() if len(secret) > 1)


@pytest.mark.parametrize("url", ["postgresql+psycopg://u:hunter2@h:port/x", "postgresql+psycopg://u:hunter2@[x/y"])
async def test_a_database_url_that_makes_no_sense_ends_with_a_sentence(starter: Command, url: str) -> None:
    ran = await starter("serve", "--port", "0", FOLLOWUP_EVENT_SECRET=SECRET, FOLLOWUP_DATABASE_URL=url)
    [line] = ran.lines
    assert ran.code == 1
    assert line.startswith("starter: FOLLOWUP_DATABASE_URL: can't be read")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder of sequences that is not the checkout's."""
    folder = tmp_path / "its own"
    folder.mkdir()
    (folder / "welcome.yaml").write_text("name: welcome\nsteps: [{wait: 1d, subject: Hello, body: one}]")
    return folder


async def test_an_app_enrols_from_the_folder_that_the_setting_names(
    scene: Scene, starter: Command, tmp_path: Path, elsewhere: Path
) -> None:
    file = _file(tmp_path, enrolled(sequence="welcome"))
    ran = await starter("event", file, FOLLOWUP_SEQUENCES=str(elsewhere))
    assert (ran.code, ran.out) == (0, f"enrolled: {scene.instance(sequence='welcome')}\n")
    assert (await starter("event", _file(tmp_path, enrolled("lead-2")), FOLLOWUP_SEQUENCES=str(elsewhere))).code == 1


async def test_serve_takes_the_folder_of_sequences(scene: Scene, elsewhere: Path) -> None:
    async with _serving(scene, "--sequences", str(elsewhere), FOLLOWUP_EVENT_SECRET=SECRET) as (poster, _):
        assert (await poster.says(enrolled(sequence="welcome"))).status_code == 200
        assert (await poster.says(enrolled("lead-2"))).status_code == 422


@pytest.mark.parametrize("command", [("serve",), ("enroll", "--sequence", "welcome", "leads.csv")])
async def test_a_folder_that_is_not_there_is_named_with_its_setting(starter: Command, command: tuple[str, ...]) -> None:
    ran = await starter(*command, FOLLOWUP_EVENT_SECRET=SECRET, FOLLOWUP_SEQUENCES="/nowhere")
    sentence = "there is no folder /nowhere: name the folder of the sequence files"
    assert (ran.code, ran.lines) == (1, [f"starter: FOLLOWUP_SEQUENCES: {sentence}"])


async def test_a_port_that_is_taken_is_said_in_a_sentence(starter: Command, address: tuple[str, int]) -> None:
    ran = await starter("serve", "--port", str(address[1]), FOLLOWUP_EVENT_SECRET=SECRET)
    assert (ran.code, len(ran.lines)) == (1, 1)
    assert f"starter: can't listen on 127.0.0.1, port {address[1]} (" in ran.lines[0]


@asynccontextmanager
async def _serving(scene: Scene, *options: str, **settings: str) -> AsyncIterator[tuple[Poster, list[str]]]:
    """The process, and the lines it writes; told to end by SIGTERM, it does with 0."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "starter.py"),
        *("serve", "--port", "0", *options),
        stderr=asyncio.subprocess.PIPE,
        env=environment(scene, **settings),
    )
    assert process.stderr is not None
    lines = [(await process.stderr.readline()).decode()]
    try:
        while "ready: " not in lines[-1]:
            lines.append((await process.stderr.readline()).decode())
            assert lines[-1], lines
        url = lines[-1].split("ready: ")[1].removesuffix("/events\n")
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
            yield Poster(http), lines
        process.terminate()
        lines += (await process.stderr.read()).decode().splitlines()
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_both_secrets_are_good_while_one_replaces_the_other_and_the_log_names_events_alone(scene: Scene) -> None:
    content = enrolled(lead={"name": "Grace Hopper"}, variables={"company": "Example"})
    async with _serving(scene, FOLLOWUP_EVENT_SECRET=f"{SECRET} {OTHER}") as (poster, lines):
        assert [(await poster.says(content, secret=secret)).status_code for secret in (SECRET, OTHER)] == [200, 200]
        assert (await poster.posts(b"{")).status_code == 422
    told = [line for line in lines if content["id"] in line]
    assert len(told) == 2
    assert all(line.endswith(f"event {content['id']} lead.enrolled: enrolled") for line in told)
    assert not any(datum in line for line in lines for datum in ("Grace", "@example", "127.0.0.1 -", "Example"))


async def test_each_door_takes_its_own_secrets_alone(scene: Scene) -> None:
    secrets = {"FOLLOWUP_EVENT_SECRET": SECRET, "FOLLOWUP_INBOUND_SECRET": f"{MAIL_SECRET} {OTHER_MAIL_SECRET}"}
    raw = mail(REPLY)
    async with _serving(scene, **secrets) as (poster, _):
        answers = [
            (await poster.http.post("/inbound", content=raw, headers=signed_mail(raw, secret=secret))).status_code
            for secret in (MAIL_SECRET, OTHER_MAIL_SECRET, SECRET)
        ]
        assert answers == [200, 200, 401]
        assert (await poster.says(said("lead.closed", lead_id="lead-1"), secret=MAIL_SECRET)).status_code == 401


async def test_it_starts_while_temporal_is_down_says_so_and_keeps_the_facts(scene: Scene) -> None:
    async with _serving(scene, FOLLOWUP_EVENT_SECRET=SECRET, TEMPORAL_ADDRESS="127.0.0.1:1") as (poster, _):
        assert (await poster.http.get("/healthz")).status_code == 200
        readiness = await poster.http.get("/readyz")
        assert (readiness.status_code, len(problems(readiness))) == (503, 1)
        assert problems(readiness)[0].startswith("Temporal does not answer for namespace default")
        response = await poster.says(enrolled(variables={"company": "Example"}))
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert await scene.status() == ("active", "none")


async def test_it_starts_while_postgresql_is_down_and_says_so(scene: Scene) -> None:
    nowhere = "postgresql+psycopg://postgres@127.0.0.1:1/none"
    async with _serving(scene, FOLLOWUP_EVENT_SECRET=SECRET, FOLLOWUP_DATABASE_URL=nowhere) as (poster, _):
        readiness = await poster.http.get("/readyz")
        assert (readiness.status_code, problems(readiness)) == (503, ["PostgreSQL can't be reached: see that it runs"])
        assert (await poster.says(said("lead.closed", lead_id="lead-1"))).status_code == 503
