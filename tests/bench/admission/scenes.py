"""Scenes for strategies of admission: an endpoint with a quota, a ledger with workers, backlogs, foreign traffic, outages.

    with endpoint_with(Quota(60, "sliding-log", time_scale=4)) as endpoint, stack_on(valkey, endpoint, folder) as stack:
        with fleet_of(stack, 8, {NOVA: 60}, time_scale=4):
            backlog = submit(stack, 200)
            until_ended(stack, backlog, within_s=80)
        calls = arrivals(endpoint.log())

Whoever judges reads the endpoint's log. Everything is bounded in time, and what is started in a block ends with it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from darkroom_shared.store import ops
from darkroom_worker.local_bedrock.quotas import WINDOW_S, QuotaKind
from tests.faults.fleet import Fleet
from tests.integration.local_bedrock.endpoints import NOVA, Raw, Running, running_endpoint, text_image
from tests.support.stack import Stack, new_job_id

__all__ = [
    "EAST",
    "FOREIGN_SEEDS",
    "WEST",
    "Backlog",
    "Foreigner",
    "Quota",
    "emptied",
    "endpoint_with",
    "fleet_of",
    "outage",
    "stack_on",
    "submit",
    "until_ended",
    "until_instant",
]

EAST, WEST = "us-east-1", "us-west-2"
FOREIGN_SEEDS = 700_000_000
"""Seeds from here on belong to foreign traffic; Nova takes up to 858,993,459."""
LATENCY = "0.5-2"
"""Seconds a call takes, drawn evenly: long enough that several are under way at once, as with real image models."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What the endpoint allows.

    Attributes:
        per_minute: requests a (quota) minute of Nova Canvas in each Region.
        kind: how the endpoint counts them.
        time_scale: quota seconds in a real second. Sending is late by some milliseconds, and 1 % of the window is all that the
            margin of pacing covers: above 4 a noisy machine makes a strict limiter refuse what was sent in good order.
    """

    per_minute: float
    kind: QuotaKind = "token-bucket"
    time_scale: float = 1.0

    @property
    def per_s(self) -> float:
        """Calls in a real second."""
        return self.per_minute * self.time_scale / WINDOW_S

    @property
    def window_s(self) -> float:
        """Real seconds that the endpoint's minute takes."""
        return WINDOW_S / self.time_scale

    def real_s(self, quota_s: float) -> float:
        """Real seconds for seconds on the quota's clock."""
        return quota_s / self.time_scale


@contextmanager
def endpoint_with(quota: Quota, *, latency: str = LATENCY) -> Generator[Running]:
    """An endpoint with this quota in each Region and prepared pictures, which cost it next to nothing."""
    limits = ("--quota", "off", "--quota", f"{NOVA}={quota.per_minute:g}", "--quota-kind", quota.kind)
    pace = ("--time-scale", f"{quota.time_scale:g}", "--latency", latency)
    with running_endpoint("--engine", "canned", *limits, *pace) as endpoint:
        yield endpoint


def emptied(endpoint: Running, quota: Quota, region: str = EAST) -> None:
    """Leaves one call in a bucket, as after a busy minute, and forgets the log. Windows are left as they are.

    Without it the first minute's calls are free for all, and a short burst tells nothing.
    """
    endpoint.invoke(text_image(), region=region)  # a quota is counted from its first call on
    endpoint.change_quotas({f"{region}/{NOVA}": 1})
    endpoint.change_quotas({f"{region}/{NOVA}": quota.per_minute})
    endpoint.request("DELETE", "/_darkroom/log")


@contextmanager
def outage(endpoint: Running, region: str, for_s: float) -> Generator[float]:
    """A Region that refuses everything for so many real seconds from now on, then has healed; gives the instant of healing."""
    answer = endpoint.request("PUT", "/_darkroom/faults", json.dumps([f"throttle:region={region}:for={for_s:g}"]).encode())
    assert answer.status == 200, answer.body
    try:
        yield time.monotonic() + for_s
    finally:
        endpoint.request("DELETE", "/_darkroom/faults")


class Foreigner:
    """Somebody else's program on the same quota: calls at an even rate, whatever they are answered. Runs for the length of a block.

    Args:
        endpoint: that it calls.
        per_s: calls a second, in real time.
        region: that it calls.
    """

    def __init__(self, endpoint: Running, per_s: float, region: str = EAST) -> None:
        self._endpoint = endpoint
        self._interval_s = 1 / per_s
        self._region = region
        self._stopping = threading.Event()
        self._callers = ThreadPoolExecutor(64, thread_name_prefix="foreigner")
        self._pacer = threading.Thread(target=self._run, name="foreigner", daemon=True)
        self._calls: list[Future[Raw]] = []

    def __enter__(self) -> Self:
        self._pacer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopping.set()
        self._pacer.join()
        self._callers.shutdown()
        for call in self._calls:
            call.result()  # a refusal is an answer; a broken connection is not

    def _run(self) -> None:
        due_s = time.monotonic()
        while not self._stopping.wait(max(0.0, due_s - time.monotonic())):
            body = text_image(seed=FOREIGN_SEEDS + len(self._calls))
            self._calls.append(self._callers.submit(self._endpoint.invoke, body, region=self._region))
            due_s += self._interval_s


@contextmanager
def stack_on(redis_url: str, endpoint: Running, folder: Path, prefix: str = "bench:") -> Generator[Stack]:
    """A ledger of its own on the server."""
    stack = Stack(redis_url, endpoint, folder, prefix)
    try:
        yield stack
    finally:
        stack.close()


def fleet_of(
    stack: Stack,
    workers: int,
    per_minute: Mapping[str, float | None],
    *,
    slots: int = 16,
    time_scale: float = 1.0,
    **environment: str,
) -> Fleet:
    """Workers with production's times that believe in these quotas: requests a minute by model, or by `region/model`.

    The time scale is told only if there is one.
    """
    told = {
        "DARKROOM_QUOTAS": json.dumps(dict(per_minute)),
        "DARKROOM_SLOTS": str(slots),
        "DARKROOM_CONNECT_TIMEOUT": "PT5S",
        "DARKROOM_READ_TIMEOUT": "PT60S",
        "DARKROOM_LEASE": "PT90S",
        "DARKROOM_HEARTBEAT": "PT15S",
        "DARKROOM_RECONCILE": "PT10S",
        "DARKROOM_REPUBLISH": "PT30S",
    }
    scaled = {"DARKROOM_TIME_SCALE": f"{time_scale:g}"} if time_scale != 1 else {}
    return Fleet(stack, workers, each=dict.fromkeys(range(workers), told | scaled | environment))


@dataclass
class Backlog:
    """Jobs that were submitted, by the seeds under which the endpoint's log shows them.

    Attributes:
        submitted: when, by the endpoint's steady clock.
        job_ids: their ids.
        group_of: their group, such as a tenant.
    """

    submitted: dict[int, float] = field(default_factory=dict[int, float])
    job_ids: dict[int, str] = field(default_factory=dict[int, str])
    group_of: dict[int, str] = field(default_factory=dict[int, str])

    def __or__(self, other: Backlog) -> Backlog:
        """Both together."""
        ids, groups = self.job_ids | other.job_ids, self.group_of | other.group_of
        return Backlog(self.submitted | other.submitted, ids, groups)


def submit(stack: Stack, count: int, *, first_seed: int = 1, group: str = "", **fields: Any) -> Backlog:
    """Accepts so many jobs of one picture at once; `fields` are those of the job's record (`tenant`, `lane`, ...)."""
    seeds = range(first_seed, first_seed + count)
    jobs = {seed: ops.NewJob(new_job_id(), stack.record(text_image(seed=seed), **fields).as_fields()) for seed in seeds}
    at_s = time.monotonic()
    stack.accept(list(jobs.values()))
    return Backlog(dict.fromkeys(seeds, at_s), {seed: job.job_id for seed, job in jobs.items()}, dict.fromkeys(seeds, group))


def until_ended(stack: Stack, job_ids: Iterable[str], within_s: float) -> dict[str, str]:
    """Waits for the end of all of the jobs; their states.

    Raises:
        AssertionError: one of them goes on.
    """
    deadline = time.monotonic() + within_s
    return {job_id: stack.wait(job_id, max(0.1, deadline - time.monotonic())).state.value for job_id in job_ids}


def until_instant(at_s: float) -> None:
    """Lets a scene go on until an instant of the steady clock."""
    time.sleep(max(0.0, at_s - time.monotonic()))
