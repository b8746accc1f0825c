"""The stack with a real Valkey, a real Flower, and stand-ins for the endpoint and the worker."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from darkroom.embedded.programs import flower_login
from darkroom.embedded.stack import Stack, StackPlan
from darkroom.embedded.stack_file import StackInfo, read_stack
from darkroom_shared.core.errors import Misconfigured
from tests.integration.embedded import stand_ins
from tests.integration.embedded.processes import lines, wait_until, watched
from tests.support.valkey import probe

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is a Linux call")

FLOWER_APP = """
import os
from celery import Celery
path = os.environ["DARKROOM_REDIS_URL"].removeprefix("unix://").partition("?")[0]
app = Celery("flower_app", broker=f"redis+socket://{path}?virtual_host=0")
"""


def is_registered(redis_url: str, pid: int) -> bool:
    with probe(redis_url) as ledger:
        return ledger.exists(f"registered:{pid}") == 1


@pytest.fixture
def plan(tmp_path: Path) -> StackPlan:
    return StackPlan(
        home=tmp_path / "home",
        base_env={"PATH": "/usr/bin:/bin", "AWS_PROFILE": "prod", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        wait_for_worker=is_registered,
        endpoint=(sys.executable, "-c", stand_ins.ENDPOINT),
        worker=(sys.executable, "-c", stand_ins.WORKER),
    )


def diary(plan: StackPlan) -> list[str]:
    """What the workers wrote at their end, read by starting the stack once more on the same data."""
    with Stack(plan, print) as info, probe(info.redis_url) as ledger:
        return ledger.lrange("diary", 0, -1)


def get(url: str, login: tuple[str, str] | None = None) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    if login is not None:
        passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
        passwords.add_password(None, url, *login, is_authenticated=True)
        opener.add_handler(urllib.request.HTTPBasicAuthHandler(passwords))
    try:
        with opener.open(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def test_a_started_stack_can_be_found_and_a_stopped_one_cannot(plan: StackPlan) -> None:
    with Stack(plan, print) as info:
        assert read_stack(plan.home) == info
        assert info.pid == os.getpid()
        assert info.assets_url == (plan.home / "store").as_uri()
        assert get(info.bedrock_url) == 200
    assert read_stack(plan.home) is None
    assert not (plan.home / "stack.json").exists()


def test_the_stacks_file_and_folders_are_for_the_owner_only(plan: StackPlan) -> None:
    with Stack(plan, print):
        names = (".", "stack.json", "logs", "store", "valkey", "logs/worker.log", "logs/local-bedrock.log")
        modes = {name: stat.S_IMODE((plan.home / name).stat().st_mode) for name in names}
    assert modes == {name: 0o600 if "." in name[1:] else 0o700 for name in names}


def test_the_worker_stops_first_while_endpoint_and_ledger_still_answer(plan: StackPlan) -> None:
    with Stack(plan, print):
        pass
    assert diary(plan) == ["stopped while the endpoint was here"]


def test_the_worker_is_kept_away_from_aws(plan: StackPlan) -> None:
    with Stack(plan, print) as info, probe(info.redis_url) as ledger:
        env = json.loads(ledger.get("environment") or "")
    aws = {name: value for name, value in env.items() if name.startswith("AWS_")}
    assert aws == {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": info.bedrock_url,
    }
    assert env["DARKROOM_REDIS_URL"] == info.redis_url


def test_a_second_stack_on_the_same_home_is_refused_with_who_and_since_when(plan: StackPlan) -> None:
    with Stack(plan, print) as info:
        since = info.started_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        with pytest.raises(Misconfigured, match=f"already runs in {plan.home}: process {info.pid}, since {since}"):
            Stack(plan, print).start()
        assert read_stack(plan.home) == info


def test_two_homes_run_side_by_side(plan: StackPlan, tmp_path: Path) -> None:
    with Stack(plan, print) as one, Stack(replace(plan, home=tmp_path / "other"), print) as two:
        assert len({one.redis_url, two.redis_url, one.bedrock_url, two.bedrock_url}) == 4


def test_a_part_that_does_not_start_stops_the_rest_and_frees_the_home(plan: StackPlan) -> None:
    broken = replace(plan, worker=(sys.executable, "-c", "import sys; sys.exit('no credentials')"))
    with pytest.raises(Misconfigured, match=r"(?s)The worker ended with status 1.*no credentials"):
        Stack(broken, print).start()
    with Stack(plan, print) as info:
        assert get(info.bedrock_url) == 200


@contextmanager
def running(stack: Stack) -> Generator[StackInfo]:
    """A started stack with its `run` in another thread."""
    info = stack.start()
    watcher = threading.Thread(target=stack.run)
    watcher.start()
    try:
        yield info
    finally:
        stack.ask_to_stop()
        watcher.join()
        stack.stop()


def child_pids(marker: str) -> list[int]:
    """Our own children whose command line holds a text."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command, parent = (entry / "cmdline").read_text(), (entry / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if marker in command and int(parent) == os.getpid():
                found.append(int(entry.name))
    return found


@linux_only
def test_an_endpoint_that_dies_comes_back_on_the_same_address(plan: StackPlan) -> None:
    said: list[str] = []
    with running(Stack(plan, said.append)) as info:
        (pid,) = child_pids("BaseHTTPRequestHandler")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: "The local Bedrock endpoint is ready again." in said, "the endpoint is back")
        assert get(info.bedrock_url) == 200
    assert said[0].startswith("The local Bedrock endpoint was killed by SIGKILL; it restarts in 0.5 s.")


@linux_only
def test_a_valkey_that_dies_comes_back_on_the_same_socket_with_its_data(plan: StackPlan) -> None:
    said: list[str] = []
    others = set(child_pids("valkey-server"))  # of other tests in this run
    with running(Stack(plan, said.append)) as info, probe(info.redis_url) as ledger:
        ledger.set("job", "1")
        (pid,) = set(child_pids("valkey-server")) - others
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: "Valkey is ready again; its data are kept." in said, "Valkey is back")
        assert ledger.get("job") == "1"


def test_flower_asks_for_the_kept_password_and_controls_nothing(plan: StackPlan, tmp_path: Path) -> None:
    (tmp_path / "flower_app.py").write_text(FLOWER_APP)
    with_flower = replace(
        plan,
        with_flower=True,
        flower=(sys.executable, "-m", "celery", "-A", "flower_app", "flower"),
        extra_env={"PYTHONPATH": str(tmp_path)},
    )
    with Stack(with_flower, print) as info:
        login = flower_login(with_flower.home)
        assert info.flower_url is not None
        assert get(info.flower_url) == 401
        assert get(info.flower_url, login) == 200
        assert stat.S_IMODE((with_flower.home / "flower.login").stat().st_mode) == 0o600
        assert not any(login[1] in Path(f"/proc/{pid}/cmdline").read_text() for pid in child_pids("flower"))
    assert flower_login(with_flower.home) == login


UP = """
import os, sys
from pathlib import Path
import redis
from darkroom.embedded.stack import Stack, StackPlan
def is_registered(redis_url, pid):
    with redis.Redis.from_url(redis_url) as ledger:
        return bool(ledger.exists(f"registered:{pid}"))
stack = Stack(StackPlan(Path(sys.argv[1]), os.environ, is_registered, endpoint=(sys.executable, "-c", sys.argv[2]),
                        worker=(sys.executable, "-c", sys.argv[3])), print)
stack.up(lambda info: print("up", flush=True))
"""


@contextmanager
def up(home: Path, worker: str = stand_ins.WORKER) -> Generator[subprocess.Popen[str]]:
    """The stack in a process of its own, as `darkroom up` runs it."""
    command = [sys.executable, "-c", UP, str(home), stand_ins.ENDPOINT, worker]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "up\n"
            yield process
        finally:
            process.kill()


def descendants(pid: int) -> list[int]:
    return [int(word) for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()]


@linux_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_whole_stack_in_order(plan: StackPlan, number: signal.Signals) -> None:
    with up(plan.home) as process, watched(*descendants(process.pid)) as gone:
        process.send_signal(number)
        assert process.wait(20) == 0
        assert gone(1)
    assert diary(plan) == ["stopped while the endpoint was here"]


@linux_only
def test_a_second_signal_does_not_wait_for_a_busy_worker(plan: StackPlan) -> None:
    busy = stand_ins.WORKER.replace("sys.exit(0)", "print('still busy', flush=True)")
    with up(plan.home, busy) as process, watched(*descendants(process.pid)) as gone:
        process.send_signal(signal.SIGINT)
        wait_until(lambda: "still busy" in lines(plan.home / "logs" / "worker.log"), "the worker was asked to stop")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert gone(1)


@linux_only
def test_ctrl_c_during_the_start_stops_what_has_started(plan: StackPlan) -> None:
    silent = "import signal; signal.pause()"
    command = [sys.executable, "-c", UP, str(plan.home), stand_ins.ENDPOINT, silent]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: len(descendants(process.pid)) == 3, "the worker is started")
        with watched(*descendants(process.pid)) as gone:
            process.send_signal(signal.SIGINT)
            assert "KeyboardInterrupt" in process.communicate(timeout=20)[1]
            assert gone(1)


@linux_only
def test_a_stack_whose_supervisor_is_killed_leaves_nothing_running_and_can_start_again(plan: StackPlan) -> None:
    with up(plan.home) as process:
        children = descendants(process.pid)
        assert len(children) == 3
        with watched(*children) as gone:
            process.kill()
            assert gone(10)
        process.wait()
        assert (plan.home / "stack.json").exists()
        assert read_stack(plan.home) is None
    with Stack(plan, print) as info:
        assert read_stack(plan.home) == info


def test_a_file_that_is_not_a_stacks_counts_as_no_stack(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text('{"pid": "many"}')
    assert read_stack(tmp_path) is None
