"""What `explain` predicts of a job's start, against what a real fleet then does.

    make bench ARGS="-s -k forecast"

Two workers, 60 calls a minute at four times the speed: a place every 250 ms. 120 jobs of three tenants and three classes wait; each
is asked about once, in random order while the fleet works, and its prediction is compared with the arrival of its request. Errors
are told in places, so that they hold for other quotas as well. Half a minute in all.
"""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from darkroom import Darkroom
from darkroom_shared.settings import Settings
from tests.bench.admission.judge import accepted, arrivals, percentile, table
from tests.bench.admission.scenes import Backlog, Quota, endpoint_with, fleet_of, stack_on, submit, until_ended
from tests.integration.local_bedrock.endpoints import NOVA

QUOTA = Quota(60, "token-bucket", time_scale=4)
PLACES_OFF, PESSIMISTS = 2.0, 0.9
"""Half of the predictions are within so many places of what came; at least this part of the jobs start no later than `start_p90_s`
says, to one place."""


@dataclass(frozen=True, slots=True)
class Told:
    """One prediction, as instants of the steady clock."""

    seed: int
    likely_s: float
    late_s: float
    ahead_s: float
    """How far ahead it looked, in real seconds."""


def asked(client: Darkroom, backlog: Backlog, rng: random.Random) -> list[Told]:
    """Asks about every job that still waits."""
    told: list[Told] = []
    seeds = list(backlog.job_ids)
    rng.shuffle(seeds)
    for seed in seeds:
        now_s, explanation = time.monotonic(), client.job(backlog.job_ids[seed]).explain()
        likely_s, late_s = explanation.start_p50_s, explanation.start_p90_s
        if explanation.position is not None and likely_s is not None and late_s is not None:
            told.append(Told(seed, now_s + likely_s, now_s + late_s, likely_s))
    return told


@pytest.mark.timeout(180)
def test_jobs_start_about_when_explain_says(redis_url: str, tmp_path: Path) -> None:
    with endpoint_with(QUOTA) as endpoint, stack_on(redis_url, endpoint, tmp_path) as stack:
        settings = Settings(redis_url=redis_url, key_prefix=stack.prefix, home=tmp_path, bedrock_url=endpoint.url)
        with fleet_of(stack, 2, {NOVA: QUOTA.per_minute}, time_scale=QUOTA.time_scale), Darkroom(settings=settings) as client:
            groups = (("one", "standard", 60), ("two", "standard", 30), ("one", "interactive", 10), ("three", "bulk", 20))
            backlog = Backlog()
            for n, (tenant, job_class, count) in enumerate(groups):
                backlog |= submit(stack, count, first_seed=1 + 100 * n, group=job_class, tenant=tenant, job_class=job_class)
            told = asked(client, backlog, random.Random(4))
            until_ended(stack, backlog.job_ids.values(), within_s=90)
        calls = {call.seed: call.at_s for call in accepted(arrivals(endpoint.log()))}

    place_s = 1 / QUOTA.per_s
    rows: list[tuple[object, ...]] = []
    for group in ("interactive", "standard", "bulk", ""):  # all of them come last, and are judged
        some = [one for one in told if backlog.group_of[one.seed].startswith(group)]
        off = [(calls[one.seed] - one.likely_s) / place_s for one in some]
        kept = sum(calls[one.seed] <= one.late_s + place_s for one in some) / len(some)
        far = max(one.ahead_s for one in some) / place_s
        distances = [abs(places) for places in off]
        rows.append((group or "all", len(some), far, percentile(off, 0.5), percentile(distances, 0.5), max(distances), kept * 100))
    print(
        f"\n{QUOTA.per_minute:g} calls a minute, time x{QUOTA.time_scale:g}; {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"
    )
    print(table(("class", "jobs", "farthest", "median error", "median distance", "worst", "by p90 %"), rows))
    assert len(told) >= 100
    assert percentile(distances, 0.5) <= PLACES_OFF
    assert kept >= PESSIMISTS
