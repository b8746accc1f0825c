"""The Compose file and the Dockerfiles, read by Docker's own Compose and by hadolint. No container engine is needed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import cast

import pytest

ROOT = Path(__file__).parents[3]
LONG_RUNNING = {"redis", "worker", "flower", "local-bedrock", "api"}
LONGEST_CALL_S = 300

Json = dict[str, object]


def tool(name: str) -> str:
    """Path of a program that a development wheel brings; without it the test is skipped, but fails in CI."""
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if found is None:
        message = f"{name} is not installed; get it with: pip install 'darkroom[dev]'"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


def compose(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run Compose on the repository's file, shielded from the caller's environment and .env file."""
    command = [tool("docker-compose"), "--env-file", os.devnull, "--project-directory", str(ROOT)]
    command += ["-f", str(ROOT / "docker-compose.yml"), *arguments]
    return subprocess.run(
        command, env={"PATH": os.defpath, "HOME": "/nonexistent"} | env, capture_output=True, text=True, timeout=60, check=False
    )


LOGIN = {"FLOWER_BASIC_AUTH": "me:secret"}


@pytest.fixture(scope="module")
def services() -> dict[str, Json]:
    """All services, profiles included, as Compose resolves them."""
    done = compose("--profile", "*", "config", "--format", "json", env=LOGIN)
    assert done.returncode == 0, done.stderr
    return cast("dict[str, dict[str, Json]]", json.loads(done.stdout))["services"]


def words(service: Json, key: str) -> list[str]:
    return cast("list[str]", service.get(key) or [])


def option(service: Json, name: str) -> str:
    command = words(service, "command")
    return command[command.index(name) + 1]


def seconds(duration: object) -> float:
    """A Go duration such as 6m0s."""
    total, number = 0.0, ""
    for sign in str(duration):
        if sign in "hms":
            total += float(number) * {"h": 3600, "m": 60, "s": 1}[sign]
            number = ""
        else:
            number += sign
    return total


@pytest.mark.parametrize("profile", ["", "local", "tools", "api", "*"])
def test_compose_accepts_the_file_with_each_profile(profile: str) -> None:
    done = compose("--profile", profile, "config", "-q", env=LOGIN)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("login", [{}, {"FLOWER_BASIC_AUTH": ""}])
def test_compose_refuses_to_run_flower_without_a_password(login: dict[str, str]) -> None:
    done = compose("config", "-q", env=login)
    assert done.returncode != 0
    assert "Set FLOWER_BASIC_AUTH=user:password" in done.stderr


def test_the_profiles_add_the_endpoint_and_the_command_line(services: dict[str, Json]) -> None:
    profiles = {name: words(service, "profiles") for name, service in services.items()}
    assert profiles == {"redis": [], "worker": [], "flower": [], "local-bedrock": ["local"], "cli": ["tools"], "api": ["api"]}


def test_the_ledger_writes_everything_down_and_evicts_nothing(services: dict[str, Json]) -> None:
    redis = services["redis"]
    chosen = {name: option(redis, name) for name in ("--appendonly", "--appendfsync", "--maxmemory-policy", "--save")}
    assert chosen == {"--appendonly": "yes", "--appendfsync": "always", "--maxmemory-policy": "noeviction", "--save": ""}
    assert [mount["target"] for mount in cast("list[Json]", redis["volumes"])] == ["/data"]


def test_images_from_outside_are_pinned_to_a_minor_version(services: dict[str, Json]) -> None:
    foreign = {name: str(service["image"]) for name, service in services.items() if "build" not in service}
    assert foreign == {"redis": "valkey/valkey:8.1-alpine"}


def test_a_worker_may_finish_its_longest_call(services: dict[str, Json]) -> None:
    assert seconds(services["worker"]["stop_grace_period"]) > LONGEST_CALL_S


def test_nothing_is_published_beyond_this_machine(services: dict[str, Json]) -> None:
    ports = {name: cast("list[Json]", service.get("ports") or []) for name, service in services.items()}
    assert {name for name, published in ports.items() if published} == {"flower", "api"}
    assert {port["host_ip"] for name in ("flower", "api") for port in ports[name]} == {"127.0.0.1"}


def test_the_ledger_is_on_a_network_without_a_way_out(services: dict[str, Json]) -> None:
    done = compose("config", "--format", "json", env=LOGIN)
    networks = cast("dict[str, dict[str, Json]]", json.loads(done.stdout))["networks"]
    assert networks["ledger"]["internal"] is True
    assert list(cast("Json", services["redis"]["networks"])) == ["ledger"]


def test_every_long_running_service_has_a_health_check_and_restarts(services: dict[str, Json]) -> None:
    assert {name for name, service in services.items() if "healthcheck" in service} == LONG_RUNNING
    assert {name for name, service in services.items() if service.get("restart") == "unless-stopped"} == LONG_RUNNING


def test_no_service_runs_as_root_or_may_become_it(services: dict[str, Json]) -> None:
    facts = {
        name: (str(service["user"]).split(":")[0], service["read_only"], service["cap_drop"], service["security_opt"])
        for name, service in services.items()
    }
    locked = (True, ["ALL"], ["no-new-privileges:true"])
    assert facts == {name: ("999" if name == "redis" else "10001", *locked) for name in services}


def test_flower_is_read_only_bounded_and_uses_the_workers_application(services: dict[str, Json]) -> None:
    command = words(services["flower"], "command")
    assert command[:4] == ["celery", "-A", "darkroom_worker.app", "flower"]
    assert {"--read-only", "--max-tasks=10000"} <= set(command)


def test_the_worker_reaches_the_services_by_name(services: dict[str, Json]) -> None:
    environment = cast("Json", services["worker"]["environment"])
    assert environment["DARKROOM_REDIS_URL"] == "redis://redis:6379/0"
    assert environment["DARKROOM_ASSETS_URL"] == "file:///var/lib/darkroom"
    assert [mount["target"] for mount in cast("list[Json]", services["worker"]["volumes"])] == ["/var/lib/darkroom"]


def test_credentials_and_endpoint_come_from_the_environment_or_are_left_out() -> None:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME")
    given = {name: f"given-{name}" for name in names}
    for env, expected in (({}, dict.fromkeys(names)), (given, given)):
        done = compose("config", "--format", "json", env=LOGIN | env)
        environment = json.loads(done.stdout)["services"]["worker"]["environment"]
        assert {name: environment[name] for name in names} == expected


def test_the_address_in_the_comments_is_the_local_endpoints(services: dict[str, Json]) -> None:
    port = option(services["local-bedrock"], "--port")
    text = (ROOT / "docker-compose.yml").read_text()
    assert f"AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://local-bedrock:{port}" in text
    assert f"http://127.0.0.1:{port}/_darkroom/health" in " ".join(
        words(cast("Json", services["local-bedrock"]["healthcheck"]), "test")
    )


@pytest.mark.parametrize("path", ["worker/Dockerfile", "producer/Dockerfile"])
def test_hadolint_has_nothing_to_say(path: str) -> None:
    done = subprocess.run([tool("hadolint"), "--no-color", str(ROOT / path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", ["worker/Dockerfile", "producer/Dockerfile"])
def test_images_end_as_an_ordinary_user_and_say_how_they_are_checked(path: str) -> None:
    instructions = [line.split(maxsplit=1) for line in (ROOT / path).read_text().splitlines() if line and line[0].isupper()]
    users = [rest for name, rest in instructions if name == "USER"]
    bases = [rest for name, rest in instructions if name == "FROM"]
    assert users == ["10001:10001"]
    assert bases == ["${BASE} AS build", "${BASE} AS runtime"]
    assert [name for name, _ in instructions].count("HEALTHCHECK") == 1


def test_the_build_context_lets_no_secret_and_no_test_in() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert allowed == {"pyproject.toml", "README.md", "shared", "producer", "worker"}
