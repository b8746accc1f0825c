"""The usual ways to live with a quota beside darkroom's: the same burst of jobs on the same endpoint in one run, as one table.

    make bench ARGS="-s -k every_strategy"

60 jobs are submitted at once to two worker processes of 16 slots. The account may make 240 calls a minute, so 4 a second. They are
counted by the kindest of the plausible limiters, a token bucket of a whole minute, which is empty when the burst begins, as after a
busy minute: at best the last call arrives after 15 s. A call takes 0.5 to 2 s, so 5 slots could use the quota; there are 32, as in
any fleet that has more than one model to serve. All of it in real time, for the baselines back off in real time.

The sizes are for a machine with two busy cores: 4 calls a second are 250 ms from call to call, far above its jitter of some ten
milliseconds, and the differences between the strategies are factors, not percents. About three minutes in all.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.bench.admission.baselines import BASELINES, Burst, baseline
from tests.bench.admission.judge import Result, result_of, table
from tests.bench.admission.scenes import Quota, emptied, endpoint_with, fleet_of, stack_on, submit, until_ended
from tests.faults.crew import every_event
from tests.integration.local_bedrock.endpoints import NOVA, Running

QUOTA = Quota(240)
BURST = Burst(jobs=60, workers=2, slots=16, within_s=60)


def darkroom_strategy(redis_url: str, endpoint: Running, quota: Quota, burst: Burst, folder: Path) -> Result:
    """Puts a burst through darkroom's own admission, whose workers know the quota."""
    with stack_on(redis_url, endpoint, folder, "bench-darkroom:") as stack:
        with fleet_of(stack, burst.workers, {NOVA: quota.per_s * 60}, slots=burst.slots):
            emptied(endpoint, quota)
            backlog = submit(stack, burst.jobs)
            states = until_ended(stack, backlog.job_ids.values(), burst.within_s)
            log = endpoint.log()
        events = [event.type for job_id in backlog.job_ids.values() for event in every_event(stack, job_id)]
    lost = sum(state != "succeeded" for state in states.values())
    sent = events.count("call.admit")
    return result_of("darkroom", backlog.submitted, log, quota.per_s, lost=lost, late=0, deliveries=sent)


HEADER = ("strategy", "drain s", "quota used %", "429s", "calls/job", "lost", "late", "deliveries/job", "wait p50 s", "wait p95 s")


def row(result: Result) -> Sequence[object]:
    """A line of the table."""
    each = result.calls / result.jobs, result.deliveries / result.jobs
    used = (result.drain_s, result.used * 100)
    return (
        result.strategy,
        *used,
        result.throttled,
        each[0],
        result.lost,
        result.late,
        each[1],
        result.wait.p50_s,
        result.wait.p95_s,
    )


@pytest.mark.timeout(600)
def test_a_burst_through_every_strategy(redis_url: str, tmp_path: Path) -> None:
    with endpoint_with(QUOTA) as endpoint:
        results = [
            baseline(program, redis_url, endpoint, QUOTA, BURST, tmp_path / f"{program.task}-{program.pool}")
            for program in BASELINES
        ]
        ours = darkroom_strategy(redis_url, endpoint, QUOTA, BURST, tmp_path / "darkroom")
    scene = f"{BURST.jobs} jobs at once, {QUOTA.per_s:g} calls/s allowed ({QUOTA.kind}), {BURST.workers} x {BURST.slots} slots"
    print(f"\n{scene}; {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    print(table(HEADER, [row(result) for result in [*results, ours]]))
    assert (ours.lost, ours.late, ours.throttled) == (0, 0, 0)
    assert ours.calls == ours.deliveries == BURST.jobs
    assert ours.used >= 0.9
