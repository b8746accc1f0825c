"""`darkroom up` with everything that belongs to it is killed in the middle of its work, and started again on the same folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from darkroom.embedded.stack_file import read_stack
from tests.acceptance.running import DARKROOM, clean_environment
from tests.faults.ground import prove, submit_all
from tests.integration.embedded.processes import watched
from tests.integration.local_bedrock.endpoints import Running
from tests.support.stack import QUICK, Stack

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]
READY_S = 60


@dataclass(frozen=True)
class Kept(Running):
    """An endpoint whose log outlives it: the file, not the process, is asked."""

    path: Path = Path()

    def log(self, after: int = 0) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()][after:]


@contextmanager
def up(home: Path) -> Generator[tuple[subprocess.Popen[bytes], Stack]]:
    """`darkroom up` as a process, ready; it is asked to stop at the end, unless it is gone by then."""
    process = subprocess.Popen(
        [str(DARKROOM), "up", "--json", "--no-flower", "--endpoint-arg=--engine=canned", "--endpoint-arg=--latency=1"],
        env=clean_environment(**{**QUICK, "DARKROOM_HOME": str(home), "DARKROOM_SLOTS": "4", "DARKROOM_READ_TIMEOUT": "PT5S"}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + READY_S
        while (info := read_stack(home)) is None or info.pid != process.pid:
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            assert time.monotonic() < deadline, "the stack is not ready"
            time.sleep(0.05)
        # The stack's own Popen is not ours to end: the endpoint's process stands for it.
        stack = Stack(info.redis_url, Kept(info.bedrock_url, process, home / "logs" / "bedrock-requests.jsonl"), home, "dr:")  # type: ignore[arg-type]
        try:
            yield process, stack
        finally:
            stack.close()
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(60)
        if process.stderr is not None:
            process.stderr.close()


def descendants(pid: int) -> list[int]:
    """All processes below one."""
    children = [int(word) for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()]
    return children + [below for child in children for below in descendants(child)]


@pytest.mark.long
@pytest.mark.parametrize("whole", [True, False], ids=["the whole group", "the supervisor alone"])
def test_a_stack_that_is_killed_at_work_goes_on_where_it_was_when_it_is_started_again(
    whole: bool, seed: Seeds, measured: Measured
) -> None:
    with tempfile.TemporaryDirectory(prefix="dr-killed-") as folder:
        home = Path(folder) / "home"
        with up(home) as (first, stack):
            jobs = submit_all(stack, [seed() for _ in range(12)])
            stack.until(lambda: stack.endpoint.stats()["in_flight"] == 4, "calls under way")
            stack.until(lambda: any(stack.view(job).is_terminal for job in jobs), "the first job to end")
            stack.until(lambda: stack.endpoint.stats()["in_flight"] > 0, "more calls under way")
            below = descendants(first.pid)
            with watched(*below) as gone:
                os.kill(first.pid, signal.SIGKILL)
                for pid in below if whole else ():
                    os.kill(pid, signal.SIGKILL)
                killed = time.monotonic()
                assert gone(15), "the children end by themselves"
                ended_s = time.monotonic() - killed
        assert read_stack(home) is None
        with up(home) as (_, stack):
            ready_s = time.monotonic() - killed
            findings = prove(stack, jobs, extra=range(5), killed=True)
            over_s = time.monotonic() - killed
        assert findings.calls <= findings.jobs + findings.unknown
        assert findings.unknown <= 4, "no more than were under way"
        assert Counter(findings.states) == {"succeeded": 12}
    measured(
        "embedded",
        f"SIGKILL of {'everything' if whole else 'the supervisor'}: children gone after {ended_s:.1f} s, ready again "
        f"after {ready_s:.1f} s, all over after {over_s:.1f} s: {findings}",
    )
