"""Fair turns among tenants by what their calls cost, and the limits set for them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping

import pytest

from darkroom_shared.store import ops
from darkroom_shared.store.keys import Keys
from tests.conformance.ledger.driver import PRICE, Room, job_of, new_job_id, raw_redis, sync_executor
from tests.conformance.ledger.endings import ENDINGS, Ending

HOUR_MS = 3_600_000


def tenant_of(room: Room, hint: ops.Hint) -> str:
    return room.call(hint.call_id)["tenant"]


def served(room: Room, count: int) -> list[str]:
    """The tenants of the next calls, one slot at a time."""
    out: list[str] = []
    for _ in range(count):
        (hint,) = room.admit(most=1)
        out.append(tenant_of(room, hint))
        room.finish(hint)
    return out


def backlog(room: Room, counts: Mapping[str, int], prices: Mapping[str, int] | None = None) -> None:
    room.worker()
    for tenant, count in counts.items():
        for _ in range(count):
            room.submit(tenant=tenant, price=(prices or {}).get(tenant, PRICE))


def test_shares_go_by_weight_to_within_one_call(room: Room) -> None:
    weights = {"a": 1, "b": 2, "c": 4}
    for tenant, weight in weights.items():
        room.limit(tenant, weight=weight)
    backlog(room, {"a": 8, "b": 14, "c": 26})
    went = served(room, 35)
    for n in range(1, 36):
        share = Counter(went[:n])
        for one, other in itertools.combinations(weights, 2):
            # The bound of start-time fair queueing: one call of each, over its weight.
            gap = abs(share[one] / weights[one] - share[other] / weights[other])
            assert gap <= 1 / weights[one] + 1 / weights[other], (n, share)
        if n % 7 == 0:
            assert share == {tenant: n // 7 * weight for tenant, weight in weights.items()}


def test_shares_are_of_money_and_not_of_calls(room: Room) -> None:
    prices = {"cheap": 10_000, "dear": 40_000}
    backlog(room, {"cheap": 40, "dear": 12}, prices)
    went = Counter(served(room, 40))
    assert went == {"cheap": 32, "dear": 8}
    assert prices["cheap"] * went["cheap"] == prices["dear"] * went["dear"]


def test_a_call_whose_price_is_not_known_counts_as_a_cent(room: Room) -> None:
    room.worker()
    for _ in range(20):
        room.submit(tenant="known", price=20_000)
        job = room.new_job(tenant="unknown")
        fields = {name: value for name, value in job.fields.items() if name != "price_microusd"}
        room.accept(ops.NewJob(job.job_id, fields))
    assert Counter(served(room, 24)) == {"known": 8, "unknown": 16}


def test_who_submits_one_call_at_a_time_gets_no_more_than_its_share(room: Room) -> None:
    backlog(room, {"a": 30})
    went: list[str] = []
    room.submit(tenant="drip")
    for _ in range(20):
        (hint,) = room.admit(most=1)
        went.append(tenant_of(room, hint))
        if went[-1] == "drip":
            room.submit(tenant="drip")
        room.finish(hint)
    assert abs(went.count("drip") - went.count("a")) <= 1, went


def test_virtual_time_never_falls_when_a_reach_opens_that_was_closed(room: Room) -> None:
    """Who waited for a closed pool stands far behind the others: a newcomer must not be put beside it."""
    room.worker()
    room.submit(tenant="bound", routes="closed")
    room.set_pool("closed", tat_us=room.now_us() + 5_000_000)
    for _ in range(12):
        room.submit(tenant="a")
    served(room, 6)
    before = float(room.raw.hget("dr:lane:lane", "virtual:standard") or 0)
    assert before == 5 * PRICE
    room.set_pool("closed", tat_us=0)
    assert served(room, 1) == ["bound"]
    assert float(room.raw.hget("dr:lane:lane", "virtual:standard") or 0) == before
    for _ in range(4):
        room.submit(tenant="new")
    assert Counter(served(room, 6)) == {"a": 3, "new": 3}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
def test_a_running_limit_is_never_exceeded_and_every_ending_makes_room(room: Room, ending: Ending) -> None:
    room.limit("t", running=2)
    room.worker()
    for _ in range(5):
        room.submit(tenant="t")
    other = room.submit(tenant="u")
    hints = room.admit()
    assert [tenant_of(room, hint) for hint in hints].count("t") == 2
    assert other in map(job_of, hints)
    assert room.admit() == ()
    first = next(hint for hint in hints if tenant_of(room, hint) == "t")
    ending(room, first)
    again = room.admit()
    assert len(again) == 1
    assert len(room.members("running:t")) == 2
    assert room.admit() == ()


def test_a_limit_that_is_raised_or_taken_back_counts_at_once(room: Room) -> None:
    room.limit("t", running=1)
    backlog(room, {"t": 8})
    assert len(room.admit()) == 1
    room.limit("t", running=3)
    assert len(room.admit()) == 2
    room.limit("t", running=2)
    assert room.admit() == ()
    room.limit("t", "running")
    assert len(room.admit()) == 5


def test_a_queued_limit_refuses_without_writing_anything(room: Room) -> None:
    room.limit("t", queued=2)
    room.worker()
    for _ in range(2):
        room.submit(tenant="t")
    before = room.raw.keys("*")
    refused = room.accept(room.new_job(tenant="t"), idempotency=("t:key", "print", 60_000))
    assert refused == ops.Accepted(ops.Verdict.QUEUE_FULL, "t", most=2, queued=2)
    assert sorted(room.raw.keys("*")) == sorted(before)
    assert room.accept(room.new_job(tenant="u")).verdict is ops.Verdict.ACCEPTED
    (hint, *_) = room.admit(most=1)
    assert room.accept(room.new_job(tenant="t")).verdict is ops.Verdict.QUEUE_FULL, "admitted is not started"
    room.advance(hint, "claimed")
    assert room.accept(room.new_job(tenant="t")).verdict is ops.Verdict.ACCEPTED


def test_a_workflow_counts_with_all_its_steps_and_a_canceled_job_no_more(room: Room) -> None:
    room.limit("t", queued=2)
    first = room.new_job(tenant="t")
    second = room.new_job(tenant="t", needs={"first": first.job_id})
    third = room.new_job(tenant="t", needs={"second": second.job_id})
    assert room.accept(first, second, third).verdict is ops.Verdict.QUEUE_FULL
    assert room.accept(first, second).verdict is ops.Verdict.ACCEPTED
    room.cancel(second.job_id)
    assert room.accept(room.new_job(tenant="t")).verdict is ops.Verdict.ACCEPTED
    assert room.accept(room.new_job(tenant="t")).verdict is ops.Verdict.QUEUE_FULL


def test_a_call_waits_no_longer_than_its_tenants_queue_time_and_costs_nothing_then(room: Room) -> None:
    room.limit("t", queue_ms=0)
    job = room.submit(tenant="t", routes="east")
    room.worker()
    assert room.reconcile().expired == 1
    view = room.view(job)
    assert (view.state, view.reason, view.cost.actual_usd) == ("expired", "deadline", 0)
    assert room.raw.hgetall("dr:queue:lane") == {}
    late = room.submit(tenant="t", routes="east")
    assert room.admit() == ()
    assert room.state(late) == "expired"
    assert room.raw.hget(room.keys.pool("east"), "tat_us") is None, "no place of the pool was spent"


def test_the_queue_time_counts_from_the_first_moment_at_which_a_call_may_go(room: Room) -> None:
    room.limit("t", queue_ms=HOUR_MS)
    now = room.now_ms()
    held = room.submit(tenant="t", hold_until_ms=now + 40)
    first = room.new_job(tenant="t", dependants=[later := new_job_id()])
    second = room.new_job(tenant="t", job_id=later, needs={"first": first.job_id})
    room.accept(first, second)
    for job in (held, second.job_id):
        assert room.raw.hget(room.keys.job(job), "queued_until_ms") is None
    assert now + HOUR_MS <= int(room.raw.hget(room.keys.job(first.job_id), "start_by_ms") or 0) <= room.now_ms() + HOUR_MS
    room.worker()
    hints = {job_of(hint): hint for hint in room.admit_many(2)}
    assert int(room.raw.hget(room.keys.job(held), "start_by_ms") or 0) >= now + 40 + HOUR_MS
    freed = room.now_ms()
    room.finish(hints[first.job_id])
    assert int(room.raw.hget(room.keys.job(second.job_id), "start_by_ms") or 0) >= freed + HOUR_MS


def test_a_job_that_wants_to_start_earlier_keeps_its_own_deadline(room: Room) -> None:
    room.limit("t", queue_ms=HOUR_MS)
    soon, late = room.now_ms() + 1000, room.now_ms() + 2 * HOUR_MS
    jobs = [room.submit(tenant="t", start_by_ms=by) for by in (soon, late)]
    kept, shortened = (int(room.raw.hget(room.keys.job(job), "start_by_ms") or 0) for job in jobs)
    assert kept == soon
    assert shortened < late


def test_a_call_that_has_started_once_is_not_late_when_it_is_tried_again(room: Room) -> None:
    room.limit("t", queue_ms=HOUR_MS)
    hint = room.started("calling", tenant="t")
    room.snooze(hint)
    room.raw.hset(room.keys.job(job_of(hint)), "start_by_ms", 1)
    assert room.reconcile().expired == 0
    assert room.admit_one().call_id == hint.call_id


def test_a_paused_tenant_waits_and_the_others_go_on(room: Room) -> None:
    backlog(room, {"a": 2, "b": 2})
    assert room.steer("tenant", "a", "paused")
    assert {tenant_of(room, hint) for hint in room.admit()} == {"b"}
    assert room.accept(room.new_job(tenant="a")).verdict is ops.Verdict.ACCEPTED
    assert room.admit() == ()
    room.steer("tenant", "a", "active")
    assert len(room.admit()) == 3


def test_a_draining_tenant_takes_nothing_new_and_finishes_what_it_has(room: Room) -> None:
    backlog(room, {"a": 2})
    room.steer("tenant", "a", "draining")
    assert room.accept(room.new_job(tenant="a")) == ops.Accepted(ops.Verdict.DRAINING, "tenant a")
    assert len(room.admit()) == 2


def test_a_paused_and_a_draining_lane(room: Room) -> None:
    backlog(room, {"a": 1})
    room.submit(lane="other")
    assert not room.steer("lane", "nowhere", "paused")
    assert room.steer("lane", "lane", "paused")
    assert [room.raw.hget(room.keys.job(job_of(hint)), "lane") for hint in room.admit()] == ["other"]
    assert room.admission().reason == "pause"
    room.steer("lane", "lane", "draining")
    assert room.accept(room.new_job()) == ops.Accepted(ops.Verdict.DRAINING, "lane lane")
    assert len(room.admit()) == 1
    room.steer("lane", "lane", "active")
    assert room.accept(room.new_job()).verdict is ops.Verdict.ACCEPTED


def test_five_thousand_tenants_are_each_served_once_before_any_is_served_twice(redis_url: str) -> None:
    tenants, twice = 5_000, 500
    with raw_redis(redis_url) as raw, sync_executor(redis_url, "dr:") as run:
        room = Room(run, raw, Keys("dr:"))
        room.worker(slots=tenants + twice)
        jobs = [room.new_job(tenant=f"t{n % tenants}") for n in range(tenants + twice)]
        for begin in range(0, len(jobs), 500):
            room.accept(*jobs[begin : begin + 500])
        owner = {job.job_id: job.fields["tenant"] for job in jobs}
        first = {owner[job_of(hint)] for _ in range(tenants // 500) for hint in room.admit(most=500)}
        assert len(first) == tenants
        assert len(room.admit(most=1000)) == twice
        assert room.admission().reason == "no_free_slot"
        assert raw.keys("dr:park:*") == raw.keys("dr:lists:*") == raw.keys("dr:turn:*") == []
