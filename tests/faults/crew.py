"""One worker to be killed or frozen at a known moment, and signals to wait for in place of sleeps. `fleet` keeps several alive.

with crewed(stack, DARKROOM_FAILPOINTS="claim.taken=stop") as worker:
    job = stack.submit(body)
    worker.until_frozen()
    ...
    worker.thaw()
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import orjson

from darkroom_shared.store import presence, reads
from darkroom_shared.store.reads import StreamEvent
from tests.support.stack import Stack

__all__ = [
    "LEASE_S",
    "PATIENCE_S",
    "PATIENT",
    "RECOVERY_S",
    "Hand",
    "at_once",
    "calls_under",
    "crewed",
    "epoch",
    "every_event",
    "until_told",
]

T = TypeVar("T")
LEASE_S = 3.0
RECOVERY_S = LEASE_S + 1.2
"""Lease, and the reconcile interval with its jitter, of a QUICK worker: after this time what a dead worker held is runnable."""
PATIENCE_S = 90.0
PATIENT = {
    "DARKROOM_CONNECT_TIMEOUT": "PT5S",
    "DARKROOM_READ_TIMEOUT": "PT30S",
    "DARKROOM_LEASE": "PT20S",
    "DARKROOM_HEARTBEAT": "PT2S",
}
"""Settings for tests in which no worker is harmed: on a busy machine nothing may time out by itself."""


@dataclass
class Hand:
    """One worker process; its children are in its group."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Of the worker, and the number of its group."""
        return self.process.pid

    def said(self) -> str:
        """Everything it logged so far."""
        return self.log.read_text()

    def outcomes(self) -> list[str]:
        """The last word on every call it worked on, in the order they ended."""
        lines = [line for line in self.said().splitlines() if '"call_ended"' in line]
        return [str(orjson.loads(line)["outcome"]) for line in lines]

    def kill(self) -> None:
        """Ends the whole group as a machine that loses its power does."""
        if self.process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(10)

    def until_killed(self, within_s: float = PATIENCE_S) -> None:
        """Waits until it died of SIGKILL; any other end fails the test."""
        assert self.process.wait(within_s) == -signal.SIGKILL, self.said()

    def until_frozen(self, within_s: float = PATIENCE_S) -> None:
        """Waits until the kernel says that it is stopped."""
        deadline = time.monotonic() + within_s
        while self._state() != "T":
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, f"not frozen after {within_s} s\n{self.said()}"
            time.sleep(0.01)

    def thaw(self) -> None:
        """Lets a frozen process go on."""
        os.kill(self.pid, signal.SIGCONT)

    def freeze(self) -> None:
        """Stops the process where it is."""
        os.kill(self.pid, signal.SIGSTOP)
        self.until_frozen()

    def step_children(self) -> list[int]:
        """Process ids of its children for local steps."""
        threads = Path(f"/proc/{self.pid}/task").iterdir()
        pids = {int(pid) for task in threads for pid in (task / "children").read_text().split()}
        return sorted(pid for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes())

    def _state(self) -> str:
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]


@contextmanager
def crewed(stack: Stack, *options: str, **environment: str) -> Generator[Hand]:
    """Runs a worker with QUICK settings until the end of the block, and waits until the ledger knows it.

    It is asked to stop at the end (a frozen one is thawed first), and killed if it does not. One that has died by then is fine.
    """
    worker = stack.start_worker(*options, **environment)
    process = worker.process
    hand = Hand(process, worker.log)
    try:
        # By its pid: those who died stand in the fleet's list for some heartbeats more. One that dies at once is seen by its exit.
        stack.until(lambda: process.poll() is not None or str(process.pid) in _pids(stack), "the worker to register", PATIENCE_S)
        yield hand
    finally:
        _end(hand)


def _pids(stack: Stack) -> set[str]:
    return {row["pid"] for row in stack.ledger.run(presence.fleet())}


def _end(hand: Hand) -> None:
    if hand.process.poll() is None:
        hand.process.send_signal(signal.SIGTERM)
        hand.thaw()
    try:
        hand.process.wait(30)
    finally:
        hand.kill()


def at_once(work: Iterable[Callable[[], T]], width: int) -> list[T]:
    """Runs independent pieces of a test side by side, so many at a time; results in order. A failure is raised at the end."""
    with ThreadPoolExecutor(width) as pool:
        return [future.result() for future in [pool.submit(piece) for piece in work]]


def calls_under(stack: Stack, *seeds: int, ended: int) -> list[dict[str, Any]]:
    """The endpoint's log of these seeds, once it has so many entries (a request that nobody waits for may still be at work)."""
    stack.until(lambda: len(stack.calls_of(*seeds)) >= ended, f"{ended} requests in the endpoint's log")
    return sorted(stack.calls_of(*seeds), key=lambda entry: int(entry["arrival"]))


def until_told(stack: Stack, job_ids: Collection[str]) -> None:
    """Waits until the stories of jobs that have ended are written; when the workers have stopped too, nothing moves any more."""
    wanted = set(job_ids)
    stack.until(lambda: not wanted & set(stack.ledger.run(reads.untold(100_000))), "the stories")


def every_event(stack: Stack, job_id: str) -> list[StreamEvent]:
    """All events of a job so far, oldest first."""
    return stack.ledger.run(reads.events(job_id))


def epoch(entry: dict[str, Any], field: str = "received_at") -> float:
    """An instant of an entry of the endpoint's log as seconds since the epoch."""
    return datetime.fromisoformat(entry[field]).timestamp()
