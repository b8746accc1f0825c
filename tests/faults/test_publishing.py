"""Case 16: a producer dies between record and publish, and messages that are sent more than once."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from darkroom_shared.failpoints import Point
from darkroom_shared.store import reads
from tests.faults.crew import crewed
from tests.faults.ground import messages_waiting, produced, prove, published_again, submit_all
from tests.support.stack import Stack

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]

DEATHS = (Point.ACCEPT_DONE, Point.PUBLISH_SENDING, Point.PUBLISH_DONE)


@pytest.mark.long
def test_a_producer_that_dies_after_recording_has_submitted_and_the_call_is_made_once(
    stack: Stack, seed: Seeds, measured: Measured
) -> None:
    """At every moment: before the call was let go, before its message was sent, and after."""
    jobs: dict[str, int] = {}
    with crewed(stack):
        for point in DEATHS:
            number = seed()
            dead = produced(stack, number, DARKROOM_FAILPOINTS=f"{point}=kill")
            assert (dead.returncode, dead.stdout) == (-signal.SIGKILL, "")
            [new] = set(stack.ledger.run(reads.jobs())) - set(jobs)
            jobs[new] = number
            began = time.monotonic()
            stack.wait(new)
            measured("case 16", f"producer killed at {point}: over {time.monotonic() - began:.1f} s later")
        findings = prove(stack, jobs)
    assert findings.unknown == 0


def test_a_producer_that_dies_before_recording_has_submitted_nothing(stack: Stack, seed: Seeds) -> None:
    dead = produced(stack, seed(), DARKROOM_FAILPOINTS=f"{Point.ACCEPT_SENDING}=kill")
    assert (dead.returncode, dead.stdout) == (-signal.SIGKILL, "")
    assert stack.ledger.run(reads.jobs()) == []


def test_the_same_message_ten_times_makes_one_call(stack: Stack, seed: Seeds, measured: Measured) -> None:
    """Before the call, during it and after its end; a publisher whose try timed out after it had worked does the same."""
    stack.faults("slow=0.5:count=1")
    with crewed(stack) as worker:
        worker.freeze()
        jobs = submit_all(stack, [seed()])
        [job] = jobs
        for _ in range(4):
            published_again(stack, job)
        worker.thaw()
        stack.until(lambda: stack.endpoint.stats()["in_flight"] == 1, "the call to be under way")
        for _ in range(4):
            published_again(stack, job)
        stack.wait(job)
        published_again(stack, job)
        stack.until(lambda: messages_waiting(stack) == 0, "the queue to be empty")
        findings = prove(stack, jobs)
    claims = [event.type for event in stack.ledger.run(reads.events(job))].count("call.claim")
    assert (findings.calls, claims) == (1, 1)
    measured("case 16", f"one hint sent 10 times: {findings.calls} call")


@pytest.mark.parametrize("point", [Point.PUBLISH_SENDING, Point.RECONCILE_DONE])
@pytest.mark.long
def test_a_worker_that_dies_while_it_publishes_loses_nothing(point: Point, stack: Stack, seed: Seeds, measured: Measured) -> None:
    """The admission loop and the reconciler let calls go, too, and may die before their messages are sent."""
    with crewed(stack, "--slots", "2", DARKROOM_FAILPOINTS=f"{point}=kill@2") as first:
        jobs = submit_all(stack, [seed() for _ in range(8)])
        first.until_killed()
        died = time.monotonic()
        with crewed(stack):
            findings = prove(stack, jobs, extra=range(3), killed=True)
    assert findings.calls <= findings.jobs + findings.unknown
    measured("case 16", f"worker killed at {point}: {findings}, over after {time.monotonic() - died:.1f} s")
