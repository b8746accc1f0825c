"""What follows from a failure: decisions, budgets and the bounds of the waiting times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom_shared.core.failure import Failure, FailureKind
from darkroom_shared.core.retry import (
    BASE_S,
    CAP_S,
    AfterDoubt,
    Budget,
    Doubt,
    GiveUp,
    History,
    Reject,
    Snooze,
    decide,
    full_jitter,
)

draws = st.floats(0, 1, exclude_max=True)


def failure(kind: FailureKind) -> Failure:
    return Failure(kind, "code", "text")


@pytest.mark.parametrize("attempts", [1, 2, 3, 99])
def test_a_permanent_failure_is_never_tried_again(attempts: int) -> None:
    assert decide(failure(FailureKind.PERMANENT), History(attempts, 0, 0), Budget(), 0.5) == GiveUp("code")


def test_a_filters_refusal_is_a_result() -> None:
    assert decide(failure(FailureKind.FILTERED), History(1, 0, 0), Budget(), 0.5) == Reject()


@pytest.mark.parametrize(("attempts", "goes_on"), [(1, True), (2, True), (3, False), (4, False)])
def test_an_error_is_tried_again_within_the_budget(attempts: int, goes_on: bool) -> None:
    decision = decide(failure(FailureKind.RETRY), History(attempts, 0, 0), Budget(attempts=3), 0.5)
    assert isinstance(decision, Snooze) == goes_on
    assert decision == GiveUp("attempts_exhausted") or (isinstance(decision, Snooze) and decision.counts)


@given(attempts=st.integers(0, 50), draw=draws)
def test_the_wait_after_an_error_lies_within_full_jitter(attempts: int, draw: float) -> None:
    decision = decide(failure(FailureKind.RETRY), History(attempts, 0, 0), Budget(attempts=1000), draw)
    assert isinstance(decision, Snooze)
    assert 0 <= decision.delay_s <= min(CAP_S, BASE_S * 2 ** max(0, attempts - 1))


@given(snoozes=st.integers(0, 10_000), attempts=st.integers(1, 99), draw=draws)
def test_throttling_leaves_the_waiting_to_the_pool_and_costs_no_attempt(snoozes: int, attempts: int, draw: float) -> None:
    decision = decide(failure(FailureKind.THROTTLED), History(attempts, 0, snoozes), Budget(attempts=1), draw)
    assert decision == Snooze(0, "throttled", counts=False)


@given(exponent=st.integers(0, 10_000), draw=draws, base=st.floats(0.001, 10), cap=st.floats(0.001, 1000))
def test_jitter_never_leaves_its_span(exponent: int, draw: float, base: float, cap: float) -> None:
    assert 0 <= full_jitter(exponent, base, cap, draw) <= min(cap, base * 2.0 ** min(exponent, 30))


@given(draw=draws, exponent=st.integers(0, 29))
def test_jitter_grows_with_the_exponent_until_the_cap(draw: float, exponent: int) -> None:
    assert full_jitter(exponent, 1, 60, draw) <= full_jitter(exponent + 1, 1, 60, draw)


@pytest.mark.parametrize(
    ("history", "budget", "retry"),
    [
        (History(1, 0, 0), Budget(3, 1), True),
        (History(2, 1, 0), Budget(3, 1), False),
        (History(1, 0, 0), Budget(3, 0), False),
        (History(3, 0, 0), Budget(3, 1), False),
        (History(2, 1, 0), Budget(3, 2), True),
    ],
)
def test_an_unknown_outcome_is_tried_again_only_within_its_own_budget(history: History, budget: Budget, retry: bool) -> None:
    assert decide(failure(FailureKind.UNKNOWN), history, budget, 0.5) == Doubt(AfterDoubt.RETRY if retry else AfterDoubt.FAIL)


def test_a_job_that_holds_unknown_outcomes_never_pays_twice_by_itself() -> None:
    for history in (History(1, 0, 0), History(3, 2, 0)):
        assert decide(failure(FailureKind.UNKNOWN), history, Budget(hold_unknown=True), 0.5) == Doubt(AfterDoubt.HOLD)


@pytest.mark.parametrize("kind", list(FailureKind))
def test_every_kind_of_failure_has_a_decision(kind: FailureKind) -> None:
    assert isinstance(decide(failure(kind), History(1, 0, 0), Budget(), 0.0), Snooze | GiveUp | Reject | Doubt)


@given(snoozes=st.integers(0, 1000), attempts=st.integers(1, 50), draw=st.floats(0, 1, exclude_max=True))
def test_a_service_that_took_nothing_is_asked_again_for_ever_and_ever_more_slowly(snoozes: int, attempts: int, draw: float) -> None:
    decision = decide(failure(FailureKind.UNREACHED), History(attempts, 0, snoozes), Budget(attempts=1), draw)
    assert isinstance(decision, Snooze)
    assert not decision.counts
    assert min(30.0, 0.5 * 2 ** min(snoozes, 10)) <= decision.delay_s <= 60
