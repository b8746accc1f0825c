"""Who may go, and when: slots, classes, fair shares, rate tokens, deadlines."""

from __future__ import annotations

from collections.abc import Sequence

from darkroom_shared.store import ops
from tests.conformance.ledger.driver import RETRY, THROTTLED, Room, job_of, paced

MINUTE_US = 60_000_000


def order(hints: Sequence[ops.Hint]) -> list[str]:
    return [job_of(hint) for hint in hints]


def test_without_a_worker_nothing_is_admitted_and_the_reason_is_said(room: Room) -> None:
    job = room.submit()
    answer = room.admission()
    assert (answer.hints, answer.next_ms, answer.reason) == ((), None, "no_worker")
    assert room.state(job) == "queued"


def test_an_empty_ledger_has_nothing_to_wait_for(room: Room) -> None:
    room.worker()
    assert room.admission() == ops.Admission((), None, "idle")


def test_a_worker_whose_registration_ran_out_does_not_count(room: Room) -> None:
    room.worker(ttl_ms=0)
    room.submit()
    assert room.admission().reason == "no_worker"


def test_no_more_calls_are_let_go_than_there_are_slots(room: Room) -> None:
    room.worker("w1", slots=2)
    room.worker("w2", slots=1)
    jobs = [room.submit() for _ in range(5)]
    answer = room.admission()
    assert len(answer.hints) == 3
    assert (room.admission().reason, room.admission().next_ms) == ("no_free_slot", None)
    for hint in answer.hints[:2]:
        room.advance(hint, "responded")
        room.commit(hint)
    assert len(room.admit()) == 2
    assert {room.state(f"{job}.0") for job in jobs} == {"admitted", "done"}


def test_one_run_lets_at_most_the_number_asked_for_go_and_says_that_there_is_more(room: Room) -> None:
    room.worker()
    for _ in range(3):
        room.submit()
    first = room.admission(most=2)
    assert (len(first.hints), first.next_ms, first.reason) == (2, 0, "more")
    assert len(room.admit()) == 1


def test_an_admission_carries_call_fence_and_task_name(room: Room) -> None:
    room.worker()
    job = room.submit()
    assert room.admit() == (ops.Hint(f"{job}.0", 1, "darkroom.text_image", "darkroom"),)


def test_classes_go_in_order_of_urgency(room: Room) -> None:
    room.worker()
    bulk, standard, interactive = (
        room.submit(job_class="bulk"),
        room.submit(job_class="standard"),
        room.submit(job_class="interactive"),
    )
    assert order(room.admit()) == [interactive, standard, bulk]


def test_within_a_tenant_the_earliest_deadline_goes_first(room: Room) -> None:
    room.worker()
    now = room.now_ms()
    late = room.submit(finish_by_ms=now + 900_000)
    none = room.submit()
    soon = room.submit(finish_by_ms=now + 600_000)
    assert order(room.admit()) == [soon, late, none]


def test_a_tenant_that_comes_late_is_not_starved_by_anothers_backlog(room: Room) -> None:
    room.worker("w1", slots=4)
    for _ in range(20):
        room.submit(tenant="a")
    first = room.admit()
    late = {room.submit(tenant="b") for _ in range(5)}
    tenants: list[str] = []
    while first:
        for hint in first:
            room.advance(hint, "responded")
            room.commit(hint)
        first = room.admit()
        tenants += ["b" if job in late else "a" for job in order(first)]
    assert len(tenants) == 21
    assert sorted(tenants[:10]) == ["a"] * 5 + ["b"] * 5
    assert all(tenants[n] != tenants[n + 1] for n in range(9)), "the two take turns until b is done"


def test_a_tenant_gets_no_credit_for_having_been_away(room: Room) -> None:
    room.worker("w1", slots=1000)
    for tenant in ("a", "b"):
        room.submit(tenant=tenant)
    room.admit()
    for _ in range(30):
        room.submit(tenant="a")
    room.admit()
    b_jobs = {room.submit(tenant="b") for _ in range(10)}
    for _ in range(10):
        room.submit(tenant="a")
    firsts = order(room.admit())[:10]
    assert 4 <= len(b_jobs & set(firsts)) <= 6


def test_no_lane_takes_all_the_slots(room: Room) -> None:
    room.worker("w1", slots=4)
    for lane in ("east", "west"):
        for _ in range(8):
            room.submit(lane=lane)
    lanes = [room.view(job_of(hint)).model and room.raw.hget(room.keys.job(job_of(hint)), "lane") for hint in room.admit()]
    assert sorted(str(lane) for lane in lanes) == ["east", "east", "west", "west"]


def test_a_paced_lane_lets_one_call_go_for_each_interval(room: Room) -> None:
    room.worker()
    jobs = [room.submit(interval_us=20_000) for _ in range(8)]
    hints = [room.admit_one() for _ in jobs]
    times = [int(room.call(hint.call_id)["changed_ms"]) for hint in hints]
    assert times[-1] - times[0] >= 7 * 20 - 1
    assert all(later - times[0] >= n * 20 - 1 for n, later in enumerate(times)), "never ahead of the rhythm"


def test_a_paced_lane_says_when_to_ask_again(room: Room) -> None:
    room.worker()
    for _ in range(2):
        room.submit(interval_us=MINUTE_US)
    room.admit_one()
    answer = room.admission()
    assert answer.hints == ()
    assert answer.reason == "rate"
    assert answer.next_ms is not None
    assert 50_000 < answer.next_ms <= 60_000


def test_a_wake_up_that_comes_a_little_late_keeps_the_rhythm(room: Room) -> None:
    room.worker()
    room.submit(interval_us=MINUTE_US)
    due = room.now_ms() * 1000 - 200_000
    room.raw.hset(room.keys.pool("pool-lane"), "tat_us", due)
    room.admit_one()
    assert room.raw.hget(room.keys.pool("pool-lane"), "tat_us") == str(due + MINUTE_US)


def test_a_wake_up_that_comes_much_too_late_gives_no_burst(room: Room) -> None:
    room.worker()
    for _ in range(3):
        room.submit(interval_us=MINUTE_US)
    due = room.now_ms() * 1000 - 3 * MINUTE_US
    room.raw.hset(room.keys.pool("pool-lane"), "tat_us", due)
    assert len(room.admit()) == 1
    assert room.admit() == ()


def test_a_call_that_is_too_late_expires_and_spends_no_token(room: Room) -> None:
    room.worker()
    past = room.now_ms() - 1
    late = [room.submit(interval_us=MINUTE_US, start_by_ms=past), room.submit(interval_us=MINUTE_US, finish_by_ms=past)]
    good = room.submit(interval_us=MINUTE_US)
    assert order(room.admit()) == [good]
    for job in late:
        view = room.view(job)
        assert (view.state, view.reason, view.cost.actual_usd) == ("expired", "deadline", 0)
        assert room.events(job) == ["job.accepted", "call.expire"]


def test_a_refusal_by_the_service_rests_the_whole_pool(room: Room) -> None:
    hint = room.started("calling", interval_us=1)
    room.submit(interval_us=1)
    room.snooze(hint, THROTTLED, counts=False)
    answer = room.admission()
    assert answer.hints == ()
    assert answer.reason == "throttled"
    assert answer.next_ms is not None
    assert 5_500 < answer.next_ms <= 6_000
    room.raw.hset(room.keys.pool("pool-lane"), "rest_until_us", 0)
    assert [again.call_id for again in room.admit()] == [hint.call_id], "what was refused is the first to go again"


def test_a_lane_with_two_pools_uses_the_free_one(room: Room) -> None:
    room.worker(pools=[paced(name, MINUTE_US) for name in ("first", "second")])
    for _ in range(3):
        room.submit(routes="first,second")
    pools_used = [room.call(hint.call_id)["pool"] for hint in room.admit()]
    assert pools_used == ["first", "second"]
    assert room.admission().reason == "rate"


def test_a_stored_answer_needs_no_token_and_is_never_too_late(room: Room) -> None:
    hint = room.started("responded", interval_us=1000, finish_by_ms=room.now_ms() + 60_000)
    room.snooze(hint)
    tat = room.now_ms() * 1000 - 5_000_000
    room.raw.hset(room.keys.pool("pool-lane"), "tat_us", tat)
    room.raw.hset(room.keys.job(job_of(hint)), "finish_by_ms", 1)
    again = room.admit_one()
    assert room.raw.hget(room.keys.pool("pool-lane"), "tat_us") == str(tat)
    assert room.claim(again).verdict is ops.ClaimVerdict.ADOPTED


def test_a_snooze_that_is_over_goes_back_to_its_lane(room: Room) -> None:
    hint = room.started("calling")
    room.snooze(hint, RETRY, delay_ms=40)
    assert room.state(hint.call_id) == "snoozed"
    assert room.admit_one().fence == hint.fence + 1
    assert room.events(job_of(hint))[-3:] == ["call.snooze", "call.park", "call.admit"]
