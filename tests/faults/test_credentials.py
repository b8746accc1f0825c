"""Case 30: the credentials end while jobs run.

That is no job's fault: nothing fails, nothing is used up, and the service is not hammered.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable

import pytest

from darkroom_shared.store import reads
from tests.faults.checker import check, gather
from tests.faults.crew import PATIENT, crewed, every_event, until_told
from tests.integration.local_bedrock.endpoints import text_image
from tests.support.stack import PRICE, Stack

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]
USD = PRICE / 1_000_000
CODES = {"ExpiredTokenException": "credentials_expired", "UnrecognizedClientException": "credentials_invalid"}


def outage(stack: Stack, seed: Seeds, *, code: str, jobs_before: int, jobs_during: int, lasts_s: float) -> str:
    """Some jobs before, some under expired credentials, all of them done afterwards; what happened, in a sentence."""
    numbers = [seed() for _ in range(jobs_before + jobs_during)]
    with crewed(stack, **PATIENT, DARKROOM_CALL_BUDGET="1"):
        jobs = [stack.submit(text_image(seed=number)) for number in numbers[:jobs_before]]
        for job in jobs:
            stack.wait(job)
        stack.faults(f"error={code}")
        started = time.monotonic()
        jobs += [stack.submit(text_image(seed=number)) for number in numbers[jobs_before:]]
        stack.until(lambda: time.monotonic() - started > lasts_s, "the outage to pass")
        states = Counter(stack.view(job).state for job in jobs[jobs_before:])
        refused = len([entry for entry in stack.calls_of(*numbers) if entry["status"] == 403])
        stack.faults()
        views = [stack.wait(job, 90) for job in jobs]
        until_told(stack, jobs)
    findings = check(gather(stack, jobs, settle_s=5))
    assert set(states) <= {"queued", "running"}, "nothing ends while nobody can sign"
    # A request at once, the next ones after pauses of at least 0.5, 1, 2, 4 s; a job that comes while its pool rests makes none.
    bound = jobs_during * (1 + int(math.log2(2 * lasts_s + 1)))
    assert 1 <= refused <= bound
    assert Counter(view.state for view in views) == {"succeeded": len(jobs)}
    assert {stack.ledger.run(reads.call(view.calls[0].id))["attempts"] for view in views} == {"1"}
    assert {(view.cost.actual_usd, view.cost.uncertain_usd) for view in views} == {(USD, 0)}
    for view in views[jobs_before:]:
        reasons = {attempt.outcome for attempt in view.calls[0].attempts if attempt.snoozed}
        assert reasons <= {CODES[code]}
        assert "call.quarantine" not in [event.type for event in every_event(stack, view.id)]
    assert findings.problems == []
    return f"{code}: {refused} requests in {lasts_s:g} s for {jobs_during} jobs, 0 failed, all done afterwards"


def test_jobs_wait_for_credentials_that_have_expired(stack: Stack, seed: Seeds, measured: Measured) -> None:
    said = outage(stack, seed, code="ExpiredTokenException", jobs_before=2, jobs_during=4, lasts_s=1.2)
    measured("case 30", said)


@pytest.mark.long(seconds=35)
@pytest.mark.parametrize("code", CODES)
def test_a_long_outage_of_the_credentials_is_waited_out(stack: Stack, seed: Seeds, measured: Measured, code: str) -> None:
    measured("case 30", outage(stack, seed, code=code, jobs_before=5, jobs_during=30, lasts_s=12))
