"""A Region that refuses everything for 15 minutes: hardly a call is wasted on it, the other Region works at its full rate, and soon
after it has healed it is used again.

    make bench ARGS="-s -k failover"

Two Regions of 36 calls a minute each, time ten times as fast: 6 calls a second and Region. Jobs go to either Region; ten may go to
the first one only: they must wait for it, not be lost, and not go elsewhere. Two minutes in all.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from darkroom_shared.core.quota import pool_name
from tests.bench.admission.figures import failover
from tests.bench.admission.judge import arrivals, by_region, by_seed, table, throttled
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

QUOTA = Quota(36, "token-bucket", time_scale=10)
BEFORE_MIN, OUT_MIN, AFTER_MIN = 1, 15, 2
WASTED, OTHER_USED, BACK_S = 10, 0.98, 120.0
BOUND = 10
BOTH = f"{pool_name(EAST, NOVA)},{pool_name(WEST, NOVA)}"
WAIT_S = 60.0


@pytest.mark.timeout(300)
def test_a_region_that_refuses_everything_costs_little_and_is_found_again(redis_url: str, tmp_path: Path) -> None:
    minute_s = QUOTA.window_s
    either = round(QUOTA.per_minute * (2 * BEFORE_MIN + OUT_MIN + 2 * AFTER_MIN + 2))
    with endpoint_with(QUOTA) as endpoint, stack_on(redis_url, endpoint, tmp_path) as stack:
        quotas = {NOVA: QUOTA.per_minute}
        with fleet_of(stack, 2, quotas, slots=32, time_scale=QUOTA.time_scale, DARKROOM_REGIONS=WEST):
            free = submit(stack, either, group="either", routes=BOTH)
            until_instant(time.monotonic() + BEFORE_MIN * minute_s)
            with outage(endpoint, EAST, OUT_MIN * minute_s) as healed_s:
                begin_s = healed_s - OUT_MIN * minute_s
                bound = submit(stack, BOUND, first_seed=100_001, group="first only", job_class="interactive")
                until_instant(healed_s)
                until_instant(healed_s + AFTER_MIN * minute_s)
            states = until_ended(stack, bound.job_ids.values(), WAIT_S)
        log = arrivals(endpoint.log())
        found = failover(by_region(log), QUOTA, EAST, WEST, (begin_s, healed_s))
        answered = {call.seed: call.region for call in log if call.status == 200}
        told = {
            seed: [attempt.region for call in stack.view(job).calls for attempt in call.attempts if attempt.outcome == "answered"]
            for seed, job in (free | bound).job_ids.items()
            if seed in answered
        }
    wasted_s = [round((call.at_s - begin_s) * QUOTA.time_scale) for call in throttled(by_region(log)[EAST])]
    rows = [
        ("calls wasted on the broken Region", found.wasted, f"<= {WASTED}"),
        ("of the other Region's quota used %", found.other_used * 100, f">= {OTHER_USED * 100:g}"),
        ("first call in the healed Region after s", found.back_s or "never", f"<= {BACK_S:g}"),
    ]
    print(f"\n{OUT_MIN} minutes of refusals, time x{QUOTA.time_scale:g}; {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    print(table(("a Region out", "found", "required"), rows))
    print(f"refusals, in seconds after the beginning: {wasted_s}")
    assert {call.region for call in by_seed(log, bound.job_ids)} == {EAST}
    assert set(states.values()) == {"succeeded"}
    assert {seed: [region] for seed, region in answered.items() if seed is not None} == told, "the records say where the calls went"
    assert found.wasted <= WASTED
    assert found.other_used >= OTHER_USED
    assert found.back_s is not None
    assert found.back_s <= BACK_S
