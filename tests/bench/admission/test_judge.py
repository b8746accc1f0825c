"""The judge of the benchmarks: figures from a log."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.admission.judge import (
    Arrival,
    Wait,
    arrivals,
    between,
    by_region,
    by_seed,
    first_success,
    jain,
    most_in_any,
    percentile,
    result_of,
    shares,
    table,
    throttled_share,
    utilisation,
    waits,
    waits_by_group,
)

NOVA = "amazon.nova-canvas-v1:0"


def call(at_s: float, status: int = 200, *, seed: int | None = None, region: str = "us-east-1") -> Arrival:
    return Arrival(at_s, at_s + 1, region, NOVA, status, seed)


def entry(at_s: float, status: int, seed: int) -> dict[str, Any]:
    times = {"received_s": at_s, "ended_s": at_s + 1, "duration_s": 1.0}
    return times | {"region": "us-east-1", "model": NOVA, "status": status, "seed": seed}


def test_the_log_is_put_in_order_of_arrival() -> None:
    assert arrivals([entry(2.0, 200, 1), entry(1.0, 429, 2)]) == [call(1.0, 429, seed=2), call(2.0, seed=1)]


def test_utilisation_counts_accepted_calls_within_the_time() -> None:
    calls = [call(0.0), call(1.0), call(1.5, 429), call(2.0), call(3.9, 500), call(4.0)]
    assert utilisation(calls, per_s=1.0, begin_s=0.0, end_s=4.0) == 0.75


def test_refusals_are_a_share_of_the_calls_after_the_settling_time() -> None:
    calls = [call(0.0, 429), call(10.0, 429), call(11.0), call(12.0), call(13.0)]
    assert throttled_share(calls, after_s=10.0) == 0.25
    assert throttled_share(calls, after_s=100.0) == 0.0


@pytest.mark.parametrize(
    ("instants", "most"),
    [([], 0), ([5.0], 1), ([0.0, 0.5, 0.999], 3), ([0.0, 0.5, 1.0], 2), ([0.0, 0.9, 1.1, 1.8, 5.0], 3), ([1.8, 0.9, 1.1, 0.0], 3)],
)
def test_the_fullest_window_is_found_wherever_it_begins(instants: list[float], most: int) -> None:
    assert most_in_any([call(at_s) for at_s in instants], window_s=1.0) == most


def test_calls_are_told_apart_by_time_region_and_seed() -> None:
    east, west = call(1.0, seed=1), call(2.0, seed=2, region="us-west-2")
    assert between([east, west], 1.0, 2.0) == [east]
    assert by_region([east, west]) == {"us-east-1": [east], "us-west-2": [west]}
    assert by_seed([east, west, call(3.0)], {2}) == [west]


def test_the_first_success_after_an_outage_is_found() -> None:
    calls = [call(1.0), call(5.0, 429), call(7.5), call(8.0)]
    assert first_success(calls, after_s=5.0) == 2.5
    assert first_success(calls, after_s=9.0) is None


@pytest.mark.parametrize(("amounts", "index"), [([3, 3, 3], 1.0), ([1, 0, 0, 0], 0.25), ([2, 1], 0.9)])
def test_jains_index_is_one_for_equal_shares(amounts: list[float], index: float) -> None:
    assert jain(amounts) == pytest.approx(index)


def test_fairness_of_nothing_is_not_judged() -> None:
    with pytest.raises(ValueError, match="nobody"):
        jain([0, 0])


def test_a_group_without_a_call_has_a_share_of_nothing() -> None:
    calls = [call(1.0, seed=1), call(2.0, seed=2), call(3.0, 429, seed=3), call(4.0, seed=99), call(5.0)]
    assert shares(calls, {1: "a", 2: "a", 3: "b"}) == {"a": 2, "b": 0}


@pytest.mark.parametrize(("share", "value"), [(0.5, 50.0), (0.95, 95.0), (1.0, 100.0), (0.0, 1.0)])
def test_percentiles_are_values_that_occurred(share: float, value: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], share) == value


def test_a_wait_ends_with_the_first_accepted_call() -> None:
    calls = [call(11.0, 429, seed=1), call(13.0, seed=1), call(14.0, seed=1), call(15.0, 429, seed=2)]
    assert waits({1: 10.0, 2: 10.0}, calls) == {1: 3.0}


def test_waits_are_told_by_group() -> None:
    submitted = {1: 0.0, 2: 0.0, 3: 1.0}
    calls = [call(2.0, seed=1), call(4.0, seed=2), call(1.5, seed=3)]
    groups = {1: "bulk", 2: "bulk", 3: "urgent"}
    assert waits_by_group(submitted, calls, groups) == {"bulk": Wait(2, 2.0, 4.0), "urgent": Wait(1, 0.5, 0.5)}


def test_a_burst_is_judged_from_its_submission_to_its_last_accepted_call() -> None:
    log = [entry(10.5, 200, 1), entry(10.5, 429, 2), entry(12.0, 200, 2), entry(13.0, 429, 3), entry(9.0, 200, 77)]
    result = result_of("plain", {1: 10.0, 2: 10.0, 3: 10.0}, log, per_s=2.0, lost=1, late=0, deliveries=4)
    assert (result.jobs, result.calls, result.throttled, result.drain_s, result.used) == (3, 4, 2, 2.0, 0.5)
    assert result.wait == Wait(2, 0.5, 2.0)


def test_a_table_is_aligned() -> None:
    text = table(("who", "s"), [("ours", 1.25), ("somebody", 100)])
    assert text.splitlines() == ["who         s", "--------  ---", "ours      1.2", "somebody  100"]
