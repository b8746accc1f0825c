"""Case 33: a job that takes its worker down each time is set aside after the crash budget, and the others are served."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from darkroom_shared.failpoints import Point
from darkroom_shared.store import reads
from tests.faults.checker import check, gather
from tests.faults.crew import PATIENCE_S, PATIENT, crewed, every_event, until_told
from tests.faults.fleet import Fleet
from tests.integration.local_bedrock.endpoints import text_image
from tests.support.stack import PRICE, Stack

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]
USD = PRICE / 1_000_000
POISON = {"DARKROOM_FAILPOINTS": f"{Point.CLAIM_TAKEN}=kill"}


def set_aside(stack: Stack, seed: Seeds, *, crash_budget: int, beside: int) -> str:
    """A supervised worker dies over a job until the job is set aside; then others run. What happened, in a sentence.

    A failpoint knows no job by name, so the poison is alone with the workers that it kills.
    """
    poison = seed()
    budget = {"DARKROOM_CRASH_BUDGET": str(crash_budget)}
    with Fleet(stack, 1, each={0: POISON | budget}) as fleet:
        job = stack.submit(text_image(seed=poison))
        view = stack.wait(job, PATIENCE_S * crash_budget)
        deaths = fleet.exits(0)
    assert deaths == [-9] * crash_budget, "each of its claims cost a worker, and the next one set it aside"
    assert (view.state, view.reason, view.calls[0].state) == ("failed", "worker_lost", "quarantined")
    assert (view.cost.actual_usd, view.cost.uncertain_usd, stack.calls_of(poison)) == (0, 0, [])
    types = Counter(event.type for event in every_event(stack, job))
    assert (types["call.claim"], types["call.quarantine"], types["call.gate"]) == (crash_budget, 1, 0)
    with crewed(stack, **PATIENT, **budget):
        others = [stack.submit(text_image(seed=seed())) for _ in range(beside)]
        views = [stack.wait(other, PATIENCE_S) for other in others]
        until_told(stack, [job, *others])
    findings = check(gather(stack, [job, *others], settle_s=5))
    assert {(other.state, other.cost.actual_usd, len(other.calls[0].attempts)) for other in views} == {("succeeded", USD, 1)}
    assert {stack.ledger.run(reads.call(other.calls[0].id)).get("crashes", "0") for other in views} == {"0"}
    assert findings.problems == []
    return f"crash budget {crash_budget}: {len(deaths)} dead workers, no paid call, {beside} others done"


@pytest.mark.long
def test_a_job_that_kills_its_worker_is_set_aside_after_the_crash_budget(stack: Stack, seed: Seeds, measured: Measured) -> None:
    measured("case 33", set_aside(stack, seed, crash_budget=1, beside=3))


@pytest.mark.long
def test_a_job_that_kills_every_worker_takes_three_with_it_and_no_more(stack: Stack, seed: Seeds, measured: Measured) -> None:
    measured("case 33", set_aside(stack, seed, crash_budget=3, beside=20))
