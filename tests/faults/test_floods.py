"""Case 22: far more jobs than the workers can take, from several producers at once, and a second tenant who comes in the middle."""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
import redis

from darkroom import Darkroom, TextImage
from darkroom_shared.store import reads
from tests.faults.checker import check
from tests.faults.evidence import gather
from tests.faults.fleet import Fleet
from tests.faults.ground import losable_server
from tests.integration.local_bedrock.endpoints import Running
from tests.support.stack import QUICK, Stack

Measured = Callable[[str, str], None]
MESSAGES_BYTES = 20_000_000
CYCLE_S = 60.0
"""The reconcile interval is 1 s here, but a few processors do everything at once."""
REPUBLISH = {"DARKROOM_REPUBLISH": "PT30S"}
"""As in production: what waits for its turn in the queue for a few seconds is not lost."""
FEW = 20
SOME = 300
_seeds = itertools.count(20_000_000)

PRODUCER = """
import json, sys, time
from darkroom import Darkroom, TextImage
first, count = int(sys.argv[1]), int(sys.argv[2])
ids, took = {}, []
with Darkroom() as room:
    for seed in range(first, first + count):
        began = time.perf_counter()
        ids[room.submit(TextImage("a boat", seed=seed, width=512, height=512)).id] = seed
        took.append(time.perf_counter() - began)
print(json.dumps({"ids": ids, "took": took}))
"""

pytestmark = pytest.mark.filterwarnings("ignore::darkroom.ModelRetiredWarning")


class Watch:
    """Looks at the server while the flood goes on: memory, the size of the queue, and when a reconciler was last there."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.memory = self.messages = self.longest_queue = 0
        self.longest_cycle_s = 0.0

    def _look(self) -> None:
        queue, prefix = f"{self._stack.prefix}celery:darkroom", self._stack.prefix
        with redis.Redis.from_url(self._stack.redis_url) as raw:
            while not self._over.wait(0.1):
                self.memory = max(self.memory, int(raw.info("memory")["used_memory"]))
                # In the queue, and taken but not yet acknowledged; every message is sampled, they are all alike.
                held = [int(raw.memory_usage(key, samples=0) or 0) for key in (queue, f"{prefix}celery:unacked")]
                self.messages = max(self.messages, sum(held))
                self.longest_queue = max(self.longest_queue, cast(int, raw.llen(queue)))
                seconds, micros = cast("tuple[int, int]", raw.time())
                looked = cast("bytes | None", raw.get(f"{prefix}reconciled_ms"))
                if looked:
                    self.longest_cycle_s = max(self.longest_cycle_s, seconds + micros / 1e6 - int(looked) / 1000)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)


@dataclass(frozen=True)
class Producers:
    """Processes that submit, until they have ended."""

    running: Sequence[subprocess.Popen[bytes]]

    def results(self) -> tuple[dict[str, int], list[float]]:
        """Seeds by job, and the seconds that each submit took."""
        jobs: dict[str, int] = {}
        took: list[float] = []
        for process in self.running:
            out, _ = process.communicate(timeout=480)
            assert process.returncode == 0
            told: dict[str, Any] = orjson.loads(out)
            jobs |= told["ids"]
            took += told["took"]
        return jobs, took


@contextmanager
def producers(stack: Stack, count: int, each: int) -> Generator[Producers]:
    """Starts them; they are ended with the block."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DARKROOM_", "AWS_"))}
    told = {"DARKROOM_REDIS_URL": stack.redis_url, "DARKROOM_KEY_PREFIX": stack.prefix, "DARKROOM_HOME": str(stack.folder)}
    firsts = [next(_seeds) for _ in range(count * each)][::each]
    running = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", PRODUCER, str(first), str(each)],
            env=kept | told | QUICK | REPUBLISH,
            stdout=subprocess.PIPE,
        )
        for first in firsts
    ]
    try:
        yield Producers(running)
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
            process.communicate()


def few_jobs(stack: Stack) -> tuple[dict[str, int], float]:
    """A small tenant's jobs from the first submit to the last end; seeds by job, and seconds."""
    began = time.monotonic()
    with Darkroom(settings=stack.settings) as room:
        seeds = [next(_seeds) for _ in range(FEW)]
        jobs = {room.submit(TextImage("a cat", seed=number, width=512, height=512), tenant="small").id: number for number in seeds}
    for job in jobs:
        assert stack.wait(job, 120).state == "succeeded"
    return jobs, time.monotonic() - began


def ended(stack: Stack) -> int:
    """Jobs that are over."""
    with redis.Redis.from_url(stack.redis_url) as raw:
        return cast(int, raw.zcard(f"{stack.prefix}retention"))


def states_of(stack: Stack, jobs: Iterable[str]) -> Counter[str]:
    """How many jobs are in which state."""
    with redis.Redis.from_url(stack.redis_url, decode_responses=True) as raw, raw.pipeline(transaction=False) as pipe:
        for job in jobs:
            pipe.hget(f"{stack.prefix}job:{job}", "state")
        return Counter(cast("list[str]", pipe.execute()))


def flood(bedrock: Running, folder: Path, each: int, *, submitters: int, workers: int, within_s: float, measured: Measured) -> None:
    """Submits, watches and counts."""
    wanted = submitters * each
    with losable_server() as server:
        stack = Stack(server.url, bedrock, folder, "flood:")
        with (
            Fleet(stack, workers, "--slots", "25", DARKROOM_REPUBLISH=REPUBLISH["DARKROOM_REPUBLISH"]) as fleet,
            redis.Redis.from_url(server.url) as raw,
            Watch(stack) as watch,
        ):
            alone, alone_s = few_jobs(stack)
            before = int(raw.info("memory")["used_memory"])
            began = time.monotonic()
            with producers(stack, submitters, each) as others:
                stack.until(lambda: len(stack.ledger.run(reads.jobs(limit=wanted))) >= FEW + wanted // 4, "the flood to rise", 120)
                small, small_s = few_jobs(stack)
                jobs, took = others.results()
                submitted_s = time.monotonic() - began
            stack.until(lambda: ended(stack) == wanted + 2 * FEW, "the flood to be over", within_s)
            all_s = time.monotonic() - began
            kept = (int(raw.info("memory")["used_memory"]) - before) / wanted
            assert fleet.restarts == 0
            everything = alone | jobs | small
            seeds = set(everything.values())
            seen = Counter(entry["seed"] for entry in bedrock.log() if entry["seed"] in seeds)
            states = states_of(stack, everything)
            # The checker reads every event: some of the jobs stand for all.
            some = [*alone, *small, *list(jobs)[:: max(1, wanted // SOME)]]
            findings = check(gather(stack, some, settle_s=60, alone=False))
        stack.close()
    hundredths = statistics.quantiles(took, n=100)
    measured(
        "case 22",
        f"{wanted} jobs from {submitters} processes, {workers} workers: submitted in {submitted_s:.1f} s "
        f"(p50 {hundredths[49] * 1000:.1f} ms, p99 {hundredths[98] * 1000:.1f} ms), over after {all_s:.1f} s "
        f"({wanted / all_s:.0f} a second), {seen.total() - 2 * FEW} calls; messages at most {watch.longest_queue} in the queue, "
        f"{watch.messages / 1e6:.2f} MB; Redis peak {watch.memory / 1e6:.0f} MB, {kept / 1000:.1f} kB a job; longest gap between "
        f"reconcilers {watch.longest_cycle_s:.1f} s; {FEW} jobs of another tenant: {small_s:.1f} s, alone {alone_s:.1f} s",
    )
    assert findings.problems == [], findings.problems[:20]
    assert (findings.calls, findings.unknown) == (len(some), 0)
    assert states == {"succeeded": len(everything)}, states
    assert (len(seen), seen.total()) == (len(everything), len(everything)), "one call for each job"
    assert watch.messages < MESSAGES_BYTES
    assert watch.longest_cycle_s < CYCLE_S
    assert small_s < max(5.0, 10 * alone_s), f"the small tenant waited {small_s:.1f} s, {alone_s:.1f} s without the flood"


def test_a_flood_of_three_hundred_jobs(bedrock: Running, tmp_path: Path, measured: Measured) -> None:
    flood(bedrock, tmp_path, 150, submitters=2, workers=2, within_s=60, measured=measured)


@pytest.mark.long(seconds=150)
@pytest.mark.timeout(900)
def test_a_flood_of_ten_thousand_jobs(bedrock: Running, tmp_path: Path, measured: Measured) -> None:
    flood(bedrock, tmp_path, 2500, submitters=4, workers=4, within_s=480, measured=measured)
