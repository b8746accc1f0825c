"""Cases 5 and 15: a worker that is frozen for longer than its lease, and one whose clock is two hours off.

The ledger reads its own server's clock and no other, so a worker's clock is only for its log.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from darkroom_shared.store import reads
from tests.faults.crew import LEASE_S, crewed
from tests.faults.ground import prove, submit_all
from tests.support.stack import Stack

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]


def commits(stack: Stack, job_id: str) -> int:
    """How often a result was recorded for a job."""
    return [event.type for event in stack.ledger.run(reads.events(job_id))].count("call.commit")


@pytest.mark.long
def test_a_worker_frozen_in_a_call_for_longer_than_its_lease_writes_no_second_result(
    stack: Stack, seed: Seeds, measured: Measured
) -> None:
    """Another one has taken the call over by the time it wakes up with its answer."""
    stack.faults("slow=0.5:count=1")
    with crewed(stack) as frozen:
        jobs = submit_all(stack, [seed()])
        [job] = jobs
        stack.until(lambda: stack.endpoint.stats()["in_flight"] == 1, "the call to be under way")
        frozen.freeze()
        with crewed(stack):
            stack.wait(job)
            frozen.thaw()
            stack.until(lambda: frozen.outcomes() == ["lease_lost"], "the late write to be refused")
            findings = prove(stack, jobs, extra=[1])
    assert (findings.calls, findings.unknown, commits(stack, job)) == (2, 1, 1)
    measured("case 5", f"frozen in the call, taken over: {findings}, 1 commit")


@pytest.mark.long
def test_a_worker_frozen_for_longer_than_its_lease_with_nobody_else_there_goes_on_where_it_was(
    stack: Stack, seed: Seeds, measured: Measured
) -> None:
    """Nobody looked after the ledger meanwhile, so nobody took its call away; its answer waits in the socket."""
    stack.faults("slow=0.5:count=1")
    with crewed(stack, DARKROOM_READ_TIMEOUT="PT60S") as frozen:
        jobs = submit_all(stack, [seed()])
        [job] = jobs
        stack.until(lambda: stack.endpoint.stats()["in_flight"] == 1, "the call to be under way")
        frozen.freeze()
        began = time.monotonic()
        stack.until(lambda: time.monotonic() - began > LEASE_S + 2, "the lease to be over", 10)
        frozen.thaw()
        findings = prove(stack, jobs)
    assert findings.unknown == 0
    assert commits(stack, job) == 1
    measured("case 5", f"frozen in the call, alone: {findings}, 1 commit")


def fake_clock(hours: int) -> dict[str, str]:
    """The environment of a process whose wall clock is so many hours ahead; skips where libfaketime is not installed."""
    found = sorted(Path("/usr/lib").glob("**/libfaketimeMT.so.1"))
    if not found:
        pytest.skip("case 15 needs libfaketime: apt-get install faketime")
    # The steady clock stays as it is, as on a machine whose clock was set.
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME": f"{hours:+d}h",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def hour_of(log: str) -> str:
    """Date and hour of the first line that a worker logged."""
    return log.partition('"timestamp": "')[2][:13]


@pytest.mark.long
@pytest.mark.parametrize("hours", [2, -2], ids=["ahead", "behind"])
def test_a_worker_whose_clock_is_two_hours_off_takes_nothing_away_and_repeats_nothing(
    hours: int, stack: Stack, seed: Seeds, measured: Measured
) -> None:
    """Calls last longer than a lease and two reconcilers look; plain Celery hands them out a second time."""
    stack.faults(f"slow={LEASE_S + 1.5}")
    crooked = fake_clock(hours)
    with (
        crewed(stack, "--slots", "6", DARKROOM_READ_TIMEOUT="PT10S") as right,
        crewed(stack, "--slots", "6", DARKROOM_READ_TIMEOUT="PT10S", **crooked) as wrong,
    ):
        assert hour_of(right.said()) != hour_of(wrong.said()), "the clock is really off"
        jobs = submit_all(stack, [seed() for _ in range(12)])
        findings = prove(stack, jobs)
        shares = [len(worker.outcomes()) for worker in (right, wrong)]
    assert (findings.calls, findings.unknown, findings.failed) == (12, 0, 0)
    assert min(shares) > 0, "both had calls"
    for job in jobs:
        for attempt in stack.view(job).calls[0].attempts:
            assert abs(attempt.started_ms / 1000 - time.time()) < 300, "attempts carry the server's time"
    measured(
        "case 15", f"clock {hours:+d} h, calls {LEASE_S + 1.5:g} s under a lease of {LEASE_S:g} s: {findings}, shares {shares}"
    )
