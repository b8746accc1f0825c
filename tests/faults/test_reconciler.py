"""Case 18: nobody looks after the ledger for a while, then two workers start together."""

from __future__ import annotations

import time
from collections.abc import Callable

import orjson
import pytest
import redis

from tests.faults.crew import crewed
from tests.faults.fleet import Fleet
from tests.faults.ground import messages_waiting, prove, register_nobody, submit_all
from tests.support.stack import Stack

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]
JOBS = 60


def republished(fleet: Fleet) -> int:
    """Messages that the fleet's reconcilers sent again."""
    lines = [line for number in range(fleet.size) for line in fleet.said(number).splitlines() if '"repaired"' in line]
    return sum(int(orjson.loads(line)["republished"]) for line in lines)


@pytest.mark.long
@pytest.mark.parametrize("kept", [True, False], ids=["messages kept", "messages lost"])
def test_two_workers_that_start_together_after_an_outage_do_every_job_once_and_publish_no_storm(
    kept: bool, stack: Stack, seed: Seeds, measured: Measured
) -> None:
    """Half of the calls were let go for a worker that died since, so their messages are overdue when the two come."""
    register_nobody(stack, slots=JOBS // 2, ttl_ms=4000)
    jobs = submit_all(stack, [seed() for _ in range(JOBS)])
    first = messages_waiting(stack)
    assert first == JOBS // 2
    if not kept:
        with redis.Redis.from_url(stack.redis_url) as raw:
            raw.delete(f"{stack.prefix}celery:darkroom")
    since = time.monotonic()
    stack.until(lambda: time.monotonic() - since > 5, "the republish interval to be long over", 10)
    with Fleet(stack, 2, "--slots", "10") as fleet:
        began = time.monotonic()
        findings = prove(stack, jobs)
        took = time.monotonic() - began
        stack.until(lambda: messages_waiting(stack) == 0, "the queue to be empty")
        again = republished(fleet)
    assert findings.unknown == 0
    # One round of the overdue calls; a second only for those that a busy worker had not reached after another interval.
    assert again <= 2 * first
    measured(
        "case 18",
        f"{JOBS} jobs, {first} overdue, messages {'kept' if kept else 'lost'}: {findings.calls} calls, "
        f"{again} published again, over after {took:.1f} s",
    )


@pytest.mark.long(seconds=50)
def test_calls_that_wait_for_a_busy_worker_are_not_published_over_and_over(stack: Stack, seed: Seeds, measured: Measured) -> None:
    """Every repeat is one more message that somebody must take and refuse: a fleet that is slow for a while would not catch up."""
    waiting, slow_s = 40, 14
    stack.faults(f"slow={slow_s}:count=1")
    register_nobody(stack, slots=waiting)
    with crewed(stack, "--slots", "1", DARKROOM_READ_TIMEOUT="PT20S"):
        busy = submit_all(stack, [seed()])
        stack.until(lambda: stack.endpoint.stats()["in_flight"] == 1, "the only slot to be taken")
        jobs = submit_all(stack, [seed() for _ in range(waiting)])
        stack.until(lambda: stack.endpoint.stats()["in_flight"] == 0, "the slow call to end", slow_s + 10)
        most = messages_waiting(stack)
        findings = prove(stack, busy | jobs)
    measured("case 18", f"{waiting} calls waited {slow_s} s for a busy worker: {most} messages, {findings.calls} calls")
    assert most <= 4 * waiting
