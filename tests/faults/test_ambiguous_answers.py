"""Cases 27 and 28: the endpoint did the work, and its answer did not arrive as a whole.

Nobody can tell whether such a call was billed: it is unknown, never failed, and is called once more at most.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from darkroom_shared.contract.views import JobView, total_usd
from tests.faults.checker import check, gather
from tests.faults.crew import calls_under, crewed, until_told
from tests.faults.spoiler import NO_ANSWER, Spoil, Spoiler, running_spoiler
from tests.integration.local_bedrock.endpoints import text_image
from tests.support.stack import PRICE, Stack

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]
USD = PRICE / 1_000_000
READ_TIMEOUT = "PT1.5S"


def submit_spoilt(stack: Stack, spoiler: Spoiler, seed: Seeds, times: int, ways: tuple[Spoil, ...] = NO_ANSWER) -> dict[int, str]:
    """One job for each way to spoil an answer, the first `times` answers of each: job by seed."""
    jobs: dict[int, str] = {}
    for way in ways:
        number = seed()
        spoiler.spoil(number, *[way] * times)
        jobs[number] = stack.submit(text_image(seed=number))
    return jobs


def outcomes(view: JobView) -> list[tuple[str, bool | None]]:
    """How each attempt ended, and whether it was billed."""
    return [(attempt.outcome, attempt.billed) for attempt in view.calls[0].attempts]


def test_an_answer_that_arrives_in_part_is_unknown_and_called_once_more(stack: Stack, seed: Seeds, measured: Measured) -> None:
    with running_spoiler(stack.endpoint) as spoiler:
        with crewed(stack, DARKROOM_READ_TIMEOUT=READ_TIMEOUT, **spoiler.environment()):
            jobs = submit_spoilt(stack, spoiler, seed, times=1)
            views = {number: stack.wait(job) for number, job in jobs.items()}
            until_told(stack, jobs.values())
        findings = check(gather(stack, list(jobs.values()), settle_s=5))
        assert dict(spoiler.requests) == dict.fromkeys(jobs, 2), "exactly one HTTP request for each attempt"
    for number, view in views.items():
        assert outcomes(view) == [("unknown", None), ("answered", True)]
        assert (view.state, view.cost.actual_usd, view.cost.uncertain_usd) == ("succeeded", USD, USD)
        first, second = calls_under(stack, number, ended=2)
        assert first["billed"]
        assert [out.sha256 for out in view.outputs] == second["image_sha256"]
    assert stored_pictures(stack) == {out.sha256 for view in views.values() for out in view.outputs}, "and no part of one"
    assert findings.problems == []
    measured("case 28", f"{len(jobs)} ways to lose an answer: {findings.calls} calls, {findings.unknown} unknown, 0 failed")


@pytest.mark.long
def test_without_a_second_try_an_unknown_call_is_never_paid_twice(stack: Stack, seed: Seeds, measured: Measured) -> None:
    with running_spoiler(stack.endpoint) as spoiler:
        settings = {"DARKROOM_READ_TIMEOUT": READ_TIMEOUT, "DARKROOM_AFTER_UNKNOWN": "0"}
        with crewed(stack, **settings, **spoiler.environment()):
            jobs = submit_spoilt(stack, spoiler, seed, times=1)
            views = [stack.wait(job) for job in jobs.values()]
            until_told(stack, jobs.values())
        findings = check(gather(stack, list(jobs.values()), settle_s=5, after_unknown=0))
        assert dict(spoiler.requests) == dict.fromkeys(jobs, 1)
    for view in views:
        assert (view.state, view.reason, outcomes(view)) == ("failed", "provider_timeout_ambiguous", [("unknown", None)])
        assert (view.cost.actual_usd, view.cost.uncertain_usd) == (0, USD)
    assert stored_pictures(stack) == set()
    assert findings.problems == []
    measured("case 27", f"after_unknown=0: {findings.calls} calls for {len(jobs)} jobs whose answer was lost")


@pytest.mark.long
def test_an_answer_that_is_lost_each_time_ends_the_job_after_two_calls(stack: Stack, seed: Seeds, measured: Measured) -> None:
    with running_spoiler(stack.endpoint) as spoiler:
        with crewed(stack, DARKROOM_READ_TIMEOUT=READ_TIMEOUT, **spoiler.environment()):
            jobs = submit_spoilt(stack, spoiler, seed, times=9)
            views = [stack.wait(job) for job in jobs.values()]
            until_told(stack, jobs.values())
        findings = check(gather(stack, list(jobs.values()), settle_s=5))
        assert dict(spoiler.requests) == dict.fromkeys(jobs, 2)
    for view in views:
        assert (view.state, view.reason, outcomes(view)) == ("failed", "provider_timeout_ambiguous", [("unknown", None)] * 2)
        assert (view.cost.actual_usd, view.cost.uncertain_usd) == (0, 2 * USD)
    assert stored_pictures(stack) == set()
    assert findings.problems == []
    measured("case 28", f"lost each time: {findings.calls} calls for {len(jobs)} jobs, all counted as possibly billed")


@pytest.mark.long
def test_an_endpoint_that_is_slower_than_the_read_timeout_is_asked_once_an_attempt(
    stack: Stack, seed: Seeds, measured: Measured
) -> None:
    """The endpoint itself holds the finished answer back: it sees the client leave and counts one request each time."""
    numbers = [seed() for _ in range(8)]
    stack.faults("timeout:count=8")
    with crewed(stack, DARKROOM_READ_TIMEOUT=READ_TIMEOUT):
        jobs = [stack.submit(text_image(seed=number)) for number in numbers]
        views = [stack.wait(job) for job in jobs]
        entries = calls_under(stack, *numbers, ended=16)
        until_told(stack, jobs)
    findings = check(gather(stack, jobs, settle_s=5))
    assert {tuple(outcomes(view)) for view in views} == {(("unknown", None), ("answered", True))}
    assert len(entries) == 16, "the SDK repeated nothing by itself"
    assert [entry["outcome"] for entry in entries].count("cut") == 8
    assert all(entry["billed"] for entry in entries)
    assert total_usd(part for view in views for part in (view.cost.actual_usd, view.cost.uncertain_usd)) == pytest.approx(16 * USD)
    assert findings.problems == []
    measured("case 27", "8 answers held back: 16 requests for 16 attempts, 8 unknown")


def stored_pictures(stack: Stack) -> set[str]:
    """The names of all pictures in the store."""
    return {path.name.partition(".")[0] for path in (stack.folder / "store" / "assets").rglob("*") if path.is_file()}
