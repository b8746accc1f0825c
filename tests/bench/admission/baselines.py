"""Runs the usual ways to live with Bedrock's quotas, as real Celery workers on a real broker, and judges them.

The programs are in `customer`. They run in real time: their back-off knows nothing of a faster clock.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import redis
from celery import Celery

from darkroom_shared.settings import Settings
from tests.bench.admission.judge import Result, result_of
from tests.bench.admission.scenes import Quota, emptied
from tests.integration.local_bedrock.endpoints import Running

__all__ = ["BASELINES", "Burst", "Program", "baseline"]


@dataclass(frozen=True, slots=True)
class Program:
    """One of the tasks in `customer`, and how it is run.

    Attributes:
        task: its name.
        label: what the table calls it.
        pool: Celery's; with `threads` a worker has one SDK client, with `prefork`, Celery's default, one for each slot.
    """

    task: str
    label: str
    pool: Literal["threads", "prefork"] = "threads"


BASELINES: Sequence[Program] = (
    Program("rate_limit", "Celery rate_limit, quota / workers"),
    Program("backoff", "back-off with jitter only"),
    Program("adaptive", "botocore adaptive, client a worker"),
    Program("adaptive", "botocore adaptive, client a slot", pool="prefork"),
    Program("shared_counter", "GCRA in Redis, retry(countdown)"),
)

_ROOT = Path(__file__).parents[3]
_START_S = 60.0
_STOP_S = 5.0


@dataclass(frozen=True, slots=True)
class Burst:
    """The same load for every strategy.

    Attributes:
        jobs: submitted at once, onto an empty bucket.
        workers: processes.
        slots: calls in flight in each; more than the quota can feed, as in a fleet that is sized for its busiest hour.
        within_s: when the scene is over, whatever is left.
    """

    jobs: int
    workers: int
    slots: int
    within_s: float


def baseline(program: Program, redis_url: str, endpoint: Running, quota: Quota, burst: Burst, folder: Path) -> Result:
    """Puts a burst through one of the programs."""
    prefix = f"bench-{program.task}-{program.pool}:"
    told = {
        "BENCH_PREFIX": prefix,
        "BENCH_BROKER_URL": _broker_url(redis_url),
        "BENCH_REDIS_URL": redis_url,
        "BENCH_PER_MINUTE": f"{quota.per_s * 60:g}",
        "BENCH_WORKERS": str(burst.workers),
        "BENCH_SLOTS": str(burst.slots),
    }
    with ExitStack() as stack:
        ledger = stack.enter_context(redis.Redis.from_url(redis_url, decode_responses=True))
        for number in range(burst.workers):
            options = ("--pool", program.pool, "--concurrency", str(burst.slots), "--hostname", f"{number}@%h")
            stack.enter_context(_worker(options, endpoint.sdk_environment() | told, folder / f"customer-{number}.log"))
        started = _until(lambda: _size(ledger.scard(prefix + "ready")) == burst.workers, _START_S)
        assert started, f"the workers of {program.label} did not start; their logs are in {folder}"
        emptied(endpoint, quota)
        submitted = _submit(program.task, redis_url, prefix, burst.jobs)
        _until(lambda: _size(ledger.hlen(prefix + "ended")) == burst.jobs, burst.within_s)
        ended = list(cast("dict[str, str]", ledger.hgetall(prefix + "ended")).values())
        deliveries = int(cast("str | None", ledger.get(prefix + "deliveries")) or 0)
        log = endpoint.log()
    lost = sum(how != "done" for how in ended)
    late = burst.jobs - len(ended)
    return result_of(program.label, submitted, log, quota.per_s, lost=lost, late=late, deliveries=deliveries)


def _size(count: object) -> int:
    return cast("int", count)


def _until(happened: Callable[[], bool], within_s: float) -> bool:
    """Whether it happened in time; the end of the time is an outcome here, not an error."""
    deadline = time.monotonic() + within_s
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _submit(task: str, redis_url: str, prefix: str, jobs: int) -> dict[int, float]:
    """When each seed was sent."""
    app = Celery("submitter", broker=_broker_url(redis_url), set_as_current=False)
    app.conf.update(broker_transport_options={"global_keyprefix": prefix}, task_default_queue="customer")
    submitted: dict[int, float] = {}
    try:
        for seed in range(1, jobs + 1):
            submitted[seed] = time.monotonic()
            app.send_task(task, args=[seed], ignore_result=True)
    finally:
        app.close()
    return submitted


def _broker_url(redis_url: str) -> str:
    return Settings(redis_url=redis_url).celery_broker_url


@contextmanager
def _worker(options: Sequence[str], environment: Mapping[str, str], log: Path) -> Generator[None]:
    """One Celery worker, with its children. What it has not done by the end of the block is of no interest any more."""
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "celery", "-A", "tests.bench.admission.customer", "worker", "--loglevel", "WARNING", *options]
    inherited = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, cwd=_ROOT, env={**inherited, **environment}, stdout=out, stderr=subprocess.STDOUT, process_group=0
        )
    try:
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
