"""Failpoints: what the setting may say, and what becomes of a real process that reaches one."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom_shared.core.errors import Misconfigured
from darkroom_shared.failpoints import EVERY, Action, Failpoint, Point, parse

PASSES = 5
ONE_AFTER_THE_OTHER = f"""
import sys
from darkroom_shared import failpoints
failpoints.arm(sys.argv[1])
for n in range({PASSES}):
    try:
        failpoints.reach(failpoints.Point(sys.argv[2]))
        print("passed", flush=True)
    except BaseException as error:
        print(type(error).__name__, error, flush=True)
"""
IN_A_THREAD = """
import sys, threading, time
from darkroom_shared import failpoints
failpoints.arm(sys.argv[1])
def work():
    time.sleep(0.05)  # until the main thread waits below, as a worker's does
    failpoints.reach(failpoints.Point.CLAIM_TAKEN)
    print("went on", flush=True)
thread = threading.Thread(target=work)
thread.start()
threading.Event().wait(60)
"""


@contextmanager
def child(program: str, *arguments: str) -> Generator[subprocess.Popen[str]]:
    """A process that runs this program, killed at the end if it still lives."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def run(setting: str, point: Point = Point.CLAIM_TAKEN) -> tuple[int, list[str]]:
    """Exit status and words of a process that comes to a point PASSES times."""
    with child(ONE_AFTER_THE_OTHER, setting, point) as process:
        out, _ = process.communicate(timeout=60)
        return process.returncode, out.splitlines()


def until_stopped(process: subprocess.Popen[str]) -> None:
    """Waits until the kernel says that the process is stopped."""
    deadline = time.monotonic() + 30
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("text", "point", "expected"),
    [
        ("receipt.stored=kill", Point.RECEIPT_STORED, Failpoint(Action.KILL)),
        ("gate.opened=stop@3", Point.GATE_OPENED, Failpoint(Action.STOP, 3)),
        ("claim.taken=memory@every", Point.CLAIM_TAKEN, Failpoint(Action.MEMORY, EVERY)),
        ("commit.done=error~0.02", Point.COMMIT_DONE, Failpoint(Action.ERROR, 1, 0.02)),
        ("commit.done=kill~1", Point.COMMIT_DONE, Failpoint(Action.KILL, 1, 1.0)),
        ("  publish.done=kill~.5 ,", Point.PUBLISH_DONE, Failpoint(Action.KILL, 1, 0.5)),
    ],
)
def test_a_failpoint_names_a_place_an_action_and_which_pass(text: str, point: Point, expected: Failpoint) -> None:
    assert parse(text) == {point: expected}


def test_several_failpoints_are_separated_by_commas_and_none_is_none() -> None:
    assert set(parse("task.received=stop, accept.done=kill@2")) == {Point.TASK_RECEIVED, Point.ACCEPT_DONE}
    assert parse("") == parse(" , ") == {}


@pytest.mark.parametrize(
    "text",
    [
        "claim.taken",
        "claim.taken=",
        "claim.taken=explode",
        "nowhere=kill",
        "Claim.Taken=kill",
        "claim.taken=kill@0",
        "claim.taken=kill@-1",
        "claim.taken=kill@often",
        "claim.taken=kill~2",
        "claim.taken=kill~1.5",
        "claim.taken=kill~",
        "claim.taken=kill@2~0.5",
        "claim.taken=kill gate.opened=kill",
        "claim.taken=kill,gate.opened",
    ],
)
def test_what_cannot_be_read_is_refused_with_all_that_is_possible(text: str) -> None:
    with pytest.raises(
        Misconfigured, match=r"DARKROOM_FAILPOINTS: .* Points: accept\.sending, .* Actions: kill, stop, memory, error"
    ):
        parse(text)


@given(point=st.sampled_from(Point), action=st.sampled_from(Action), nth=st.integers(1, 999_999))
def test_every_point_can_be_given_every_action(point: Point, action: Action, nth: int) -> None:
    assert parse(f"{point}={action}@{nth}") == {point: Failpoint(action, nth)}


@given(nth=st.integers(1, 20), passes=st.integers(0, 40))
def test_the_nth_pass_is_due_and_no_other(nth: int, passes: int) -> None:
    failpoint = Failpoint(Action.ERROR, nth)
    assert [failpoint.is_due(0.0) for _ in range(passes)] == [n == nth for n in range(1, passes + 1)]


def test_every_pass_is_due_if_it_says_so() -> None:
    failpoint = Failpoint(Action.ERROR, EVERY)
    assert all(failpoint.is_due(0.999) for _ in range(9))


@given(chance=st.floats(0, 1), draw=st.floats(0, 1, exclude_max=True))
def test_a_chance_is_drawn_anew_at_each_pass(chance: float, draw: float) -> None:
    failpoint = Failpoint(Action.ERROR, 1, chance)
    assert [failpoint.is_due(draw) for _ in range(3)] == [draw < chance] * 3


@pytest.mark.parametrize(("setting", "passed"), [("claim.taken=kill", 0), ("claim.taken=kill@4", 3), ("claim.taken=kill~1", 0)])
def test_a_process_is_killed_at_the_pass_it_was_told(setting: str, passed: int) -> None:
    assert run(setting) == (-signal.SIGKILL, ["passed"] * passed)


@pytest.mark.parametrize(
    ("action", "says"), [("memory", "MemoryError failpoint claim.taken"), ("error", "RuntimeError failpoint claim.taken")]
)
def test_an_error_is_raised_at_the_pass_it_was_told_and_the_process_lives_on(action: str, says: str) -> None:
    assert run(f"claim.taken={action}@2") == (0, ["passed", says, "passed", "passed", "passed"])
    assert run(f"claim.taken={action}@every") == (0, [says] * PASSES)


@pytest.mark.parametrize("setting", ["", "gate.opened=kill", "claim.taken=kill@6", "claim.taken=kill~0.0"])
def test_a_process_passes_points_that_it_was_not_told_of(setting: str) -> None:
    assert run(setting) == (0, ["passed"] * PASSES)


def test_a_process_is_frozen_and_goes_on_where_it_was() -> None:
    with child(ONE_AFTER_THE_OTHER, "claim.taken=stop@3", Point.CLAIM_TAKEN) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["passed\n"] * 2
        until_stopped(process)
        os.kill(process.pid, signal.SIGCONT)
        out, _ = process.communicate(timeout=60)
        assert (process.returncode, out.splitlines()) == (0, ["passed"] * 3)


def test_a_process_is_killed_by_the_thread_that_comes_to_the_point_before_it_goes_on() -> None:
    for _ in range(5):
        with child(IN_A_THREAD, "claim.taken=kill") as process:
            out, _ = process.communicate(timeout=60)
            assert (process.returncode, out) == (-signal.SIGKILL, "")


def test_a_process_is_frozen_by_the_thread_that_comes_to_the_point_before_it_goes_on() -> None:
    for _ in range(20):
        with child(IN_A_THREAD, "claim.taken=stop") as process:
            until_stopped(process)
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], 0.05)[0] == [], "it said something after the point"
