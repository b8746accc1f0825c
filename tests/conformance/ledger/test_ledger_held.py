"""Held calls: an attempt whose outcome nobody knows waits for a person, and what that person knows moves its price."""

from __future__ import annotations

import pytest

from darkroom_shared.core.retry import AfterDoubt
from darkroom_shared.store import ops, reads
from tests.conformance.ledger.driver import PRICE, Room, job_of
from tests.conformance.ledger.test_ledger_workflows import chain

CERTAIN = {None: (0, 1), True: (1, 0), False: (0, 0)}
"""Price of the lost attempt, certain and uncertain, by what has become known of it."""


def test_a_held_call_waits_and_its_job_says_so(room: Room) -> None:
    hint = room.hold()
    view = room.view(job_of(hint))
    assert (view.state, view.reason, view.calls[0].state, view.calls[0].reason) == (
        "running",
        "unknown_outcome",
        "unknown",
        "unknown_outcome",
    )
    assert room.usd(view.id) == (0, 1)
    assert room.run(reads.held()) == [hint.call_id]
    assert room.events(view.id)[-2:] == ["call.doubt", "call.hold"]
    repairs = room.reconcile()
    assert (repairs.lost, repairs.suspects, repairs.expired, room.admit()) == (0, (), 0, ())


def test_held_calls_are_listed_from_the_one_that_waits_longest(room: Room) -> None:
    first, second = room.hold(), room.hold()
    assert room.run(reads.held()) == [first.call_id, second.call_id]
    assert room.run(reads.held(limit=1)) == [first.call_id]


def test_a_held_call_takes_no_slot(room: Room) -> None:
    hint = room.started("calling")
    room.worker(slots=1)
    other = room.submit()
    assert room.admission().reason == "no_free_slot"
    room.doubt(hint, AfterDoubt.HOLD)
    assert job_of(room.admit_one()) == other


@pytest.mark.parametrize("billed", [None, True, False])
def test_a_held_call_that_is_to_be_tried_again_makes_one_more_call(room: Room, billed: bool | None) -> None:
    hint = room.hold()
    assert room.resolve(hint, "retry", billed)
    call = room.call(hint.call_id)
    assert (call["state"], call["reason"], call["attempts"], call["unknowns"]) == ("parked", "resolved", "1", "1")
    assert room.usd(job_of(hint)) == CERTAIN[billed]
    assert room.run(reads.held()) == []
    again = room.advance(room.admit_one(), "responded")
    assert room.commit(again) == ("done", "succeeded")
    actual, uncertain = CERTAIN[billed]
    assert room.usd(job_of(hint)) == (actual + 1, uncertain)
    assert [attempt.billed for attempt in room.view(job_of(hint)).calls[0].attempts] == [billed, True]


@pytest.mark.parametrize("billed", [None, True, False])
def test_a_held_call_that_is_given_up_fails_its_job(room: Room, billed: bool | None) -> None:
    hint = room.hold()
    assert room.resolve(hint, "fail", billed)
    view = room.view(job_of(hint))
    assert (view.state, view.reason, view.error and view.error.code) == (
        "failed",
        "provider_timeout_ambiguous",
        "provider_timeout_ambiguous",
    )
    assert room.usd(view.id) == CERTAIN[billed]
    assert view.calls[0].attempts[0].billed is billed
    assert (room.run(reads.held()), room.dead()) == ([], [view.id])


def test_a_call_is_decided_about_once(room: Room) -> None:
    hint = room.hold()
    assert room.resolve(hint, "retry", True)
    before = dict(room.call(hint.call_id)), room.events(job_of(hint)), room.usd(job_of(hint))
    assert not room.resolve(hint, "retry", True)
    assert not room.resolve(hint, "fail", False)
    assert (dict(room.call(hint.call_id)), room.events(job_of(hint)), room.usd(job_of(hint))) == before


@pytest.mark.parametrize("state", ["admitted", "claimed", "calling", "responded"])
def test_there_is_nothing_to_decide_about_a_call_that_is_not_held(room: Room, state: str) -> None:
    hint = room.started(state)
    before = dict(room.call(hint.call_id)), room.events(job_of(hint))
    assert not room.resolve(hint, "retry")
    assert (dict(room.call(hint.call_id)), room.events(job_of(hint))) == before


def test_a_doubtful_call_that_is_tried_again_by_itself_is_not_held(room: Room) -> None:
    hint = room.started("calling")
    room.doubt(hint, AfterDoubt.RETRY)
    assert room.run(reads.held()) == []
    assert not room.resolve(hint, "fail")
    assert room.state(hint.call_id) == "parked"


def test_a_held_job_can_be_canceled_and_what_it_may_have_cost_stays(room: Room) -> None:
    hint = room.hold()
    assert room.cancel(job_of(hint)) == ("prevented", "canceled")
    assert (room.run(reads.held()), room.usd(job_of(hint))) == ([], (0, 1))
    assert not room.resolve(hint, "retry")
    assert room.recover(hint) is False


def test_a_call_of_a_canceled_job_is_not_held(room: Room) -> None:
    hint = room.started("calling")
    room.cancel(job_of(hint))
    assert room.doubt(hint, AfterDoubt.HOLD)
    assert (room.state(job_of(hint)), room.run(reads.held())) == ("canceled", [])


def test_an_answer_that_was_found_ends_the_wait_without_another_call(room: Room) -> None:
    hint = room.hold()
    assert room.recover(hint)
    assert room.usd(job_of(hint)) == (1, 0)
    assert room.run(reads.held()) == []
    again = room.admit_one()
    claim = room.claim(again)
    assert (claim.verdict, claim.call["receipt"]) == ("adopted", "found")
    assert room.commit(again) == ("done", "succeeded")
    [attempt] = room.view(job_of(hint)).calls[0].attempts
    assert (attempt.outcome, attempt.billed, attempt.recovered, attempt.request_id) == ("answered", True, True, "req-9")


def test_a_job_of_two_calls_goes_on_while_one_is_held(room: Room) -> None:
    room.worker()
    job = room.submit(calls=2, images_wanted=2)
    first, second = room.admit()
    room.doubt(room.advance(first, "calling"), AfterDoubt.HOLD)
    assert room.commit(room.advance(second, "responded")) == ("done", "running")
    assert room.view(job).reason == "unknown_outcome"
    room.resolve(first, "fail")
    assert (room.view(job).state, len(room.view(job).outputs)) == ("partial", 1)


def test_the_steps_after_a_held_one_wait_for_the_decision(room: Room) -> None:
    ids = chain(room, ("a", "b"))
    hint = room.advance(room.admit_one(), "calling")
    room.doubt(hint, AfterDoubt.HOLD)
    assert room.state(ids["b"]) == "waiting"
    room.resolve(hint, "retry")
    room.commit(room.advance(room.admit_one(), "responded"))
    assert job_of(room.admit_one()) == ids["b"]


def test_the_reconciler_is_told_that_a_job_wants_its_unknown_outcomes_held(room: Room) -> None:
    room.worker()
    jobs = {room.submit_as({"on_unknown": "hold"}): True, room.submit(): False}
    for hint in room.admit():
        room.advance(hint, "calling", lease_ms=0)
    assert {suspect.call_id.removesuffix(".0"): suspect.holds for suspect in room.repair().suspects} == jobs
    assert room.run(reads.held()) == [f"{next(iter(jobs))}.0"]


def test_a_call_that_a_dead_worker_left_in_doubt_is_held_under_the_same_fence(room: Room) -> None:
    """So that the answer, if it is found, belongs to exactly this attempt."""
    room.worker()
    job = room.submit_as({"on_unknown": "hold"})
    hint = room.advance(room.admit_one(), "calling", lease_ms=0)
    room.repair()
    assert room.call(hint.call_id)["fence"] == str(hint.fence)
    older = ops.Hint(hint.call_id, hint.fence - 1, "")
    assert not room.recover(older)
    assert room.recover(hint)
    assert room.usd(job) == (1, 0)


@pytest.mark.parametrize("billed", [None, True, False])
def test_an_answer_that_comes_after_the_decision_is_paid_once(room: Room, billed: bool | None) -> None:
    late = room.hold()
    assert room.resolve(late, "retry", billed)
    spent = room.spent()
    assert room.receipt(late, f"{late.call_id}:{late.fence}") is ops.Noted.RECOVERED
    assert room.usd(job_of(late)) == (1, 0)
    assert room.spent() == (spent + PRICE if billed is False else spent) == PRICE


def test_a_person_may_grant_one_more_call_than_the_budget(room: Room) -> None:
    late = room.hold()
    assert room.resolve(late, "retry")
    again = room.advance(room.admit_one(), "claimed")
    assert room.gate(again, call_budget=1) == ("go", 2)
    room.snooze(again)
    assert room.gate(room.advance(room.admit_one(), "claimed"), call_budget=1)[0] == "exhausted"
