"""Answers that come late are taken as long as nobody has called again; what is paid already needs no quota and has no deadline."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from darkroom_shared.core.retry import AfterDoubt
from darkroom_shared.store import ops, presence, reads, upkeep
from tests.conformance.ledger.driver import PRICE, THROTTLED, Room, job_of, output

HOUR_US = 3_600_000_000


def in_doubt(room: Room, after: AfterDoubt, *, interval_us: int = 0) -> ops.Hint:
    """A call whose worker was given up; the reconciler found no answer."""
    hint = room.started("calling", lease_ms=0, interval_us=interval_us)
    assert room.doubt(hint, after, lapsed=True)
    return hint


def seen(room: Room, hint: ops.Hint) -> tuple[object, ...]:
    """Everything that a write could have changed."""
    return (
        dict(room.call(hint.call_id)),
        dict(room.run(reads.job(job_of(hint)))),
        room.attempts(hint.call_id),
        room.events(job_of(hint)),
        room.spent(),
        sorted(room.raw.keys("*")),
        room.raw.hgetall("dr:assets"),
    )


@pytest.mark.parametrize("after", [AfterDoubt.RETRY, AfterDoubt.HOLD])
def test_a_late_answer_is_taken_although_the_attempt_was_given_up(room: Room, after: AfterDoubt) -> None:
    hint = in_doubt(room, after)
    assert (room.usd(job_of(hint)), room.call(hint.call_id)["unknowns"]) == ((0, 1), "1")
    assert room.receipt(hint, "late") is ops.Noted.RECOVERED
    call = room.call(hint.call_id)
    assert (call["state"], call["reason"], call["receipt"], call["unknowns"]) == ("parked", "recovered", "late", "0")
    assert (room.usd(job_of(hint)), room.run(reads.held())) == ((1, 0), [])
    again = room.admit_one()
    assert room.claim(again, worker="w2").verdict is ops.ClaimVerdict.ADOPTED
    assert room.commit(again) == ("done", "succeeded")
    [attempt] = room.view(job_of(hint)).calls[0].attempts
    assert (attempt.outcome, attempt.billed, attempt.recovered, attempt.failure) == ("answered", True, True, None)
    assert (room.usd(job_of(hint)), room.spent()) == ((1, 0), 40_000)


@pytest.mark.parametrize("after", [AfterDoubt.RETRY, AfterDoubt.HOLD])
def test_a_late_answer_that_is_noted_again_stays_taken(room: Room, after: AfterDoubt) -> None:
    hint = in_doubt(room, after)
    assert room.receipt(hint, "late") is ops.Noted.RECOVERED
    before = seen(room, hint)
    assert room.receipt(hint, "late") is ops.Noted.RECOVERED
    assert seen(room, hint) == before


def test_an_answer_that_waits_needs_no_token_even_while_its_pool_rests(room: Room) -> None:
    hint = in_doubt(room, AfterDoubt.RETRY, interval_us=HOUR_US)
    before = room.run(reads.pool("pool-lane"))["tat_us"]
    room.raw.hset(room.keys.pool("pool-lane"), "held_until_us", (room.now_ms() + 3_600_000) * 1000)
    other = room.submit(interval_us=HOUR_US)
    assert room.admit() == ()
    room.receipt(hint, "late")
    assert [one.call_id for one in room.admit()] == [hint.call_id]
    assert room.run(reads.pool("pool-lane"))["tat_us"] == before
    assert room.state(f"{other}.0") == "parked"


def test_answers_that_wait_go_before_calls_that_are_to_be_paid(room: Room) -> None:
    hint = in_doubt(room, AfterDoubt.RETRY)
    for _ in range(3):
        room.submit(job_class="interactive")
    room.receipt(hint, "late")
    [first] = room.admit(most=1)
    assert first.call_id == hint.call_id
    assert len(room.admit()) == 3


def test_answers_that_wait_still_need_a_slot(room: Room) -> None:
    hint = in_doubt(room, AfterDoubt.RETRY)
    room.receipt(hint, "late")
    room.run(presence.leave("w1"))
    assert (room.admission().hints, room.admission().reason) == ((), "no_worker")
    room.worker(slots=1)
    assert room.admit_one().call_id == hint.call_id


@pytest.mark.parametrize("state", ["calling", "responded"])
def test_an_answer_is_refused_after_another_attempt_has_begun(room: Room, state: str) -> None:
    old = in_doubt(room, AfterDoubt.RETRY)
    new = room.advance(room.admit_one(), state)
    before = seen(room, new)
    assert room.receipt(old, "late") is ops.Noted.LOST
    assert not room.recover(old)
    assert not room.recover(old, lapsed=True)
    assert seen(room, new) == before


def test_a_worker_that_never_called_has_no_answer_to_hand_over(room: Room) -> None:
    """The attempt in doubt was another one's, under an older fence."""
    in_doubt(room, AfterDoubt.RETRY)
    crashed = room.advance(room.admit_one(), "claimed", lease_ms=0)
    room.reconcile()
    before = seen(room, crashed)
    assert room.receipt(crashed, "late") is ops.Noted.LOST
    assert not room.recover(crashed, lapsed=True)
    assert seen(room, crashed) == before


@pytest.mark.parametrize("ending", ["commit", "fail", "cancel"])
def test_an_answer_is_refused_after_the_call_has_ended(room: Room, ending: str) -> None:
    hint = room.started("calling") if ending == "fail" else in_doubt(room, AfterDoubt.RETRY)
    if ending == "commit":
        room.receipt(hint, "late")
        room.claim(adopted := room.admit_one())
        room.commit(adopted)
    elif ending == "fail":
        room.fail(hint)
    else:
        room.cancel(job_of(hint))
    before = seen(room, hint)
    assert not room.recover(hint, lapsed=True)
    assert room.receipt(hint, "another") is ops.Noted.LOST
    assert seen(room, hint) == before


def test_the_reconciler_takes_an_answer_only_from_a_worker_whose_lease_is_over(room: Room) -> None:
    alive = room.started("calling")
    before = seen(room, alive)
    assert [room.recover(alive), room.recover(alive, lapsed=True)] == [False, False]
    assert seen(room, alive) == before
    lost = room.started("calling", lease_ms=0)
    assert [suspect.receipt for suspect in room.reconcile().suspects] == [f"{lost.call_id}:{lost.fence}"]
    assert not room.recover(lost), "only whoever says that it knows the lease to be over may take it from a worker"
    assert room.recover(lost, lapsed=True)
    assert (room.usd(job_of(lost)), room.call(lost.call_id)["unknowns"]) == ((1, 0), "0")
    assert room.reconcile().suspects == ()
    [attempt] = room.view(job_of(lost)).calls[0].attempts
    assert (attempt.outcome, attempt.billed, attempt.recovered) == ("answered", True, True)


def test_a_suspect_whose_lease_was_renewed_meanwhile_is_left_to_its_worker(room: Room) -> None:
    hint = room.started("calling", lease_ms=0)
    assert len(room.reconcile().suspects) == 1
    room.run(ops.renew([(hint.call_id, hint.fence)], 600_000))
    assert not room.recover(hint, lapsed=True)
    assert not room.doubt(hint, lapsed=True)
    assert room.receipt(hint) is ops.Noted.NOTED


def test_an_answer_is_taken_once(room: Room) -> None:
    hint = in_doubt(room, AfterDoubt.HOLD)
    assert [room.recover(hint), room.recover(hint)] == [True, False]
    assert room.usd(job_of(hint)) == (1, 0)


def test_the_worker_that_comes_late_finds_that_its_answer_was_taken_from_the_store(room: Room) -> None:
    hint = room.started("calling", lease_ms=0)
    name = f"{hint.call_id}:{hint.fence}"
    assert room.run(upkeep.recover(hint.call_id, name, fence=hint.fence, lapsed=True))
    assert room.receipt(hint, name) is ops.Noted.RECOVERED
    assert room.usd(job_of(hint)) == (1, 0)
    assert room.events(job_of(hint)).count("call.recover") == 1


def test_an_answer_that_was_found_gives_the_right_to_one_more_doubt_back(room: Room) -> None:
    hint = in_doubt(room, AfterDoubt.RETRY)
    room.receipt(hint, "late")
    adopted = room.admit_one()
    room.claim(adopted)
    assert room.snooze(adopted, call_again=True)
    room.advance(room.admit_one(), "calling", lease_ms=0)
    assert [suspect.unknowns for suspect in room.repair().suspects] == [0]
    assert room.state(hint.call_id) == "parked", "it may be tried once more"


def test_a_stored_answer_never_expires(room: Room) -> None:
    hint = room.started("calling", lease_ms=0, finish_by_ms=room.now_ms() + 600_000)
    room.doubt(hint, AfterDoubt.RETRY, lapsed=True)
    room.receipt(hint, "late")
    room.raw.hset(room.keys.job(job_of(hint)), "finish_by_ms", 1)
    room.raw.execute_command("ZADD", "dr:deadlines", 1, job_of(hint))
    assert room.reconcile().expired == 0
    adopted = room.admit_one()
    room.raw.execute_command("ZADD", "dr:deadlines", 1, job_of(hint))
    assert room.reconcile().expired == 0
    assert room.claim(adopted).verdict is ops.ClaimVerdict.ADOPTED
    assert room.commit(adopted) == ("done", "succeeded")


@pytest.mark.parametrize("where", ["parked", "snoozed", "admitted"])
def test_a_started_job_expires_at_its_finish_by_where_no_answer_waits(room: Room, where: str) -> None:
    hint = room.started("calling", finish_by_ms=room.now_ms() + 600_000)
    if where == "parked":
        room.doubt(hint, AfterDoubt.RETRY)
    else:
        room.snooze(hint, THROTTLED, delay_ms=600_000 if where == "snoozed" else 0, counts=False)
    if where == "admitted":
        room.admit_one()
    assert room.reconcile().expired == 0
    assert room.raw.zrange("dr:deadlines", 0, -1) == [job_of(hint)], "having started does not lift the end"
    room.raw.execute_command("ZADD", "dr:deadlines", 1, job_of(hint))
    assert room.reconcile().expired == 1
    view = room.view(job_of(hint))
    assert (view.state, view.reason) == ("expired", "deadline")
    assert (room.dead(), room.admit()) == ([], ())


WRITES: dict[str, Callable[[Room, ops.Hint], object]] = {
    "commit": lambda room, hint: room.commit(hint, [output(3)]),
    "fail": lambda room, hint: room.fail(hint),
    "snooze": lambda room, hint: room.snooze(hint, delay_ms=600_000),
    "doubt, then retry": lambda room, hint: room.doubt(hint, AfterDoubt.RETRY),
    "doubt, then hold": lambda room, hint: room.doubt(hint, AfterDoubt.HOLD),
    "doubt, then fail": lambda room, hint: room.doubt(hint, AfterDoubt.FAIL),
}


@pytest.mark.parametrize("write", sorted(WRITES))
def test_a_write_whose_answer_got_lost_succeeds_again_and_changes_nothing(room: Room, write: str) -> None:
    hint = room.started("responded" if write == "commit" else "calling")
    first = WRITES[write](room, hint)
    assert first in (True, ("done", "succeeded"))
    before = seen(room, hint)
    assert WRITES[write](room, hint) == first
    assert seen(room, hint) == before


@pytest.mark.parametrize("write", ["fail", "snooze", "doubt, then retry"])
def test_another_write_under_the_same_fence_is_not_taken_for_a_repetition(room: Room, write: str) -> None:
    hint = room.started("responded")
    assert room.commit(hint)[0] == "done"
    before = seen(room, hint)
    assert WRITES[write](room, hint) is False
    assert seen(room, hint) == before


def test_a_write_sent_again_after_the_call_went_on_changes_nothing(room: Room) -> None:
    """The answer got lost for so long that another worker has the call."""
    old = room.started("calling")
    room.snooze(old)
    new = room.advance(room.admit_one(), "calling")
    before = seen(room, new)
    assert room.snooze(old) in (True, False)
    assert seen(room, new) == before


REPUBLISH_MS = 30_000


def test_hints_leave_out_what_was_just_admitted(room: Room) -> None:
    room.worker()
    job = room.submit(calls=2, images_wanted=2)
    first, second = room.admit(republish_ms=REPUBLISH_MS)
    room.claim(second)
    assert room.run(upkeep.hints(job, REPUBLISH_MS)) == ()
    room.raw.execute_command("ZADD", "dr:unclaimed", room.now_ms() + REPUBLISH_MS - 5000, first.call_id)
    assert room.run(upkeep.hints(job, REPUBLISH_MS)) == (first,)
    assert room.run(upkeep.hints(job, REPUBLISH_MS)) == (), "whoever asked is publishing it just now"
    assert room.reconcile(REPUBLISH_MS).republish == ()


def test_hints_of_a_workflow_are_those_of_all_its_steps(room: Room) -> None:
    room.worker()
    jobs = [room.new_job(workflow="wf_1") for _ in range(2)]
    steps = f'[["a", "{jobs[0].job_id}"], ["b", "{jobs[1].job_id}"]]'
    room.run(ops.accept(jobs, [], workflow=("wf_1", {"left": "2", "tenant": "t", "steps": steps})))
    admitted = room.admit(republish_ms=REPUBLISH_MS)
    for hint in admitted:
        room.raw.execute_command("ZADD", "dr:unclaimed", 1, hint.call_id)
    assert sorted(hint.call_id for hint in room.run(upkeep.hints("wf_1", REPUBLISH_MS))) == sorted(h.call_id for h in admitted)


@pytest.mark.parametrize("state", ["admitted", "claimed"])
def test_a_late_answer_spares_the_call_of_the_worker_that_prepares_the_next_one(room: Room, state: str) -> None:
    late = room.started("calling", lease_ms=0)
    room.repair()
    newer = room.advance(room.admit_one(), state)
    assert room.receipt(late, f"{late.call_id}:{late.fence}") is ops.Noted.RECOVERED
    assert room.gate(newer)[0] == "stale"
    assert room.claim(newer).verdict is ops.ClaimVerdict.STALE
    adopter = room.admit_one()
    assert room.claim(adopter).verdict is ops.ClaimVerdict.ADOPTED
    assert room.commit(adopter) == ("done", "succeeded")
    view = room.view(job_of(late))
    assert (view.cost.actual_usd, view.cost.uncertain_usd) == (PRICE / 1_000_000, 0)


@pytest.mark.parametrize("state", ["owed", "admitted", "responded", "snoozed"])
def test_a_worker_whose_answer_was_recovered_by_another_must_not_remove_it(room: Room, state: str) -> None:
    """It froze between storing and noting; when it wakes the answer is somebody else's to adopt."""
    late = room.started("calling", lease_ms=0)
    name = f"{late.call_id}:{late.fence}"
    assert room.run(upkeep.recover(late.call_id, name, fence=late.fence, lapsed=True))
    if state != "owed":
        adopter = room.admit_one()
        if state != "admitted":
            assert room.claim(adopter).verdict is ops.ClaimVerdict.ADOPTED
        if state == "snoozed":
            assert room.snooze(adopter, delay_ms=600_000, counts=False)
    before = seen(room, late)
    assert room.receipt(late, name) is ops.Noted.RECOVERED
    assert seen(room, late) == before


def test_a_late_answer_is_taken_while_the_next_try_is_put_off_and_was_not_called(room: Room) -> None:
    late = room.started("calling", lease_ms=0)
    room.repair()
    newer = room.advance(room.admit_one(), "claimed")
    assert room.snooze(newer, delay_ms=600_000, counts=False)
    assert room.receipt(late, f"{late.call_id}:{late.fence}") is ops.Noted.RECOVERED
    adopter = room.admit_one()
    assert room.claim(adopter).verdict is ops.ClaimVerdict.ADOPTED
