"""Case 26: bursts of errors of the service itself. They are tried again as often as the call budget allows, and not once more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from darkroom_shared.contract.views import JobView
from tests.faults.checker import check, gather
from tests.faults.crew import PATIENT, crewed, until_told
from tests.integration.local_bedrock.endpoints import TITAN, text_image
from tests.support.stack import PRICE, Stack

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]
USD = PRICE / 1_000_000
BUDGET = 3
BURST = tuple(
    f"error={code}:p={p}"
    # Each is drawn only if none before it struck: together three requests in ten.
    for code, p in (("InternalServerException", 0.1), ("ServiceUnavailableException", 0.111), ("ModelErrorException", 0.125))
)
ALWAYS = f"error=ServiceUnavailableException:model={TITAN}"
ERRORS = {500: "provider_unavailable", 503: "provider_unavailable", 424: "model_error"}


def prove(view: JobView, statuses: list[int]) -> None:
    """One job's attempts, outcome and cost follow from what the endpoint answered it."""
    attempts = view.calls[0].attempts
    expected = [ERRORS.get(status, "answered") for status in statuses]
    if statuses[-1] != 200:
        expected[-1] = "failed"
    assert [attempt.outcome for attempt in attempts] == expected
    assert len(attempts) <= BUDGET
    if statuses[-1] == 200:
        assert (view.state, view.cost.actual_usd) == ("succeeded", USD)
    else:
        assert (view.state, view.reason, len(statuses), view.cost.actual_usd) == ("failed", "attempts_exhausted", BUDGET, 0)
    # Nobody says whether the model's own error was billed.
    assert view.cost.uncertain_usd == pytest.approx(statuses.count(424) * USD)


def burst(stack: Stack, seed: Seeds, ordinary: int, doomed: int) -> str:
    """Jobs in a burst of errors, and some of a model that never answers; what happened, in a sentence."""
    numbers = [seed() for _ in range(ordinary + doomed)]
    models = ["amazon.nova-canvas-v1:0"] * ordinary + [TITAN] * doomed
    stack.faults(ALWAYS, *BURST)
    with crewed(stack, **PATIENT):
        jobs = [stack.submit(text_image(seed=n), model=model) for n, model in zip(numbers, models, strict=True)]
        views = [stack.wait(job, 60) for job in jobs]
        until_told(stack, jobs)
    findings = check(gather(stack, jobs, settle_s=5))
    seen = 0
    for number, view in zip(numbers, views, strict=True):
        entries = sorted(stack.calls_of(number), key=lambda entry: int(entry["arrival"]))
        prove(view, [entry["status"] for entry in entries])
        seen += len(entries)
    assert Counter(view.state for view in views[ordinary:]) == {"failed": doomed}
    errors = sum(attempt.outcome != "answered" for view in views for attempt in view.calls[0].attempts)
    exhausted = sum(view.reason == "attempts_exhausted" for view in views)
    # Every job gets its call; every error but the last of a job that gave up makes one more.
    assert seen == len(jobs) + errors - exhausted
    assert findings.problems == []
    return f"{len(jobs)} jobs, {seen} calls, {errors} errors, {exhausted} gave up after {BUDGET}, most attempts {BUDGET}"


def test_errors_of_the_service_are_tried_again_within_the_budget(stack: Stack, seed: Seeds, measured: Measured) -> None:
    measured("case 26", burst(stack, seed, ordinary=12, doomed=1))


@pytest.mark.long
def test_a_burst_of_errors_over_sixty_jobs(stack: Stack, seed: Seeds, measured: Measured) -> None:
    measured("case 26", burst(stack, seed, ordinary=56, doomed=4))
