"""Admission from end to end, with the endpoint's own log as the judge: the whole quota and no refusal; a Region that is out.

Short versions of the benchmarks in `tests/bench/admission`; time runs faster for the workers and the endpoint alike.
"""

from __future__ import annotations

import time
from pathlib import Path

from darkroom_shared.core.quota import pool_name
from tests.bench.admission.figures import failover, steady
from tests.bench.admission.judge import accepted, arrivals, by_region, throttled
from tests.bench.admission.scenes import (
    EAST,
    WEST,
    Quota,
    endpoint_with,
    fleet_of,
    outage,
    stack_on,
    submit,
    until_ended,
    until_instant,
)
from tests.integration.local_bedrock.endpoints import NOVA
from tests.support.valkey import Server

BOTH = f"{pool_name(EAST, NOVA)},{pool_name(WEST, NOVA)}"


def test_two_workers_use_a_quota_whole_and_are_never_refused(valkey_server: Server, tmp_path: Path) -> None:
    quota = Quota(60, "sliding-log", time_scale=4)
    with endpoint_with(quota) as endpoint, stack_on(valkey_server.url, endpoint, tmp_path, "whole:") as stack:
        with fleet_of(stack, 2, {NOVA: quota.per_minute}, time_scale=quota.time_scale):
            submit(stack, 90)
            begin_s = time.monotonic()
            end_s = begin_s + 1.15 * quota.window_s  # from the second window on the limiter has something to refuse
            until_instant(end_s + 0.5)
        calls = arrivals(endpoint.log())
    assert [call.at_s - begin_s for call in throttled(calls)] == []
    assert steady(calls, quota, begin_s + 2, end_s).used >= 0.97


def test_a_region_that_is_out_costs_next_to_nothing_and_loses_no_job(valkey_server: Server, tmp_path: Path) -> None:
    quota = Quota(20, time_scale=30)
    out_s = quota.real_s(180)
    with endpoint_with(quota) as endpoint, stack_on(valkey_server.url, endpoint, tmp_path, "out:") as stack:
        with fleet_of(stack, 1, {NOVA: quota.per_minute}, slots=64, time_scale=quota.time_scale, DARKROOM_REGIONS=WEST):
            either = submit(stack, 100, routes=BOTH)
            stack.until(lambda: len(accepted(arrivals(endpoint.log()))) >= 2, "the first calls")
            with outage(endpoint, EAST, out_s) as healed_s:
                bound = submit(stack, 3, first_seed=1001, job_class="interactive")
                states = until_ended(stack, (either | bound).job_ids.values(), within_s=60)
        regions = by_region(arrivals(endpoint.log()))
    found = failover(regions, quota, EAST, WEST, (healed_s - out_s, healed_s))
    assert set(states.values()) == {"succeeded"}
    assert {call.seed for call in regions[WEST]}.isdisjoint(bound.job_ids), "jobs for the first Region waited for it"
    assert found.wasted <= 6
    assert found.other_used >= 0.6, "at this time scale ten milliseconds of jitter count as a third of a second"
    assert found.back_s is not None
    assert found.back_s <= 120
