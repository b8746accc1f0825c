"""Rerolls in the ledger: what did not pass its checks is made again, while rerolls, time and money are left, and never twice."""

from __future__ import annotations

import json

import pytest

from darkroom_shared.store import ops
from tests.conformance.ledger.driver import PRICE, Json, Room, output


def bad(index: int = 0) -> Json:
    return {"index": index, "code": "check_failed", "message": "It is of one colour.", "billed": True, "seed": 7}


def answered(room: Room) -> ops.Hint:
    """A call whose answer is stored."""
    hint = room.admit_one()
    room.advance(hint, "responded")
    return hint


def commit(room: Room, hint: ops.Hint, *, passed: int = 0, failed: tuple[int, ...] = (0,)) -> str:
    rows = [output(number + 1) | {"index": number} for number in range(passed)]
    told = ops.commit(hint.call_id, hint.fence, outputs=rows, failed=[bad(n) for n in failed], again_microusd=PRICE)
    done = room.run(told)
    assert done.verdict is ops.Committed.DONE
    return done.state


def test_a_picture_that_fails_is_made_again_and_the_job_ends_well(room: Room) -> None:
    room.worker()
    job = room.submit(rerolls=2)
    first = answered(room)
    assert commit(room, first) == "queued"
    assert commit(room, first) == "queued", "sent again, it counts once"
    view = room.view(job)
    assert (len(view.rerolled), view.rejected, view.outputs) == (1, (), ())
    assert room.call(first.call_id)["todo"] == "[0]"
    again = answered(room)
    assert (again.call_id, again.fence > first.fence) == (first.call_id, True)
    assert room.commit(again)[1] == "succeeded"
    view = room.view(job)
    assert ([row.seed for row in view.rerolled], view.cost.actual_usd) == ([7], 2 * PRICE / 1_000_000)


def test_a_late_worker_makes_nothing_again(room: Room) -> None:
    room.worker()
    room.submit(rerolls=2)
    first = answered(room)
    commit(room, first)
    answered(room)
    late = ops.commit(first.call_id, first.fence - 1, outputs=[], failed=[bad()], again_microusd=PRICE)
    assert room.run(late).verdict is ops.Committed.LOST


def test_rerolls_are_no_retries_and_come_to_an_end(room: Room) -> None:
    room.worker()
    job = room.submit(rerolls=4)
    for _ in range(4):
        hint = room.admit_one()
        room.claim(hint)
        assert room.gate(hint, call_budget=1)[0] == "go", "a reroll takes no attempt of the call's budget"
        room.receipt(hint)
        assert commit(room, hint) == "queued"
    assert commit(room, answered(room)) == "rejected"
    view = room.view(job)
    assert (view.reason, len(view.rerolled), [row.code for row in view.rejected]) == ("check_failed", 4, ["check_failed"])


def test_pictures_that_passed_are_kept_and_only_the_others_are_made_again(room: Room) -> None:
    room.worker()
    job = room.submit(rerolls=1, images_wanted=3)
    first = answered(room)
    assert commit(room, first, passed=2, failed=(2,)) == "queued"
    assert json.loads(room.call(first.call_id)["todo"]) == [2]
    again = answered(room)
    assert commit(room, again, failed=(2,)) == "partial"
    view = room.view(job)
    assert ([one.index for one in view.outputs], [one.index for one in view.rejected], view.reason) == ([0, 1], [2], "check_failed")


def test_what_has_no_rerolls_is_rejected_at_once(room: Room) -> None:
    room.worker()
    job = room.submit()
    assert commit(room, answered(room)) == "rejected"
    assert room.view(job).reason == "check_failed"


def test_a_canceled_job_is_not_made_again(room: Room) -> None:
    room.worker()
    job = room.submit(rerolls=2)
    hint = answered(room)
    room.cancel(job)
    assert commit(room, hint) == "canceled"
    assert room.admit() == ()


def test_a_cancel_before_the_reroll_is_called_prevents_it_and_tells_what_failed(room: Room) -> None:
    room.worker()
    job = room.submit(rerolls=2)
    commit(room, answered(room))
    room.cancel(job)
    view = room.view(job)
    assert (view.state, [row.code for row in view.rejected]) == ("canceled", ["check_failed"])
    assert room.admit() == ()


def test_a_reroll_whose_time_is_over_leaves_the_job_rejected_not_expired(room: Room) -> None:
    room.worker()
    job = room.submit(rerolls=2, finish_by_ms=room.now_ms() + 600_000)
    commit(room, answered(room))
    hint = room.admit_one()
    room.claim(hint)
    room.raw.hset(room.keys.job(job), "finish_by_ms", 1)
    assert room.gate(hint)[0] == "expired"
    assert (room.state(job), room.view(job).reason) == ("rejected", "check_failed")


@pytest.mark.parametrize(("budget", "state"), [(2 * PRICE, "queued"), (2 * PRICE - 1, "rejected")])
def test_a_workflows_budget_bounds_its_rerolls(room: Room, budget: int, state: str) -> None:
    room.worker()
    job = room.new_job(rerolls=2, workflow="wf")
    fields = {"tenant": "t", "steps": json.dumps([["a", job.job_id]]), "budget_microusd": str(budget)}
    room.run(ops.accept([job], [], workflow=("wf", fields)))
    assert commit(room, answered(room)) == state


def test_a_reroll_that_the_budget_refuses_at_the_gate_ends_with_what_there_is(room: Room) -> None:
    room.worker()
    job = room.new_job(rerolls=2, workflow="wf", images_wanted=2)
    fields = {"tenant": "t", "steps": json.dumps([["a", job.job_id]]), "budget_microusd": str(2 * PRICE)}
    room.run(ops.accept([job], [], workflow=("wf", fields)))
    commit(room, answered(room), passed=1, failed=(1,))
    room.raw.hset(room.keys.workflow("wf"), "spent_microusd", 2 * PRICE)
    hint = room.admit_one()
    room.claim(hint)
    assert room.gate(hint)[0] == "expired"
    assert (room.state(job.job_id), room.view(job.job_id).reason) == ("partial", "check_failed")


def test_a_reroll_that_fails_for_good_fails_the_job_and_tells_what_did_not_pass(room: Room) -> None:
    room.worker()
    job = room.submit(rerolls=1)
    commit(room, answered(room))
    hint = room.admit_one()
    room.advance(hint, "calling")
    room.fail(hint)
    view = room.view(job)
    assert (view.state, [row.code for row in view.rejected]) == ("failed", ["check_failed"])


def test_a_worker_that_dies_over_a_reroll_is_followed_by_one_that_makes_the_same_again(room: Room) -> None:
    room.worker()
    room.submit(rerolls=1, images_wanted=2)
    commit(room, answered(room), passed=1, failed=(1,))
    hint = room.admit_one()
    room.claim(hint, lease_ms=0)
    room.reconcile()
    again = room.admit_one()
    assert json.loads(room.claim(again).call["todo"]) == [1]


def test_one_who_waits_for_an_equal_job_waits_for_its_rerolls_too(room: Room) -> None:
    room.worker()
    leader, follower = (room.submit(rerolls=1, content="x") for _ in range(2))
    commit(room, answered(room))
    assert room.state(follower) == "queued"
    room.commit(answered(room))
    assert (room.state(leader), room.state(follower)) == ("succeeded", "succeeded")
