"""Half an hour of random faults under steady load: nothing is lost, nothing is called twice unmarked, and nothing grows.

    make soak MINUTES=30 SEED=7

Prints a line a minute; exits with 1 if the checker found a problem, or if memory, descriptors or keys were higher in the last third
than in the middle one. Worker 0 is hit by all faults but kills and restarts, so that there is one process to watch to the end.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from typing import Final, Protocol, cast

import redis

from darkroom_shared.core.lifecycle import TERMINAL_JOB_STATES
from darkroom_shared.store import reads
from tests.faults.chaos import Chaos, Kind, Load, schedule
from tests.faults.checker import check, gather
from tests.integration.local_bedrock.endpoints import running_endpoint
from tests.support.stack import Stack
from tests.support.valkey import running_valkey

WORKERS: Final = 3
SUBMITS_PER_S: Final = 2.0
RETENTION_S: Final = 90
"""Short, so that records and pictures are removed during the run; long enough to check them before."""
SETTLED_S: Final = 10.0
"""After its end a job is left alone for so long before it is checked: a worker that comes back from a freeze may yet send."""
ROUND_S: Final = 20.0
PATIENCE_S: Final = 120.0
JUDGED_FROM_MINUTES: Final = 6
"""A shorter run has hardly reached the end of the first retention in its middle third."""
KINDS: Final[dict[Kind, int]] = {"kill": 1, "freeze": 2, "restart": 1, "cut": 6, "half-open": 2, "hold": 2}
SERVICE_FAULTS: Final = ("error=InternalServerException:0.02", "reset:0.01", "half-body:0.005")


class _Server(Protocol):
    """The commands used here, typed."""

    def info(self, section: str) -> dict[str, int]: ...
    def dbsize(self) -> int: ...


@dataclass
class Course:
    """What was measured over time, by name; one value a sample."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, **sample: float) -> None:
        """Takes one sample."""
        for name, value in sample.items():
            self.values.setdefault(name, []).append(value)

    def grown(self) -> list[str]:
        """What was clearly higher in the last third than in the middle one."""
        found: list[str] = []
        for name, values in self.values.items():
            third = len(values) // 3
            middle, last = median(values[third : 2 * third]), median(values[2 * third :])
            if last > middle * 1.1 + _SLACK[name]:
                found.append(f"{name} grew from {middle:.1f} in the middle third to {last:.1f} in the last")
        return found

    def line(self) -> str:
        """Medians of the middle and the last third."""
        thirds = {name: (v[len(v) // 3 : 2 * len(v) // 3], v[2 * len(v) // 3 :]) for name, v in self.values.items()}
        return ", ".join(f"{name} {median(mid):.1f} -> {median(last):.1f}" for name, (mid, last) in thirds.items() if mid and last)


_SLACK: Final = {"worker_mb": 8.0, "worker_descriptors": 16, "redis_mb": 1.0, "redis_keys": 150}


@dataclass
class Books:
    """The jobs that are still to be checked, and the sums of those that were."""

    open: list[str] = field(default_factory=list)
    sums: Counter[str] = field(default_factory=Counter[str])
    problems: list[str] = field(default_factory=list)

    def settle(self, stack: Stack, *, last: bool = False) -> None:
        """Checks the jobs that have ended some time ago; with `last` all of them, ended or not."""
        now_ms = time.time() * 1000
        due, rest = list[str](), list[str]()
        for job in self.open:
            fields = stack.ledger.run(reads.job(job))
            over = fields["state"] in TERMINAL_JOB_STATES and now_ms - int(fields["finished_ms"]) >= SETTLED_S * 1000
            (due if over or last else rest).append(job)
        found = check(gather(stack, due, settle_s=5.0, alone=last, call_budget=5), killed=True)
        self.open = rest
        self.problems += found.problems
        names = ("jobs", "calls", "billed", "delivered", "unknown", "failed", "never_arrived", "late", "litter")
        self.sums.update({name: getattr(found, name) for name in names})
        self.sums.update({f"ended {state}": count for state, count in found.states.items()})
        for problem in found.problems:
            print(f"PROBLEM: {problem}", flush=True)


def soak(minutes: float, seed: int) -> list[str]:
    """Runs it; the problems found."""
    seconds = minutes * 60
    faults = schedule(seed, seconds, WORKERS, kinds=KINDS, survivor=0)
    print(f"seed {seed}, {minutes:g} minutes, {len(faults)} faults, {SUBMITS_PER_S:g} submits a second", flush=True)
    numbers = itertools.count(1)
    course, books = Course(), Books()
    with ExitStack() as stacked:
        home = Path(stacked.enter_context(tempfile.TemporaryDirectory(prefix="dr-soak-")))
        server = stacked.enter_context(running_valkey(appendfsync="always"))
        endpoint = stacked.enter_context(running_endpoint("--engine", "canned", "--quota", "off", "--latency", "0.3-1.5"))
        raw = cast("_Server", stacked.enter_context(redis.Redis(unix_socket_path=str(server.socket), decode_responses=True)))
        stack = Stack(server.url, endpoint, home, "soak:")
        stacked.callback(stack.close)
        room = {"DARKROOM_READ_TIMEOUT": "PT10S", "DARKROOM_CALL_BUDGET": "5"}
        chaos = stacked.enter_context(Chaos(stack, WORKERS, **room))
        stack.faults(*SERVICE_FAULTS)
        load = Load(stack, lambda: next(numbers), Random(seed), retention_ms=RETENTION_S * 1000)
        playing, began = chaos.play(faults), time.monotonic()
        submits, rounds, samples = 0, 1, 1
        while (now_s := time.monotonic() - began) < seconds:
            if now_s * SUBMITS_PER_S >= submits:
                books.open += load.submit()
                submits += 1
            if now_s >= samples * 2:
                samples += 1
                course.add(**_measure(chaos, raw))
            if now_s >= rounds * ROUND_S:
                rounds += 1
                books.settle(stack)
                if rounds % 3 == 1:
                    _report(now_s, books, chaos, raw)
            time.sleep(0.02)
        playing.join()
        chaos.calm()
        stack.faults()
        stack.until(lambda: _all_over(stack, books.open), "the last jobs to end", PATIENCE_S)
        books.settle(stack, last=True)
        _report(time.monotonic() - began, books, chaos, raw)
    print(f"medians, middle third -> last third: {course.line()}", flush=True)
    grown = course.grown()
    if minutes < JUDGED_FROM_MINUTES:
        print(f"growth is judged from {JUDGED_FROM_MINUTES} minutes on", flush=True)
        grown = []
    for sentence in grown:
        print(f"PROBLEM: {sentence}", flush=True)
    return books.problems + grown


def _all_over(stack: Stack, jobs: list[str]) -> bool:
    time.sleep(0.2)
    return all(stack.ledger.run(reads.job(job))["state"] in TERMINAL_JOB_STATES for job in jobs)


def _measure(chaos: Chaos, raw: _Server) -> dict[str, float]:
    memory_mb, descriptors = _process(chaos.fleet.pid(0))
    used_mb = raw.info("memory")["used_memory"] / 1e6
    return {"worker_mb": memory_mb, "worker_descriptors": descriptors, "redis_mb": used_mb, "redis_keys": raw.dbsize()}


def _process(pid: int) -> tuple[float, int]:
    """Resident memory in MB and open descriptors; zeros for a process that has just ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return 0.0, 0


def _report(now_s: float, books: Books, chaos: Chaos, raw: _Server) -> None:
    sums = books.sums
    workers = ", ".join("{:.0f} MB {} fds".format(*_process(chaos.fleet.pid(n))) for n in range(chaos.fleet.size))
    print(
        f"{now_s / 60:5.1f} min: {sums['jobs']} jobs checked ({sums['ended succeeded']} succeeded, {sums['ended failed']} failed), "
        f"{len(books.open)} to go; {sums['calls']} calls, {sums['billed']} billed, {sums['unknown']} unknown, "
        f"{sums['litter']} files left; {len(chaos.done)} faults, {chaos.fleet.restarts} restarts; workers {workers}; "
        f"redis {raw.info('memory')['used_memory'] / 1e6:.1f} MB {raw.dbsize()} keys; {len(books.problems)} problems",
        flush=True,
    )


def main() -> int:
    """Reads the command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=None, help="what happens when; default: another one every time")
    options = parser.parse_args()
    seed = Random().randrange(1_000_000) if options.seed is None else options.seed
    problems = soak(options.minutes, seed)
    print("no problem was found" if not problems else f"{len(problems)} problems; seed {seed}", flush=True)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
