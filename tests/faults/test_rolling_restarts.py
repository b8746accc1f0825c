"""Cases 34 and 38: workers are replaced one after the other under load, as a deployment does it; no Flower is anywhere."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.faults.fleet import Fleet
from tests.faults.ground import prove, submit_all
from tests.support.stack import Stack

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]


def roll(stack: Stack, fleet: Fleet, grace_s: float, done: Callable[[], bool]) -> tuple[int, int]:
    """Restarts one worker after the other until it is done: TERM, then KILL after the grace. How many, and how many were killed."""
    restarts = kills = 0
    while not done():
        number = restarts % fleet.size
        exits = fleet.restarts
        fleet.terminate(number)
        deadline = time.monotonic() + grace_s
        stack.until(lambda exits=exits, end=deadline: fleet.restarts > exits or time.monotonic() > end, "grace", grace_s + 5)  # type: ignore[misc]
        if fleet.restarts == exits:
            fleet.kill(number)
            kills += 1
            stack.until(lambda exits=exits: fleet.restarts > exits, "the restart")  # type: ignore[misc]
        restarts += 1
        fleet.until_registered()
    return restarts, kills


@pytest.mark.long(seconds=50)
@pytest.mark.parametrize("grace_s", [30.0, 0.15], ids=["enough grace", "too short a grace"])
def test_restarts_one_after_the_other_under_load(grace_s: float, stack: Stack, seed: Seeds, measured: Measured) -> None:
    """With enough grace no call is repeated; without it, at most those that were killed, and each is counted.

    A job whose calls of a second were killed four times has failed, as its budget says.
    """
    slots, jobs_in_all = 4, 120
    stack.faults("slow=1")
    seeds = [seed() for _ in range(jobs_in_all)]
    with Fleet(
        stack,
        2,
        "--slots",
        str(slots),
        DARKROOM_READ_TIMEOUT="PT5S",
        DARKROOM_CALL_BUDGET="10",
        DARKROOM_AFTER_UNKNOWN="3",
        DARKROOM_CRASH_BUDGET="10",
    ) as fleet:
        jobs = submit_all(stack, seeds)
        began = time.monotonic()
        restarts, kills = roll(stack, fleet, grace_s, lambda: len(stack.calls_of(*seeds)) >= jobs_in_all * 0.8)
        extra = range(kills * slots + 1)
        findings = prove(
            stack, jobs, extra=extra, within_s=120, call_budget=10, after_unknown=3, killed=kills > 0, may_use_up=kills > 0
        )
        took = time.monotonic() - began
    assert findings.calls <= findings.jobs + findings.unknown
    if grace_s > 1:
        assert (kills, findings.calls, findings.unknown) == (0, jobs_in_all, 0)
        assert restarts >= 3
    else:
        assert kills >= 3
    measured("case 34", f"{restarts} restarts, {kills} killed after {grace_s:g} s: {findings}; {took:.0f} s")
