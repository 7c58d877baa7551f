"""What of docker-compose.yml can be held against the real thing without Docker is held against it here."""

import inspect
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

import starter
from settings import PREFIX, Settings
from tests.deploy.compose import FILE, ROOT, environment, ours, services
from worker import _AROUND_A_SEND

GIVEN = {
    "POSTGRES_PASSWORD": "superusers",
    "POSTGRES_OWNER_PASSWORD": "owners",
    "POSTGRES_APP_PASSWORD": "applications",
    "POSTGRES_TEMPORAL_PASSWORD": "temporals",
    "FOLLOWUP_SENDER": "Ada Lovelace <ada@example.test>",
    "FOLLOWUP_SMTP_URL": "smtp+starttls://ada:secret@mail.example.test:587",
    "FOLLOWUP_EVENT_SECRET": "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0",
}
# What each image reads, as far as we use it
READ_BY_IMAGE = {
    # github.com/docker-library/docs, postgres: "Environment Variables"; PG*: libpq; the passwords: our roles.sh
    "postgres": {
        *("POSTGRES_PASSWORD", "PGHOST", "PGUSER", "PGPASSWORD"),
        *("OWNER_PASSWORD", "APP_PASSWORD", "TEMPORAL_PASSWORD"),
    },
    # github.com/temporalio/temporal, common/config/config_template_embedded.yaml; BIND_ON_IP also docker/scripts/sh/
    "temporalio/server": {
        *("DB", "DB_PORT", "POSTGRES_SEEDS", "POSTGRES_USER", "POSTGRES_PWD"),
        *("BIND_ON_IP", "NUM_HISTORY_SHARDS", "DYNAMIC_CONFIG_FILE_PATH"),
    },
    # github.com/temporalio/temporal, tools/sql/main.go; TEMPORAL_*: github.com/temporalio/cli and our namespace.sh
    "temporalio/admin-tools": {
        *("SQL_PLUGIN", "SQL_HOST", "SQL_PORT", "SQL_USER", "SQL_PASSWORD"),
        *("TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"),
    },
    # github.com/temporalio/ui, server/config/docker.yaml
    "temporalio/ui": {
        *("TEMPORAL_ADDRESS", "TEMPORAL_WORKFLOW_RESET_DISABLED"),
        *("TEMPORAL_ACTIVITY_COMMANDS_DISABLED", "TEMPORAL_BATCH_ACTIONS_DISABLED"),
    },
}


def test_the_compose_file_fits_the_schema_of_compose_files() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", services())
def test_a_service_waits_for_what_exists_and_can_come_true(name: str) -> None:
    for other, waits in services()[name].get("depends_on", {}).items():
        awaited = services()[other]
        match waits["condition"]:
            case "service_healthy":
                assert "healthcheck" in awaited
            case "service_completed_successfully":
                assert "restart" not in awaited
            case condition:
                pytest.fail(condition)


@pytest.mark.parametrize("name", services())
def test_every_port_is_published_to_this_machine_alone(name: str) -> None:
    assert [port for port in services()[name].get("ports", []) if not port.startswith("127.0.0.1:")] == []


@pytest.mark.parametrize("name", services())
def test_every_mounted_folder_and_every_file_named_in_it_exists(name: str) -> None:
    mounts = dict(volume.split(":")[:2] for volume in services()[name].get("volumes", []))
    for source, target in mounts.items():
        if source.startswith("."):
            named = re.findall(rf"(?<![\w.]){target}/([\w./-]+)", yaml.safe_dump(services()[name]))
            assert named
            assert [file for file in named if not (ROOT / source / file).is_file()] == []


@pytest.mark.parametrize("name", sorted(set(services()) - set(ours())))
def test_foreign_images_are_pinned_and_given_only_what_they_read(name: str) -> None:
    image, version = services()[name]["image"].split(":")
    assert re.fullmatch(r"\d[\d.]*", version)
    assert set(services()[name]["environment"]) <= READ_BY_IMAGE[image]


@pytest.mark.parametrize("name", ours())
def test_our_processes_are_given_every_setting_and_nothing_else(name: str) -> None:
    settings = {f"{PREFIX}{field}".upper() for field in Settings.model_fields}
    assert set(services()[name]["environment"]) == {*settings, "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"}


@pytest.mark.parametrize("name", ours())
def test_the_settings_accept_what_our_processes_are_given(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in environment(name, GIVEN).items():
        monkeypatch.setenv(variable, value)
    settings = Settings()
    user = "followup_owner:owners" if name == "migrate" else "followup_app:applications"
    assert settings.database_url.get_secret_value() == f"postgresql+psycopg://{user}@postgres:5432/followup"
    assert settings.sender_address.addr_spec == "ada@example.test"


@pytest.mark.parametrize("name", ours())
def test_the_hosts_folder_of_sequences_is_mounted_where_our_processes_look_for_it(name: str) -> None:
    folder = services()[name]["environment"]["FOLLOWUP_SEQUENCES"]
    [mounted] = services()[name]["volumes"]
    assert mounted == f"${{FOLLOWUP_SEQUENCES:-./sequences}}:{folder}:ro"
    assert (ROOT / "sequences").is_dir()


@pytest.mark.parametrize("missing", GIVEN)
def test_nothing_starts_without_what_has_no_default(missing: str) -> None:
    given = {name: value for name, value in GIVEN.items() if name != missing}
    with pytest.raises(KeyError, match=missing):
        _ = [environment(name, given) for name in services()]


@pytest.mark.parametrize(
    ("password", "known_to"),
    [
        ("superusers", {"postgres", "roles"}),
        ("owners", {"roles", "migrate"}),
        ("applications", {"roles", "worker", "ingress"}),
        ("temporals", {"roles", "temporal", "temporal-schema"}),
    ],
)
def test_each_password_is_given_to_those_alone_that_need_it(password: str, known_to: set[str]) -> None:
    assert {name for name in services() if password in str(environment(name, GIVEN))} == known_to


@pytest.mark.parametrize("name", ours())
def test_every_command_of_our_image_exists(name: str) -> None:
    match services()[name]["command"]:
        case ["python", file]:
            assert (ROOT / file).is_file()
        case ["python", file, command, *options]:
            helped = subprocess.run(
                [sys.executable, ROOT / file, command, "--help"], capture_output=True, text=True, check=False
            )
            assert helped.returncode == 0, helped.stderr
            assert [option for option in options if option.startswith("-") and option not in helped.stdout] == []
        case [program, command, *options]:
            beside = Path(sys.executable).with_name(program)
            helped = subprocess.run([beside, command, "--help"], capture_output=True, text=True, check=False)
            assert helped.returncode == 0, helped.stderr
            assert [option for option in options if option.startswith("-") and option not in helped.stdout] == []


def test_the_ingress_is_published_and_looked_at_where_it_listens() -> None:
    ingress = services()["ingress"]
    port = inspect.signature(starter.serve).parameters["port"].default
    assert ingress["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f"http://127.0.0.1:{port}/readyz" in ingress["healthcheck"]["test"][-1]


def test_the_worker_is_given_the_time_it_needs_to_finish_a_send() -> None:
    minutes = int(services()["worker"]["stop_grace_period"].removesuffix("m"))
    longest = Settings.model_fields["send_timeout"].get_default() + _AROUND_A_SEND
    assert timedelta(minutes=minutes) > longest


def test_what_is_needed_is_in_the_example_of_the_env_file_and_so_is_every_setting_with_its_default() -> None:
    stated = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    assert stated.keys() == {f"{PREFIX}{field}".upper() for field in Settings.model_fields} | {
        name for name in GIVEN if name.startswith("POSTGRES_")
    }
    for field in ("concurrent_steps", "provider", "send_timeout", "task_queue", "workspace"):
        default = Settings.model_fields[field].get_default()
        plain = f"{default.total_seconds():g}" if isinstance(default, timedelta) else str(default)
        assert stated[f"{PREFIX}{field}".upper()] == plain
