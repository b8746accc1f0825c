"""The stack's small decisions: environment, announced address, ports, passwords, stale files."""

from __future__ import annotations

import json
import os
import socket
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from darkroom.embedded.child import Look
from darkroom.embedded.environment import child_environment
from darkroom.embedded.programs import announced_url, flower_login, free_flower_port
from darkroom.embedded.stack_file import StackInfo, lock_home, read_stack, write_private, write_stack
from darkroom.embedded.supervisor import restart_delay_s
from darkroom_shared.core.errors import Misconfigured

HOME = Path("/somewhere")
URL = "unix:///somewhere/valkey.sock?db=0"


def info(pid: int) -> StackInfo:
    return StackInfo(URL, "file:///somewhere/store", "http://127.0.0.1:1", None, None, pid, datetime(2026, 1, 2, tzinfo=UTC))


def test_back_off_doubles_up_to_half_a_minute() -> None:
    assert [restart_delay_s(failures) for failures in (1, 2, 3, 6, 7, 1000)] == [0.5, 1, 2, 16, 30, 30]


def test_settings_of_other_systems_do_not_reach_the_children() -> None:
    base = {"AWS_PROFILE": "prod", "CELERY_BROKER_URL": "redis://other", "FLOWER_UNAUTHENTICATED_API": "1", "LANG": "C"}
    env = child_environment(base, home=HOME, redis_url=URL)
    assert {"AWS_PROFILE", "CELERY_BROKER_URL", "FLOWER_UNAUTHENTICATED_API"}.isdisjoint(env)
    assert env["LANG"] == "C"


def test_the_stack_decides_where_children_find_ledger_and_assets() -> None:
    env = child_environment({"DARKROOM_REDIS_URL": "redis://other", "DARKROOM_SLOTS": "7"}, home=HOME, redis_url=URL)
    chosen = {name: value for name, value in env.items() if name.startswith("DARKROOM_")}
    assert chosen == {
        "DARKROOM_HOME": "/somewhere",
        "DARKROOM_REDIS_URL": URL,
        "DARKROOM_ASSETS_URL": "file:///somewhere/store",
        "DARKROOM_SLOTS": "7",
    }


def test_children_reach_loopback_without_the_callers_proxy() -> None:
    env = child_environment({"HTTP_PROXY": "http://proxy:1", "NO_PROXY": "intranet"}, home=HOME, redis_url=URL)
    assert (env["NO_PROXY"], env["no_proxy"]) == ("127.0.0.1,localhost,intranet", "127.0.0.1,localhost")


def test_extra_variables_win() -> None:
    assert child_environment({}, home=HOME, redis_url=URL, extra={"AWS_REGION": "eu-west-1"})["AWS_REGION"] == "eu-west-1"


@pytest.mark.parametrize(
    ("printed", "url"),
    [
        ("", None),
        ('{"ready": true, "ur', None),
        ('loading\n{"level": "info"}\n{"ready": true, "url": "http://127.0.0.1:7"}\n', "http://127.0.0.1:7"),
        ('{"ready": false, "url": "http://127.0.0.1:7"}', None),
    ],
)
def test_the_endpoints_address_is_read_from_its_ready_line(printed: str, url: str | None) -> None:
    assert announced_url(Look(1, printed)) == url


def test_flower_gets_another_port_when_its_own_is_taken() -> None:
    first = free_flower_port()
    with socket.create_server(("127.0.0.1", first)):
        assert free_flower_port() != first


def test_two_that_start_together_do_not_choose_the_same_port() -> None:
    first, second = free_flower_port(), free_flower_port()  # nobody listens yet
    assert first != second


def test_flowers_password_is_made_once_for_the_owners_eyes(tmp_path: Path) -> None:
    login = flower_login(tmp_path)
    assert flower_login(tmp_path) == login
    assert len(login[1]) >= 20
    assert stat.S_IMODE((tmp_path / "flower.login").stat().st_mode) == 0o600


def test_a_private_file_is_replaced_whole_and_leaves_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("a longer text that was there before")
    path.chmod(0o644)
    write_private(path, "new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode), os.listdir(tmp_path)) == ("new", 0o600, ["secret"])


def test_the_stack_file_names_exactly_what_other_commands_need(tmp_path: Path) -> None:
    write_stack(tmp_path, info(1))
    assert json.loads((tmp_path / "stack.json").read_text()) == {
        "redis_url": URL,
        "assets_url": "file:///somewhere/store",
        "bedrock_url": "http://127.0.0.1:1",
        "flower_url": None,
        "api_url": None,
        "pid": 1,
        "started_at": "2026-01-02T00:00:00+00:00",
    }


def test_a_stack_is_believed_only_while_its_lock_is_held(tmp_path: Path) -> None:
    """The number in a file left behind may belong to another program by now: here, to this test."""
    lock = lock_home(tmp_path)
    write_stack(tmp_path, info(os.getpid()))
    assert read_stack(tmp_path) == info(os.getpid())
    os.close(lock)
    assert read_stack(tmp_path) is None


def test_a_home_in_use_by_a_stack_that_is_not_up_yet_is_refused_too(tmp_path: Path) -> None:
    lock = lock_home(tmp_path)
    with pytest.raises(Misconfigured, match="is starting or stopping"):
        lock_home(tmp_path)
    os.close(lock)
