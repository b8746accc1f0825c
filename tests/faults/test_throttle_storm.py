"""Case 25: the service refuses nine requests in ten for its quota. No attempt is used up, and nobody comes back in step."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from darkroom_shared.contract.views import JobView
from darkroom_shared.store import reads
from tests.faults.checker import check, gather
from tests.faults.crew import PATIENT, crewed, every_event, until_told
from tests.integration.local_bedrock.endpoints import text_image
from tests.support.stack import PRICE, Stack

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]
USD = PRICE / 1_000_000
STORM_S = 20.0
REFUSALS_A_JOB = 6
"""The first request and back-offs of at least 1 s, each drawn from twice the span before: more do not fit into STORM_S."""
WAVE_S = 0.25


SHORT_RESTS = {"DARKROOM_TIME_SCALE": "60"}
"""A quota minute takes a second, and what a pool rests after refusals as much less: half a second to four for an open circuit."""


def prove_that_nothing_was_used_up(stack: Stack, jobs: Sequence[str], views: Sequence[JobView]) -> None:
    """Every job has its picture for the price of one call."""
    assert Counter(view.state for view in views) == {"succeeded": len(jobs)}
    assert {stack.ledger.run(reads.call(view.calls[0].id))["attempts"] for view in views} == {"1"}
    assert {(view.cost.actual_usd, view.cost.uncertain_usd) for view in views} == {(USD, 0)}
    findings = check(gather(stack, jobs, settle_s=5))
    assert findings.problems == []
    assert (findings.delivered, findings.unknown, findings.failed) == (len(jobs), 0, 0)


def admissions(stack: Stack, jobs: Sequence[str]) -> list[float]:
    """When the ledger let the jobs' calls go, in seconds by its own clock: a busy machine sends them later, and less evenly."""
    events = [event for job in jobs for event in every_event(stack, job) if event.type == "call.admit"]
    return sorted(int(str(event.data["at_ms"])) / 1000 for event in events)


def largest_wave(at: Sequence[float]) -> int:
    """The most that came within WAVE_S."""
    return max(sum(start <= one < start + WAVE_S for one in at) for start in at)


def test_refusals_by_the_quota_use_up_no_attempt(stack: Stack, seed: Seeds, measured: Measured) -> None:
    numbers = [seed() for _ in range(6)]
    stack.faults("throttle:count=6")
    with crewed(stack, **PATIENT, **SHORT_RESTS, DARKROOM_CALL_BUDGET="1"):
        jobs = [stack.submit(text_image(seed=number)) for number in numbers]
        views = [stack.wait(job, 90) for job in jobs]
        until_told(stack, jobs)
    prove_that_nothing_was_used_up(stack, jobs, views)
    statuses = Counter(entry["status"] for entry in stack.calls_of(*numbers))
    assert statuses == {429: 6, 200: 6}
    measured("case 25", f"6 jobs, 6 refusals, {statuses.total()} requests, call budget 1")


@pytest.mark.long
@pytest.mark.parametrize(
    ("quotas", "most_in_a_wave"),
    [
        pytest.param(
            "off", None, id="without pacing"
        ),  # whoever waits for the end of the pool's rest starts together: only measured
        pytest.param('{"amazon.nova-canvas-v1:0": 20}', 6, id="at 20 calls a second"),
    ],
)
def test_a_storm_of_refusals_passes_without_lockstep_and_without_cost(
    stack: Stack, seed: Seeds, measured: Measured, quotas: str, most_in_a_wave: int | None
) -> None:
    numbers = [seed() for _ in range(40)]
    stack.faults("throttle:0.9")
    started = time.time()
    with crewed(stack, **PATIENT, **SHORT_RESTS, DARKROOM_CALL_BUDGET="1", DARKROOM_QUOTAS=quotas):
        jobs = [stack.submit(text_image(seed=number)) for number in numbers]
        stack.until(lambda: time.time() - started > STORM_S, "the storm to pass")
        let_go, during = admissions(stack, jobs), stack.calls_of(*numbers)
        stack.faults()
        views = [stack.wait(job, 120) for job in jobs]
        over_s = time.time() - started
        until_told(stack, jobs)
    prove_that_nothing_was_used_up(stack, jobs, views)
    refused = [entry for entry in stack.calls_of(*numbers) if entry["status"] == 429]
    assert len(refused) <= REFUSALS_A_JOB * len(jobs)
    assert sum(entry["status"] == 429 for entry in during) >= len(during) * 0.7, "there was a storm"
    wave = largest_wave([at for at in let_go if at > let_go[0] + 1])
    measured(
        "case 25",
        f"40 jobs, {STORM_S:.0f} s of 90 % refusals, quotas {quotas}: {len(refused)} refused, then at most {wave} "
        f"returns within {WAVE_S} s, all done after {over_s:.0f} s",
    )
    assert most_in_a_wave is None or wave <= most_in_a_wave
