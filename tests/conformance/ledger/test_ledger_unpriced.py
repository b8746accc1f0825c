"""Attempts whose price nobody knows: what was paid for them is "not known", never 0, and none of it is lost in a sum."""

from __future__ import annotations

from darkroom_shared.core.failure import Failure, FailureKind
from darkroom_shared.core.retry import AfterDoubt
from darkroom_shared.store import ops
from tests.conformance.ledger.driver import PERMANENT, PRICE, RETRY, Room, job_of

BILLED = Failure(FailureKind.RETRY, "model_error", "no picture", billed=True)


def _calling(room: Room, price: int | None = None) -> ops.Hint:
    hint = room.started("claimed")
    assert room.gate(hint, price=price) == ("go", 1)
    return hint


def test_a_paid_call_without_a_known_price_makes_the_cost_unknown(room: Room) -> None:
    hint = _calling(room)
    room.receipt(hint)
    room.commit(hint)
    view = room.view(job_of(hint))
    assert (view.state, view.cost.actual_usd, view.cost.uncertain_usd) == ("succeeded", None, 0)
    assert view.calls[0].attempts[0].billed is True


def test_a_call_that_was_not_billed_costs_nothing_whatever_its_price(room: Room) -> None:
    hint = _calling(room)
    assert room.fail(hint, PERMANENT)
    cost = room.view(job_of(hint)).cost
    assert (cost.actual_usd, cost.uncertain_usd) == (0, 0)


def test_an_unknown_outcome_at_an_unknown_price_is_an_unknown_doubt(room: Room) -> None:
    hint = _calling(room)
    assert room.doubt(hint, AfterDoubt.FAIL)
    view = room.view(job_of(hint))
    assert (view.cost.actual_usd, view.cost.uncertain_usd, view.calls[0].attempts[0].billed) == (0, None, None)


def test_a_repeated_call_counts_each_attempt_by_its_own_price(room: Room) -> None:
    hint = _calling(room, PRICE)
    assert room.snooze(hint, BILLED)
    assert room.view(job_of(hint)).cost.actual_usd == PRICE / 1_000_000
    again = room.admit_one()
    room.claim(again)
    room.gate(again, price=None)
    room.receipt(again)
    room.commit(again)
    cost = room.view(job_of(hint)).cost
    assert (cost.actual_usd, cost.uncertain_usd) == (None, 0)


def test_a_doubt_that_is_cleared_up_leaves_no_unknown_behind(room: Room) -> None:
    found, lost = _calling(room), _calling(room)
    for hint in (found, lost):
        assert room.doubt(hint, AfterDoubt.HOLD)
    assert room.resolve(lost, "fail", billed=False)
    assert room.resolve(found, "fail", billed=True)
    costs = [room.view(job_of(hint)).cost for hint in (lost, found)]
    assert [(cost.actual_usd, cost.uncertain_usd) for cost in costs] == [(0, 0), (None, 0)]


def test_a_free_step_stays_free(room: Room) -> None:
    hint = _calling(room, 0)
    room.receipt(hint)
    room.commit(hint)
    cost = room.view(job_of(hint)).cost
    assert (cost.actual_usd, cost.uncertain_usd) == (0, 0)


def test_a_failed_attempt_that_was_not_billed_adds_nothing(room: Room) -> None:
    hint = _calling(room)
    assert room.snooze(hint, RETRY)
    cost = room.view(job_of(hint)).cost
    assert (cost.actual_usd, cost.uncertain_usd) == (0, 0)
