"""The figures of the scenes, from calls whose answer is known."""

from __future__ import annotations

import pytest

from tests.bench.admission.figures import (
    Failover,
    Settling,
    Steady,
    added_p50_s,
    contended_until,
    deadlines_met,
    failover,
    fairness,
    least_share,
    settling,
    steady,
)
from tests.bench.admission.judge import Arrival
from tests.bench.admission.scenes import EAST, WEST, Quota

QUOTA = Quota(64, time_scale=60)
"""64 calls a second, which floats can count exactly; a minute takes one second."""


def stream(
    begin_s: float, end_s: float, per_s: float, status: int = 200, *, seed: int | None = None, region: str = EAST
) -> list[Arrival]:
    """An even stream of calls of 1 s."""
    instants = [begin_s + n / per_s for n in range(round((end_s - begin_s) * per_s))]
    return [Arrival(at_s, at_s + 1, region, "m", status, seed) for at_s in instants]


def alternating(seeds: str, per_s: float = 10) -> list[Arrival]:
    """Accepted calls, one digit a seed."""
    return [Arrival(n / per_s, n / per_s + 1, EAST, "m", 200, int(seed)) for n, seed in enumerate(seeds)]


def test_a_stream_at_the_quota_is_steady() -> None:
    assert steady(stream(0, 10, 64), QUOTA, 1.0, 9.0) == Steady(1.0, 0, 64)


def test_a_call_at_the_border_of_a_stretch_makes_no_difference() -> None:
    calls = stream(0, 10, 64)
    assert steady(calls, QUOTA, 1.001, 2.001).used == steady(calls, QUOTA, 1.015, 2.0).used == 1.0


def test_a_stream_that_breaks_off_is_not_used_to_the_end() -> None:
    assert steady(stream(0, 5, 64), QUOTA, 0.0, 10.0).used == 0.5


def test_refusals_within_the_stretch_are_counted() -> None:
    calls = sorted(stream(0, 10, 32) + stream(0, 10, 10, 429), key=lambda call: call.at_s)
    assert steady(calls, QUOTA, 2.0, 4.0) == Steady(0.5, 20, 42)


def test_settling_is_judged_after_five_quota_minutes() -> None:
    calls = stream(0, 5, 10, 429) + stream(5, 10, 64) + stream(7, 7.1, 30, 429)
    found = settling(calls, QUOTA, changed_s=0.0, end_s=10.0)
    assert found == Settling(50, 3 / 323, 1.0)


def test_what_others_leave_is_all_that_can_be_used() -> None:
    assert settling(stream(5, 10, 32), QUOTA, 0.0, 10.0, left=0.5).used == 1.0


def test_an_outage_counts_the_calls_into_it_and_the_way_back() -> None:
    east = stream(0, 5, 64) + stream(5, 20, 0.2, 429) + stream(21.5, 30, 64)
    west = stream(0, 30, 64, region=WEST)
    assert failover({EAST: east, WEST: west}, QUOTA, EAST, WEST, (5.0, 20.0)) == Failover(3, 1.0, 90.0)


def test_a_region_that_nobody_comes_back_to_has_no_way_back() -> None:
    assert failover({WEST: []}, QUOTA, EAST, WEST, (5.0, 20.0)) == Failover(0, 0.0, None)


def test_shares_are_judged_while_all_compete() -> None:
    calls = alternating("12121211111113")
    groups = {1: "a", 2: "b"}
    assert contended_until(calls, groups) == 0.5
    found = fairness(calls, Quota(600), groups, 0.0, urgent={3: 1.0})
    assert found.jain == pytest.approx(25 / 26)
    assert found.urgent_p95_slots == pytest.approx(3)


def test_a_share_is_weighed() -> None:
    calls = alternating("1121121123")
    assert fairness(calls, Quota(600), {1: "a", 2: "b"}, 0.0, weights={"a": 2.0}, urgent={3: 0.9}).jain == pytest.approx(
        25 / 26, abs=0.04
    )
    assert fairness(calls, Quota(600), {1: "a", 2: "b"}, 0.0, urgent={3: 0.9}).jain < 0.9


@pytest.mark.parametrize(("seeds", "least"), [("1112111211", 0.25), ("1111112111", 0.0), ("22", 1.0)])
def test_a_floor_is_judged_in_every_run_of_calls(seeds: str, least: float) -> None:
    assert least_share(alternating(seeds), {2}, 4, 0.0, 10.0) == least


def test_a_deadline_is_met_by_the_end_of_the_call() -> None:
    calls = alternating("123")
    assert deadlines_met(calls, {1: 1.0, 2: 1.05, 3: 5.0, 4: 5.0}) == 0.5


def test_the_added_time_is_the_middle_of_the_waits() -> None:
    calls = alternating("123")
    assert added_p50_s(calls, {1: -0.02, 2: 0.09, 3: 0.0}) == pytest.approx(0.02)
