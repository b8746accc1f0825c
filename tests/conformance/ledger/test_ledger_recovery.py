"""What crashes leave behind, and how the reconciler repairs it."""

from __future__ import annotations

from darkroom_shared.store import ops, reads, upkeep
from tests.conformance.ledger.driver import PRICE, Room, job_of


def test_an_admitted_call_that_nobody_claims_is_published_again_under_the_same_fence(room: Room) -> None:
    room.worker()
    room.submit()
    [hint] = room.admit(republish_ms=0)
    assert room.reconcile(republish_ms=0).republish == (hint,)
    assert room.reconcile().republish == (hint,)
    assert room.reconcile().republish == (), "not before its time is over again"
    assert room.claim(hint).verdict is ops.ClaimVerdict.CLAIMED
    assert room.raw.zcard("dr:unclaimed") == 0


def test_a_lease_that_is_still_good_is_left_alone(room: Room) -> None:
    hint = room.started("calling")
    assert room.reconcile() == upkeep.Repairs((), (), 0, 0)
    assert room.state(hint.call_id) == "calling"


def test_a_call_whose_worker_died_before_paying_is_parked_again(room: Room) -> None:
    hint = room.started("claimed", lease_ms=0)
    assert room.reconcile().lost == 1
    call = room.call(hint.call_id)
    assert (call["state"], call["reason"], call["crashes"], call["attempts"]) == ("parked", "worker_lost", "1", "0")
    assert room.admit_one().fence == hint.fence + 1


def test_a_call_whose_worker_died_while_calling_is_unknown_and_tried_once_more(room: Room) -> None:
    hint = room.started("calling", lease_ms=0)
    assert len(room.repair().suspects) == 1
    assert room.events(job_of(hint))[-2:] == ["call.doubt", "call.park"]
    again = room.advance(room.admit_one(), "calling", lease_ms=0)
    assert len(room.repair().suspects) == 1
    view = room.view(job_of(hint))
    assert (view.state, view.reason) == ("failed", "provider_timeout_ambiguous")
    assert view.cost.uncertain_usd == 2 * PRICE / 1_000_000
    assert [attempt.outcome for attempt in view.calls[0].attempts] == ["unknown", "unknown"]
    assert room.call(again.call_id)["unknowns"] == "2"


def test_a_free_step_whose_worker_died_costs_nothing_and_ends_after_three_crashes(room: Room) -> None:
    hint = room.started("claimed", kind="local")
    for _ in range(3):
        room.gate(hint, lease_ms=0, price=None)
        assert room.reconcile().lost == 1
        if room.state(job_of(hint)) == "queued":
            hint = room.advance(room.admit_one(), "claimed")
    view = room.view(job_of(hint))
    assert (view.state, view.cost.uncertain_usd) == ("failed", 0)


def test_a_stored_answer_is_adopted_after_a_crash_without_a_new_call(room: Room) -> None:
    hint = room.started("responded", lease_ms=0)
    assert room.reconcile().lost == 1
    again = room.admit_one()
    claim = room.claim(again, worker="w2")
    assert (claim.verdict, claim.call["receipt"]) == (ops.ClaimVerdict.ADOPTED, "receipt")
    assert room.commit(again) == ("done", "succeeded")
    view = room.view(job_of(hint))
    assert view.cost.actual_usd == PRICE / 1_000_000
    assert len(view.calls[0].attempts) == 1


def test_a_call_that_takes_its_worker_down_three_times_is_quarantined(room: Room) -> None:
    hint = room.started("claimed", lease_ms=0)
    for _ in range(2):
        room.reconcile()
        hint = room.advance(room.admit_one(), "claimed", lease_ms=0)
    room.reconcile()
    view = room.view(job_of(hint))
    assert (view.state, view.reason, view.calls[0].state) == ("failed", "worker_lost", "quarantined")
    assert view.error is not None
    assert "3 times" in view.error.message
    assert room.admit() == ()


def test_a_job_that_was_not_started_in_time_expires_without_a_worker(room: Room) -> None:
    job = room.submit(start_by_ms=room.now_ms() - 1)
    held = room.submit(start_by_ms=room.now_ms() - 1, hold_until_ms=room.now_ms() + 60_000)
    assert room.reconcile().expired == 2
    assert room.state(job) == room.state(held) == "expired"
    assert room.reconcile().expired == 0


def test_a_job_that_started_in_time_does_not_expire(room: Room) -> None:
    hint = room.started("claimed", start_by_ms=room.now_ms() + 500)
    while room.now_ms() < int(room.run(reads.job(job_of(hint)))["start_by_ms"]) + 5:
        pass
    assert room.reconcile().expired == 0
    room.gate(hint)
    room.snooze(hint)
    assert room.admit_one().call_id == hint.call_id, "a later attempt of it may come at any time"


def test_two_reconcilers_do_not_repair_twice(room: Room) -> None:
    hint = room.started("claimed", lease_ms=0)
    assert [room.reconcile().lost for _ in range(2)] == [1, 0]
    assert room.call(hint.call_id)["crashes"] == "1"


def test_the_slot_of_a_dead_worker_is_free_again(room: Room) -> None:
    room.worker("w1", slots=1)
    room.submit()
    second = room.submit()
    room.advance(room.admit_one(), "calling", lease_ms=0)
    assert room.admission().reason == "no_free_slot"
    room.repair()
    assert len(room.admit()) == 1
    assert room.state(second) in ("queued", "running")


def test_the_long_lease_of_the_gate_ends_when_the_answer_is_stored(room: Room) -> None:
    hint = room.started("calling", lease_ms=600_000)
    room.receipt(hint, lease_ms=0)
    assert room.reconcile().lost == 1
    assert room.state(hint.call_id) == "parked"


def test_a_job_that_never_started_expires_at_its_finish_by(room: Room) -> None:
    job_id = room.submit(finish_by_ms=1)
    assert room.reconcile().expired == 1
    assert room.view(job_id).state == "expired"


def test_leases_that_ran_out_while_the_ledger_was_away_are_forgiven_for_one_lease(room: Room) -> None:
    hint = room.started("calling", lease_ms=0)
    room.raw.set("dr:reconciled_ms", 1)
    assert room.repair().suspects == ()
    room.raw.delete("dr:grace")
    assert len(room.repair().suspects) == 1
    assert room.state(hint.call_id) == "parked"
