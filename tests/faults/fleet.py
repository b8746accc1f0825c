"""Several workers of a stack under a supervisor, as in production: one that exits is started again.

    with Fleet(stack, 3, DARKROOM_REDIS_URL=proxy.redis_url()) as fleet:
        fleet.kill(0)
        fleet.freeze(1)

Workers are spoken of by number. Each has a process group of its own, and what is done to a worker is done to its whole group.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from darkroom_shared.store import presence
from tests.support.stack import Stack, WorkerProcess

__all__ = ["Fleet", "group_members"]

STOP_S = 30.0
START_S = 90.0
"""A worker starts in 2 s; on a machine that is busy with other tests it has taken 30."""
RESTART_PAUSE_S = 0.2
"""What a supervisor waits before it starts a worker again, so that one that cannot start does not eat the machine."""


def group_members(group: int) -> list[int]:
    """Process ids of a process group, zombies left out."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, pgrp = path.read_text().rpartition(")")[2].split()[:3]
            if int(pgrp) == group and state != "Z":
                found.append(int(path.parent.name))
    return sorted(found)


class _Member:
    """One place in the fleet and the thread that keeps it filled."""

    def __init__(self, fleet: Fleet, number: int) -> None:
        self.fleet = fleet
        self.number = number
        self.runs: list[WorkerProcess] = []
        self.exits: list[int] = []
        self.wanted = True
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._supervise, name=f"supervisor-{number}", daemon=True)

    @property
    def now(self) -> WorkerProcess:
        return self.runs[-1]

    def start(self) -> bool:
        """Starts a process unless the fleet is stopping."""
        with self.lock:
            if self.wanted:
                options, environment = self.fleet.asked(self.number, len(self.runs))
                self.runs.append(self.fleet.stack.start_worker(*options, **environment))
            return self.wanted

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the whole group, if it is there."""
        with self.lock:
            if self.runs and self.now.process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(self.now.process.pid, number)

    def _supervise(self) -> None:
        while True:
            process = self.now.process
            self.exits.append(process.wait())
            self._end_group(process.pid)
            if not self.fleet.restart:
                return
            if self.fleet.stopping.wait(RESTART_PAUSE_S) or not self.start():
                return

    def _end_group(self, group: int) -> None:
        """Children of a worker that died end by themselves; what is frozen cannot."""
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGCONT)


class Fleet:
    """See the module.

    Args:
        stack: whose workers they are.
        size: how many.
        options: of every worker, as on its command line.
        restart: start a worker again when it exits.
        each: more environment for workers by number, at every start.
        once: more environment for workers by number, at the first start only (`DARKROOM_FAILPOINTS` that must not strike again).
        environment: of every worker, over Stack's own.
    """

    def __init__(
        self,
        stack: Stack,
        size: int,
        *options: str,
        restart: bool = True,
        each: Mapping[int, Mapping[str, str]] | None = None,
        once: Mapping[int, Mapping[str, str]] | None = None,
        **environment: str,
    ) -> None:
        self.stack = stack
        self.restart = restart
        self.stopping = threading.Event()
        self._options = options
        self._environment = environment
        self._each = each or {}
        self._once = once or {}
        self._members = [_Member(self, number) for number in range(size)]

    def asked(self, number: int, runs_before: int) -> tuple[tuple[str, ...], Mapping[str, str]]:
        """Command line and environment of a worker's next start."""
        once = {} if runs_before else self._once.get(number, {})
        return self._options, {**self._environment, **self._each.get(number, {}), **once}

    def __enter__(self) -> Self:
        try:
            for member in self._members:
                member.start()
            for member in self._members:
                member.thread.start()
            self.until_registered()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def size(self) -> int:
        """How many workers there are to be."""
        return len(self._members)

    @property
    def restarts(self) -> int:
        """How often the supervisor started a worker again."""
        return sum(len(member.runs) - 1 for member in self._members)

    def exits(self, number: int) -> list[int]:
        """Exit codes of a worker's processes so far; a signal counts as its negative number."""
        return list(self._members[number].exits)

    def pid(self, number: int) -> int:
        """Process id of the worker that runs, or ran last."""
        return self._members[number].now.process.pid

    def children(self, number: int) -> list[int]:
        """Process ids of a worker's children."""
        return [pid for pid in group_members(self.pid(number)) if pid != self.pid(number)]

    def said(self, number: int) -> str:
        """Everything that a worker's processes logged so far."""
        return "".join(run.said() for run in self._members[number].runs)

    def kill(self, number: int) -> None:
        """SIGKILL, as the out-of-memory killer does it to a container."""
        self._members[number].signal(signal.SIGKILL)

    def freeze(self, number: int) -> None:
        """SIGSTOP, as a suspended or swapping machine looks from outside."""
        self._members[number].signal(signal.SIGSTOP)

    def thaw(self, number: int) -> None:
        """SIGCONT; harmless for a worker that runs."""
        self._members[number].signal(signal.SIGCONT)

    def terminate(self, number: int) -> None:
        """SIGTERM to the worker itself, as a supervisor restarts it; does not wait."""
        member = self._members[number]
        with member.lock, suppress(ProcessLookupError):
            member.now.process.terminate()

    def until_exit(self, number: int, exits_before: int, within_s: float = STOP_S) -> int:
        """Waits until a worker has exited more often than that; its last exit code."""
        member = self._members[number]
        self.stack.until(lambda: len(member.exits) > exits_before, f"worker {number} to exit", within_s)
        return member.exits[exits_before]

    def until_registered(self, within_s: float = START_S) -> None:
        """Waits until every worker that is to run is known to the ledger."""

        def registered() -> bool:
            known = {row["pid"] for row in self.stack.ledger.run(presence.fleet())}
            return all(str(self.pid(number)) in known for number in range(self.size))

        try:
            self.stack.until(registered, "the fleet to register", within_s)
        except AssertionError as late:
            late.add_note("\n".join(self.said(number)[-2000:] for number in range(self.size)))
            raise

    def stop(self) -> None:
        """Ends all workers: asked first, killed if they do not listen; raises AssertionError if one had to be."""
        self.stopping.set()
        for member in self._members:
            with member.lock:
                member.wanted = False
        started = [number for number, member in enumerate(self._members) if member.runs]
        for number in started:
            self.thaw(number)
            self.terminate(number)
        deadline = time.monotonic() + STOP_S
        deaf = [number for number in started if not self._is_over(number, deadline - time.monotonic())]
        for number in deaf:
            self.kill(number)
            self._is_over(number, STOP_S)
        assert not deaf, f"workers {deaf} did not stop within {STOP_S} s:\n" + "\n".join(self.said(n)[-3000:] for n in deaf)

    def _is_over(self, number: int, within_s: float) -> bool:
        member = self._members[number]
        group = member.now.process.pid
        deadline = time.monotonic() + max(0.0, within_s)
        while member.now.process.poll() is None or group_members(group):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        if member.thread.is_alive():
            member.thread.join(5)
        return True
