"""Case 31: calls that last longer than a lease, over a ledger that answers slowly: a living worker never loses a lease."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from statistics import NormalDist

import pytest

from tests.faults.checker import check, gather
from tests.faults.crew import LEASE_S, until_told
from tests.faults.fleet import Fleet
from tests.faults.proxy import running_proxy
from tests.integration.local_bedrock.endpoints import text_image
from tests.support.stack import Stack
from tests.support.valkey import Server

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]
MEDIAN_S = 0.8
SIGMA = 0.8
CLASSES = 20
ROUND_TRIP_S = 0.2
SETTINGS = {"DARKROOM_CONNECT_TIMEOUT": "PT5S", "DARKROOM_READ_TIMEOUT": "PT30S"}


def log_normal_latency() -> list[str]:
    """Faults that slow answers down: CLASSES equally likely delays at the middle of the distribution's quantiles.

    Each fault is drawn only if none before it struck, so its own probability is that of its class among those that are left.
    """
    quantiles = [NormalDist().inv_cdf((n + 0.5) / CLASSES) for n in range(CLASSES)]
    delays = [MEDIAN_S * math.exp(SIGMA * quantile) for quantile in quantiles]
    return [f"slow={delay:.2f}:p={1 / (CLASSES - n):.4f}" for n, delay in enumerate(delays)]


def flood(stack: Stack, server: Server, seed: Seeds, jobs: int) -> str:
    """That many calls by two workers behind a slow network; what happened, in a sentence."""
    numbers = [seed() for _ in range(jobs)]
    stack.faults(*log_normal_latency())
    with running_proxy(("127.0.0.1", server.tcp_port or 0)) as proxy:
        proxy.delay(ROUND_TRIP_S / 2)
        ledger = {"DARKROOM_REDIS_URL": proxy.redis_url(), "DARKROOM_BROKER_URL": server.url}
        with Fleet(stack, 2, each=dict.fromkeys(range(2), SETTINGS | ledger)):
            ids = [stack.submit(text_image(seed=number)) for number in numbers]
            views = [stack.wait(job, 200) for job in ids]
            until_told(stack, ids)
    findings = check(gather(stack, ids, settle_s=5))
    entries = stack.calls_of(*numbers)
    assert Counter(view.state for view in views) == {"succeeded": jobs}
    assert (len(entries), findings.unknown, findings.delivered) == (jobs, 0, jobs)
    assert findings.problems == []
    longest = max(entry["duration_s"] for entry in entries)
    over = sum(entry["duration_s"] > LEASE_S for entry in entries)
    assert over > 0
    return f"{jobs} calls of up to {longest:.1f} s, {over} longer than the lease of {LEASE_S:.0f} s, 200 ms to the ledger: 0 reaped"


@pytest.mark.long(seconds=45)
def test_a_thousand_slow_calls_over_a_slow_ledger_keep_their_leases(
    stack: Stack, durable_server: Server, seed: Seeds, measured: Measured
) -> None:
    measured("case 31", flood(stack, durable_server, seed, 1000))
