"""A backlog, one and eight workers, each of the four plausible limiters: all of the quota, and not one refusal.

    make bench ARGS="-s -k quota_use"

60 calls a minute, four times as fast as real ones: a call every 250 ms, a window of 15 s. Three and a half windows are run, and a
refusal anywhere in them fails. What is used is judged from the third second on. Some scenes run side by side, each with a ledger
and an endpoint of its own. Under four minutes in all.

Every refusal is told with its story, and that of the call which had still to leave the limiter's window: a strict limiter takes 60
calls in 15 s, pacing sends 60 in 15.15 s, so a call may be late by 150 ms (600 ms in real time) before the one after it by a minute
is refused. On a machine that others keep busy some calls are later than that: look at the table's last column first.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from darkroom_worker.local_bedrock.quotas import QUOTA_KINDS, QuotaKind
from tests.bench.admission.figures import Steady, steady
from tests.bench.admission.judge import Arrival, accepted, arrivals, percentile, table, throttled
from tests.bench.admission.scenes import Quota, endpoint_with, fleet_of, stack_on, submit, until_instant
from tests.bench.admission.story import Story, stories_of
from tests.faults.crew import at_once
from tests.integration.local_bedrock.endpoints import NOVA

USED = 0.985
WINDOWS = 3.5
WARMING_S = 3.0
TIME_SCALE = 4


@dataclass(frozen=True, slots=True)
class Run:
    """What one fleet made of one limiter.

    Attributes:
        calls: that the endpoint saw.
        refused: the story of each that it refused, and of the accepted call that was a whole quota before it.
        late_ms: 99 % of the calls arrived within so many milliseconds after they had been let go.
        steady: the figures, the first seconds left out.
    """

    kind: QuotaKind
    workers: int
    calls: int
    refused: Sequence[tuple[Story, ...]]
    late_ms: float
    steady: Steady


def quota_before(calls: Sequence[Arrival], refused: Arrival, quota: Quota) -> list[Arrival]:
    """The accepted call that kept the window full, if it was full."""
    before = [call for call in accepted(calls) if call.at_s < refused.at_s]
    return before[-round(quota.per_minute) :][:1]


def through(kind: QuotaKind, workers: int, redis_url: str, folder: Path) -> Run:
    """Feeds a fleet from a backlog for some windows."""
    quota = Quota(60, kind, TIME_SCALE)
    jobs = round(quota.per_minute * (WINDOWS + 1))
    with (
        endpoint_with(quota) as endpoint,
        stack_on(redis_url, endpoint, folder / f"{kind}-{workers}", f"{kind}-{workers}:") as stack,
    ):
        with fleet_of(stack, workers, {NOVA: quota.per_minute}, time_scale=quota.time_scale):
            backlog = submit(stack, jobs)
            begin_s = time.monotonic()
            end_s = begin_s + WINDOWS * quota.window_s
            until_instant(end_s + 3 / quota.per_s)
        calls = arrivals(endpoint.log())
        stories = stories_of(stack, backlog, calls)
        refused = [tuple(stories_of(stack, backlog, [call, *quota_before(calls, call, quota)])) for call in throttled(calls)]
    late_ms = percentile((story.late_ms for story in stories), 0.99)
    return Run(kind, workers, len(calls), refused, late_ms, steady(calls, quota, begin_s + WARMING_S, end_s))


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("workers", "at_a_time"), [(1, 4), (8, 2)])
def test_a_backlog_uses_the_quota_and_is_never_refused(redis_url: str, tmp_path: Path, workers: int, at_a_time: int) -> None:
    runs = at_once([partial(through, kind, workers, redis_url, tmp_path) for kind in QUOTA_KINDS], width=at_a_time)
    header = ("limiter", "workers", "calls", "used %", "required %", "429s", "required", "most in a minute", "quota", "late p99 ms")
    rows = [
        (r.kind, r.workers, r.calls, f"{r.steady.used * 100:.2f}", USED * 100, len(r.refused), 0, r.steady.most, 60, r.late_ms)
        for r in runs
    ]
    print(f"\n60 calls a minute, time x{TIME_SCALE}; {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    print(table(header, rows))
    assert [stories for run in runs for stories in run.refused] == []
    assert min(run.steady.used for run in runs) >= USED
