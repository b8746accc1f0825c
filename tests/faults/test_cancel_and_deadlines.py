"""Case 35: a job is canceled, or its time runs out, in each state it can be in.

What was not sent is not sent any more; what was paid is kept; and the answer to the cancel says which of the two it was.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from darkroom_shared.failpoints import Point
from darkroom_shared.store import ops, upkeep
from tests.faults.checker import check, gather
from tests.faults.crew import PATIENT, at_once, calls_under, crewed, every_event, until_told
from tests.faults.scenes import frozen_at, in_so_many_seconds
from tests.integration.local_bedrock.endpoints import text_image
from tests.support.stack import PRICE, Stack, new_job_id

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]
USD = PRICE / 1_000_000
HOUR_S = 3600


def cancel(stack: Stack, job_id: str) -> tuple[str, str]:
    """Cancels a job; the answer and the job's state."""
    return stack.ledger.run(upkeep.cancel(job_id))


def prove_end(stack: Stack, job_id: str, number: int, *, state: str, requests: int, paid: float, pictures: int) -> None:
    """State, requests, cost and pictures of a job that has ended; and the ledger is clean."""
    view = stack.view(job_id)
    found = (view.state, len(stack.calls_of(number)), view.cost.actual_usd, view.cost.uncertain_usd, len(view.outputs))
    assert found == (state, requests, paid, 0, pictures)
    assert check(gather(stack, [job_id], settle_s=5)).problems == []


def waiting_jobs(stack: Stack, seed: Seeds, **fields: Any) -> dict[str, tuple[str, int]]:
    """One job in each state that needs no worker, by that state: job and seed."""
    numbers = [seed() for _ in range(3)]
    parked, scheduled, waiting = (new_job_id() for _ in range(3))
    records = [stack.record(text_image(seed=number), **fields).as_fields() for number in numbers]
    later = int((time.time() + HOUR_S) * 1000)
    stack.accept(
        [
            ops.NewJob(parked, records[0]),
            ops.NewJob(scheduled, {**records[1], "not_before_ms": str(later)}, dependants=[waiting], hold_until_ms=later),
            ops.NewJob(waiting, records[2], needs=[scheduled]),
        ]
    )
    found = {str(stack.view(job).state): (job, number) for job, number in zip((parked, scheduled, waiting), numbers, strict=True)}
    assert set(found) == {"queued", "scheduled", "waiting"}
    return found


def prove_that_none_is_called(stack: Stack, seed: Seeds, jobs: Mapping[str, tuple[str, int]], state: str) -> None:
    """A worker that comes later works, but not on these."""
    with crewed(stack, **PATIENT):
        for job_id, _ in jobs.values():
            stack.wait(job_id)
        assert stack.wait(stack.submit(text_image(seed=seed()))).state == "succeeded"
        until_told(stack, [job_id for job_id, _ in jobs.values()])
    for job_id, number in jobs.values():
        prove_end(stack, job_id, number, state=state, requests=0, paid=0, pictures=0)


def test_a_job_that_waits_is_canceled_at_once_and_never_called(stack: Stack, seed: Seeds, measured: Measured) -> None:
    jobs = waiting_jobs(stack, seed)
    answers = {name: cancel(stack, jobs[name][0]) for name in ("waiting", "scheduled", "queued")}
    assert set(answers.values()) == {("prevented", "canceled")}
    assert {cancel(stack, job_id) for job_id, _ in jobs.values()} == {("finished", "canceled")}, "a second time changes nothing"
    prove_that_none_is_called(stack, seed, jobs, "canceled")
    measured("case 35", "canceled while parked, scheduled, waiting: prevented, 0 requests, cost 0")


@pytest.mark.parametrize(
    ("point", "answer", "requests", "paid"),
    [
        pytest.param(Point.CLAIM_TAKEN, ("prevented", "canceling"), 0, 0.0, id="claimed"),
        pytest.param(Point.TASK_RECEIVED, ("prevented", "canceled"), 0, 0.0, id="admitted", marks=pytest.mark.long),
        pytest.param(Point.CALL_ANSWERED, ("detached", "canceling"), 1, USD, id="calling", marks=pytest.mark.long),
        pytest.param(Point.RECEIPT_NOTED, ("detached", "canceling"), 1, USD, id="responded", marks=pytest.mark.long),
        pytest.param(Point.COMMIT_DONE, ("finished", "succeeded"), 1, USD, id="done", marks=pytest.mark.long),
    ],
)
def test_a_job_is_canceled_while_its_worker_stands_still(
    stack: Stack, seed: Seeds, measured: Measured, point: Point, answer: tuple[str, str], requests: int, paid: float
) -> None:
    with frozen_at(stack, point, seed) as frozen:
        assert cancel(stack, frozen.job_id) == answer
        assert cancel(stack, frozen.job_id)[1] == answer[1], "asking again changes nothing"
        frozen.worker.thaw()
        stack.wait(frozen.job_id)
        until_told(stack, [frozen.job_id])
    state = "succeeded" if answer[0] == "finished" else "canceled"
    prove_end(stack, frozen.job_id, frozen.number, state=state, requests=requests, paid=paid, pictures=int(paid > 0))
    measured("case 35", f"canceled at {point}: {answer[0]}, {requests} requests before and 0 after, {int(paid > 0)} picture kept")


@pytest.mark.long
@pytest.mark.parametrize("point", [Point.CALL_ANSWERED, Point.RECEIPT_NOTED])
def test_a_canceled_job_whose_picture_is_not_wanted_pays_for_it_and_keeps_none(
    stack: Stack, seed: Seeds, measured: Measured, point: Point
) -> None:
    with frozen_at(stack, point, seed) as frozen:
        assert stack.ledger.run(upkeep.cancel(frozen.job_id, discard=True)) == ("detached", "canceling")
        frozen.worker.thaw()
        stack.wait(frozen.job_id)
        until_told(stack, [frozen.job_id])
    prove_end(stack, frozen.job_id, frozen.number, state="canceled", requests=1, paid=USD, pictures=0)
    measured("case 35", f"canceled at {point}, picture not wanted: 1 request, paid, 0 pictures kept")


@pytest.mark.long
def test_a_job_that_backs_off_is_canceled_before_it_comes_back(stack: Stack, seed: Seeds) -> None:
    number = seed()
    stack.faults("throttle")
    with crewed(stack, **PATIENT):
        job = stack.submit(text_image(seed=number))
        stack.until_event(job, "call.snooze")
        assert cancel(stack, job) == ("prevented", "canceled")
        stack.faults()
        before = len(stack.calls_of(number))
        assert stack.wait(stack.submit(text_image(seed=seed()))).state == "succeeded"
        until_told(stack, [job])
    prove_end(stack, job, number, state="canceled", requests=before, paid=0, pictures=0)


@contextmanager
def slow_call(stack: Stack, seed: Seeds, **fields: Any) -> Any:
    """A job whose call is under way for two seconds: job and seed."""
    number = seed()
    stack.faults("slow=2")
    with crewed(stack, **PATIENT):
        job = stack.submit(text_image(seed=number), **fields)
        stack.until_event(job, "call.gate")
        yield job, number
        stack.wait(job)
        until_told(stack, [job])


TEN = 10


def test_ten_cancels_at_once_of_a_waiting_job_are_one(stack: Stack, seed: Seeds) -> None:
    for job, _ in waiting_jobs(stack, seed).values():
        answers = Counter(at_once([lambda job=job: cancel(stack, job)] * TEN, TEN))  # type: ignore[misc]
        assert answers in ({("prevented", "canceled"): 1, ("finished", "canceled"): TEN - 1}, {("finished", "canceled"): TEN})
        types = Counter(event.type for event in every_event(stack, job))
        assert types["call.cancel"] == 1
        assert types["job.cancel"] == 0


@pytest.mark.long
def test_ten_cancels_at_once_of_a_call_under_way_are_one(stack: Stack, seed: Seeds, measured: Measured) -> None:
    with slow_call(stack, seed) as (job, number):
        answers = Counter(at_once([lambda: cancel(stack, job)] * TEN, TEN))
    assert answers == {("detached", "canceling"): TEN}
    prove_end(stack, job, number, state="canceled", requests=1, paid=USD, pictures=1)
    types = Counter(event.type for event in every_event(stack, job))
    measured("case 35", f"{TEN} cancels at once: {types['job.cancel']} events")
    assert types["job.cancel"] == 1


@pytest.mark.long
@pytest.mark.parametrize("deadline", ["start_by_ms", "finish_by_ms"])
def test_a_job_whose_time_is_over_before_it_starts_expires_without_a_call(stack: Stack, seed: Seeds, deadline: str) -> None:
    jobs = waiting_jobs(stack, seed, **in_so_many_seconds({deadline: 0.3}))
    jobs.pop("waiting")  # it ends with the step before it
    ended = time.time() + 0.3
    stack.until(lambda: time.time() > ended, "the time to be over")
    prove_that_none_is_called(stack, seed, jobs, "expired")


@pytest.mark.long
@pytest.mark.parametrize(
    ("point", "deadline", "state", "requests"),
    [
        pytest.param(Point.TASK_RECEIVED, "start_by_ms", "expired", 0, id="start, admitted"),
        pytest.param(Point.TASK_RECEIVED, "finish_by_ms", "expired", 0, id="finish, admitted"),
        pytest.param(Point.CLAIM_TAKEN, "start_by_ms", "succeeded", 1, id="start, claimed: it has started"),
        pytest.param(Point.CLAIM_TAKEN, "finish_by_ms", "expired", 0, id="finish, claimed"),
        pytest.param(Point.CALL_ANSWERED, "finish_by_ms", "succeeded", 1, id="finish, calling: it is paid"),
        pytest.param(Point.RECEIPT_NOTED, "finish_by_ms", "succeeded", 1, id="finish, responded: it is paid"),
    ],
)
def test_a_job_whose_time_runs_out_while_its_worker_stands_still(
    stack: Stack, seed: Seeds, measured: Measured, point: Point, deadline: str, state: str, requests: int
) -> None:
    with frozen_at(stack, point, seed, {deadline: 4.0}) as frozen:
        over = time.time() + 4.0
        stack.until(lambda: time.time() > over, "the time to be over")
        frozen.worker.thaw()
        stack.wait(frozen.job_id)
        until_told(stack, [frozen.job_id])
    prove_end(stack, frozen.job_id, frozen.number, state=state, requests=requests, paid=requests * USD, pictures=requests)
    measured("case 35", f"{deadline} passed at {point}: {state}, {requests} requests")


@pytest.mark.long
def test_a_job_whose_time_runs_out_while_it_backs_off_is_not_called_again(stack: Stack, seed: Seeds) -> None:
    number = seed()
    stack.faults("throttle")
    with crewed(stack, **PATIENT):
        job = stack.submit(text_image(seed=number), **in_so_many_seconds({"finish_by_ms": 2.0}))
        stack.until_event(job, "call.snooze")
        view = stack.wait(job)
        until_told(stack, [job])
    asked = calls_under(stack, number, ended=1)
    assert {entry["status"] for entry in asked} == {429}
    assert view.timings.finished is not None
    prove_end(stack, job, number, state="expired", requests=len(asked), paid=0, pictures=0)


@pytest.mark.long
def test_a_step_whose_time_is_over_expires_while_the_step_before_it_is_paid_and_kept(stack: Stack, seed: Seeds) -> None:
    first, second, numbers = new_job_id(), new_job_id(), (seed(), seed())
    late = in_so_many_seconds({"start_by_ms": 3.0})
    before = stack.record(text_image(seed=numbers[0])).as_fields()
    after = stack.record(text_image(seed=numbers[1]), **late).as_fields()
    stack.faults("slow=4")
    with crewed(stack, **PATIENT):
        stack.accept([ops.NewJob(first, before, dependants=[second]), ops.NewJob(second, after, needs=[first])])
        stack.wait(first)
        stack.wait(second)
        until_told(stack, [first, second])
    prove_end(stack, first, numbers[0], state="succeeded", requests=1, paid=USD, pictures=1)
    prove_end(stack, second, numbers[1], state="expired", requests=0, paid=0, pictures=0)
