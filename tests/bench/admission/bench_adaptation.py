"""A quota that nobody told, one that was halved behind our back, and one that others use too: found within five minutes.

    make bench ARGS="-s -k adaptation"

True quotas are 30 calls a minute for us (once 60, of which a stranger takes 30, evenly), time is ten times as fast as real time: 5
calls a second. A scene is 16 quota minutes of backlog: 5 to settle, then 11 in which at most 1 % of the calls may be refused. The
three scenes of a limiter run side by side, two minutes for each of the four limiters.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from darkroom_worker.local_bedrock.quotas import QUOTA_KINDS, QuotaKind
from tests.bench.admission.figures import Settling, settling
from tests.bench.admission.judge import arrivals, by_seed, table
from tests.bench.admission.scenes import EAST, Foreigner, Quota, endpoint_with, fleet_of, stack_on, submit, until_instant
from tests.faults.crew import at_once
from tests.integration.local_bedrock.endpoints import NOVA

THROTTLED = 0.01
MINUTES = 16
TIME_SCALE = 10
LIMITERS = QUOTA_KINDS


@dataclass(frozen=True, slots=True)
class Change:
    """Something that the workers are not told.

    Attributes:
        told: requests a minute that the workers believe in.
        true: requests a minute that the endpoint allows.
        left: share of them that a stranger leaves.
    """

    told: float | None
    true: float
    left: float = 1.0


CHANGES: Mapping[str, Change] = {
    "unknown": Change(None, 30),
    "halved": Change(60, 30),
    "shared with a stranger": Change(60, 60, left=0.5),
}


def lived_through(name: str, kind: QuotaKind, redis_url: str, folder: Path) -> Settling:
    """Feeds two workers from a backlog under a change."""
    change = CHANGES[name]
    quota = Quota(change.true, kind, TIME_SCALE)
    home = f"{name.replace(' ', '-')}-{kind}"
    with endpoint_with(quota) as endpoint, stack_on(redis_url, endpoint, folder / home, home + ":") as stack:
        with fleet_of(stack, 2, {NOVA: change.told}, time_scale=quota.time_scale), ExitStack() as scene:
            backlog = submit(stack, round(change.true * (MINUTES + 3)))
            begin_s = time.monotonic()
            if change.left < 1:
                scene.enter_context(Foreigner(endpoint, quota.per_s * (1 - change.left), EAST))
            end_s = begin_s + quota.real_s(MINUTES * 60)
            until_instant(end_s)
        calls = by_seed(arrivals(endpoint.log()), backlog.job_ids)
    return settling(calls, quota, begin_s, end_s, left=change.left)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", LIMITERS)
def test_what_nobody_told_is_found_within_five_minutes(kind: QuotaKind, redis_url: str, tmp_path: Path) -> None:
    results = at_once([partial(lived_through, name, kind, redis_url, tmp_path) for name in CHANGES], width=len(CHANGES))
    header = ("quota", "429s in the first 5 min", "429s after that %", "required %", "used of what is left %")
    rows = [
        (name, found.throttled, f"{found.throttled_share * 100:.2f}", THROTTLED * 100, found.used * 100)
        for name, found in zip(CHANGES, results, strict=True)
    ]
    print(f"\n{kind}, time x{TIME_SCALE}, {MINUTES} minutes; {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    print(table(header, rows))
    assert max(found.throttled_share for found in results) <= THROTTLED
