"""The supervisor with small real programs as children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from darkroom.embedded.child import Child, Look
from darkroom.embedded.supervisor import Supervisor
from darkroom_shared.core.errors import Misconfigured
from tests.integration.embedded.processes import lines, wait_until, watched

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is a Linux call")

POLITE = """
import pathlib, signal, sys, time
def leave(*_):
    with open(sys.argv[2], "a") as diary:
        diary.write(sys.argv[1] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("ready", *sys.argv[1:], flush=True)
while True:
    signal.pause()
"""

STUBBORN = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
helper = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
print("ready", helper.pid, flush=True)
while True:
    signal.pause()
"""


def says_ready(look: Look) -> bool:
    return "ready" in look.printed


def child(tmp_path: Path, name: str, program: str, *arguments: str, ready_within_s: float = 30.0, grace_s: float = 10.0) -> Child:
    argv = (sys.executable, "-c", program, *arguments)
    return Child(name, argv, tmp_path / f"{name}.log", ready=says_ready, ready_within_s=ready_within_s, grace_s=grace_s)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(said: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor(said.append)
    yield supervisor
    supervisor.hurry()
    supervisor.stop(["one", "two", "three"])


def test_children_stop_in_the_order_given_and_not_in_the_order_started(supervisor: Supervisor, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    for name in ("one", "two", "three"):
        supervisor.launch(child(tmp_path, name, POLITE, name, str(diary)))
        supervisor.await_ready(name)
    supervisor.stop(["two", "three", "one"])
    assert lines(diary) == ["two", "three", "one"]


def test_a_child_that_ends_before_it_is_ready_fails_the_start_with_its_last_words(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.launch(child(tmp_path, "one", "import sys; sys.exit('no such model')"))
    with pytest.raises(Misconfigured, match=r"(?s)The one ended with status 1 before it was ready.*no such model"):
        supervisor.await_ready("one")


def test_a_child_that_is_never_ready_fails_the_start_in_bounded_time(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.launch(child(tmp_path, "one", "import signal; print('hm', flush=True); signal.pause()", ready_within_s=0.5))
    with pytest.raises(Misconfigured, match=r"(?s)The one is not ready after 0.5 s.*hm"):
        supervisor.await_ready("one")


def test_a_check_that_fails_counts_as_not_ready_and_is_reported(supervisor: Supervisor, tmp_path: Path) -> None:
    def unreachable(_: Look) -> bool:
        raise ConnectionError("nobody answers")

    waiting = child(tmp_path, "one", "import signal; signal.pause()", ready_within_s=0.3)
    supervisor.launch(replace(waiting, ready=unreachable))
    with pytest.raises(Misconfigured, match=r"not ready after 0\.3 s\. The last check failed: ConnectionError: nobody answers"):
        supervisor.await_ready("one")


def test_what_an_earlier_run_left_in_the_log_does_not_make_a_child_ready(supervisor: Supervisor, tmp_path: Path) -> None:
    (tmp_path / "one.log").write_text("ready\n")
    supervisor.launch(child(tmp_path, "one", "import signal; signal.pause()", ready_within_s=0.3))
    with pytest.raises(Misconfigured, match="not ready"):
        supervisor.await_ready("one")


def test_a_child_that_dies_is_reported_with_its_last_words_and_restarted(
    supervisor: Supervisor, tmp_path: Path, said: list[str]
) -> None:
    pid = supervisor.launch(child(tmp_path, "one", POLITE, "one", str(tmp_path / "diary")))
    supervisor.await_ready("one")
    os.kill(pid, signal.SIGKILL)

    def mended() -> bool:
        supervisor.mend()
        return any("ready again" in line for line in said)

    wait_until(mended, "the child is restarted")
    assert said[0].startswith("The one was killed by SIGKILL; it restarts in 0.5 s.\nready one")
    assert supervisor.pid("one") not in (None, pid)


def test_a_child_that_dies_again_and_again_waits_longer_each_time(supervisor: Supervisor, tmp_path: Path, said: list[str]) -> None:
    flaky = child(tmp_path, "one", "print('ready')")
    supervisor.launch(flaky)

    def died_thrice() -> bool:
        supervisor.mend()
        return sum("it restarts in" in line for line in said) == 3

    wait_until(died_thrice, "three deaths")
    assert [line.split("restarts in ")[1].split(" s")[0] for line in said if "restarts in" in line] == ["0.5", "1", "2"]


def test_a_restart_can_use_another_specification(supervisor: Supervisor, tmp_path: Path) -> None:
    pid = supervisor.launch(child(tmp_path, "one", POLITE, "first", str(tmp_path / "diary")))
    supervisor.await_ready("one")
    supervisor.restart_as(child(tmp_path, "one", POLITE, "second", str(tmp_path / "diary")))
    os.kill(pid, signal.SIGKILL)

    def restarted() -> bool:
        supervisor.mend()
        return any(line.startswith("ready second") for line in lines(tmp_path / "one.log"))

    wait_until(restarted, "the new specification runs")


def test_a_stubborn_child_is_killed_after_its_grace_with_all_it_started(
    supervisor: Supervisor, tmp_path: Path, said: list[str]
) -> None:
    pid = supervisor.launch(child(tmp_path, "one", STUBBORN, grace_s=0.3))
    started_by_it = int(supervisor.await_ready("one").printed.split()[1])
    with watched(pid, started_by_it) as gone:
        supervisor.stop(["one"])
        assert gone(5)
    assert said == ["The one did not stop and was killed."]


def test_what_a_dead_child_started_is_killed_before_the_restart(supervisor: Supervisor, tmp_path: Path) -> None:
    pid = supervisor.launch(child(tmp_path, "one", STUBBORN))
    started_by_it = int(supervisor.await_ready("one").printed.split()[1])
    with watched(started_by_it) as gone:
        os.kill(pid, signal.SIGKILL)

        def noticed() -> bool:
            supervisor.mend()
            return supervisor.pid("one") is None

        wait_until(noticed, "the death is noticed")
        assert gone(5)


def test_a_long_stop_can_be_cut_short(supervisor: Supervisor, tmp_path: Path, said: list[str]) -> None:
    supervisor.launch(child(tmp_path, "one", STUBBORN, grace_s=60.0))
    supervisor.await_ready("one")
    threading.Timer(0.2, supervisor.hurry).start()
    began = time.monotonic()
    supervisor.stop(["one"])
    assert time.monotonic() - began < 10
    assert said[-1] == "The one did not stop and was killed."


def test_a_long_stop_says_what_it_waits_for(supervisor: Supervisor, tmp_path: Path, said: list[str]) -> None:
    supervisor.launch(child(tmp_path, "one", STUBBORN, grace_s=1.5))
    supervisor.await_ready("one")
    supervisor.stop(["one"])
    assert said[0].startswith("Waiting for the one: it is shutting down (at most ")


def test_children_are_out_of_reach_of_the_terminals_ctrl_c(supervisor: Supervisor, tmp_path: Path) -> None:
    pid = supervisor.launch(child(tmp_path, "one", POLITE, "one", str(tmp_path / "diary")))
    supervisor.await_ready("one")
    assert os.getpgid(pid) == pid != os.getpgid(0)


def test_a_log_that_has_grown_large_is_put_aside(supervisor: Supervisor, tmp_path: Path) -> None:
    (tmp_path / "one.log").write_bytes(b"x" * 10_000_001)
    supervisor.launch(child(tmp_path, "one", POLITE, "one", str(tmp_path / "diary")))
    supervisor.await_ready("one")
    assert (tmp_path / "one.log").stat().st_size < 1000
    assert (tmp_path / "one.log.1").stat().st_size == 10_000_001


PARENT = """
import sys
from pathlib import Path
from darkroom.embedded.child import Child
from darkroom.embedded.supervisor import Supervisor
supervisor = Supervisor(print)
for name in ("one", "two"):
    print(supervisor.launch(Child(name, (sys.executable, "-c", "import signal; signal.pause()"), Path(sys.argv[1], name))))
sys.stdout.flush()
sys.stdin.read()
"""


@linux_only
def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pids = [int(parent.stdout.readline()) for _ in range(2)]
    with watched(*pids) as gone:
        parent.kill()
        parent.communicate()
        assert gone(10)
