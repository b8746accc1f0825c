"""Workers and their queues: who may get what, which slots count, and what happens to the calls of those that are gone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from darkroom_shared.core.quota import PoolQuota
from darkroom_shared.store import ops, presence
from tests.conformance.ledger.driver import Room, job_of, output, paced

FAR_US = 6_000_000_000


def lane_of(room: Room, hint: ops.Hint) -> str:
    return str(room.raw.hget(room.keys.job(job_of(hint)), "lane"))


def queues(room: Room, hints: tuple[ops.Hint, ...]) -> Counter[tuple[str, str]]:
    return Counter((lane_of(room, hint), hint.queue) for hint in hints)


def test_dedicated_workers_get_their_lanes_calls_before_those_that_take_everything(room: Room) -> None:
    room.worker("own", slots=2, queue="darkroom.east", lanes="east")
    room.worker("any", slots=3)
    for _ in range(4):
        room.submit(lane="east")
    room.submit(lane="west")
    assert queues(room, room.admit()) == {("east", "darkroom.east"): 2, ("east", "darkroom"): 2, ("west", "darkroom"): 1}


def test_a_dedicated_worker_gets_no_other_lanes_calls(room: Room) -> None:
    room.worker("own", queue="darkroom.east", lanes="east,north")
    for lane in ("west", "north"):
        room.submit(lane=lane)
    assert queues(room, room.admit()) == {("north", "darkroom.east"): 1}
    assert room.admission().reason == "no_worker"


def test_workers_with_the_same_choice_of_lanes_share_a_queue_and_its_slots_add_up(room: Room) -> None:
    room.worker("one", slots=1, queue="q", lanes="lane")
    room.worker("two", slots=2, queue="q", lanes="lane")
    for _ in range(5):
        room.submit()
    hints = room.admit()
    assert queues(room, hints) == {("lane", "q"): 3}
    room.claim(hints[0], "two")
    assert room.admit() == ()
    room.advance(ops.Hint(hints[1].call_id, 1, ""), "responded")
    room.commit(hints[1])
    assert len(room.admit()) == 1
    assert len(room.members("pending:q")) == 2
    assert room.members("work:two") == [hints[0].call_id]


def test_calls_of_a_worker_that_died_do_not_weigh_on_the_slots_of_the_others(room: Room) -> None:
    room.worker("dead", slots=4)
    for _ in range(8):
        room.submit()
    for hint in room.admit():
        room.claim(hint, "dead")
    room.worker("dead", slots=4, ttl_ms=0)
    room.worker("alive", slots=3)
    assert len(room.admit()) == 3
    assert room.admission().reason == "no_free_slot"


def test_a_worker_that_leaves_takes_its_free_slots_with_it(room: Room) -> None:
    room.worker("w1", slots=1)
    room.worker("w2", slots=1)
    room.run(presence.leave("w2"))
    for _ in range(2):
        room.submit()
    assert len(room.admit()) == 1


def test_a_worker_with_fewer_slots_than_calls_does_not_lend_from_the_others(room: Room) -> None:
    room.worker("w1", slots=3)
    for _ in range(5):
        room.submit()
    for hint in room.admit():
        room.claim(hint, "w1")
    room.worker("w1", slots=1)
    room.worker("w2", slots=1)
    assert len(room.admit()) == 1


def test_a_queue_that_nobody_reads_any_more_is_handed_over(room: Room) -> None:
    room.worker("own", slots=4, queue="q", lanes="lane", pools=[PoolQuota("lane", "east", off=True)])
    jobs = [room.submit(routes="east") for _ in range(3)]
    claimed, *left = room.admit()
    room.claim(claimed, "own")
    room.worker("own", slots=4, queue="q", lanes="lane", ttl_ms=0)
    assert room.reconcile().lost == 0, "nobody else serves the lane"
    assert sorted(room.members("pending:q")) == sorted(hint.call_id for hint in left)
    room.worker("any")
    assert room.reconcile().lost == 2
    assert room.members("pending:q") == []
    assert room.raw.zrange("dr:flight:east", 0, -1) == [claimed.call_id]
    again = room.admit()
    assert {(hint.call_id, hint.fence, hint.queue) for hint in again} == {(hint.call_id, 2, "darkroom") for hint in left}
    assert all(room.claim(hint).verdict is ops.ClaimVerdict.STALE for hint in left), "its message may still stand in the old queue"
    room.reconcile()
    assert room.members("queues") == ["darkroom"]
    assert job_of(claimed) in jobs


def test_a_stored_answer_in_a_queue_that_nobody_reads_is_handed_over_too(room: Room) -> None:
    room.worker("own", queue="q", lanes="lane")
    job = room.submit()
    room.snooze(room.advance(room.admit_one(), "responded"))
    assert room.admit_one().queue == "q"
    room.worker("own", queue="q", lanes="lane", ttl_ms=0)
    room.worker("any")
    assert room.reconcile().lost == 1
    (hint,) = room.admit()
    assert room.claim(hint).verdict is ops.ClaimVerdict.ADOPTED
    room.commit(hint, [output()])
    assert room.state(job) == "succeeded"


def test_a_queue_with_one_live_worker_left_is_not_handed_over(room: Room) -> None:
    room.worker("one", queue="q", lanes="lane")
    room.worker("two", queue="q", lanes="lane")
    room.worker("any")
    room.submit()
    room.admit_one()
    room.worker("one", queue="q", lanes="lane", ttl_ms=0)
    assert room.reconcile().lost == 0


def test_a_blocked_lane_never_holds_up_another(room: Room) -> None:
    room.worker(pools=[paced("east", FAR_US, "a"), PoolQuota("b", "west", settings_rpm=0)])
    for lane, routes in (("a", "east"), ("b", "west"), ("c", ""), ("d", "")):
        for _ in range(4):
            room.submit(lane=lane, routes=routes)
    room.steer("lane", "d", "paused")
    went = Counter(lane_of(room, hint) for hint in room.admit())
    assert went == {"a": 1, "c": 4}


def test_lanes_take_turns_in_the_only_slot(room: Room) -> None:
    room.worker(slots=1)
    for lane in ("a", "b", "c"):
        for _ in range(4):
            room.submit(lane=lane)
    room.submit(lane="blocked", routes="east")
    room.set_pool("east", tat_us=room.now_us() + 5_000_000)
    went: list[str] = []
    for _ in range(9):
        (hint,) = room.admit()
        went.append(lane_of(room, hint))
        room.finish(hint)
    assert went == ["a", "b", "c"] * 3


def test_a_lane_without_a_worker_of_its_own_waits_beside_one_that_has(room: Room) -> None:
    room.worker("own", slots=1, queue="q", lanes="a")
    for lane in ("a", "b"):
        for _ in range(2):
            room.submit(lane=lane)
    assert queues(room, room.admit()) == {("a", "q"): 1}
    room.worker("any", slots=2)
    assert queues(room, room.admit()) == {("b", "darkroom"): 1, ("a", "darkroom"): 1}


def test_when_all_has_ended_nothing_is_left_behind(room: Room) -> None:
    room.worker("own", queue="q", lanes="lane", pools=[replace(PoolQuota("lane", "east", off=True), concurrency=3)])
    room.worker("any", slots=2)
    room.limit("t", running=4)
    for n in range(9):
        room.submit(routes="east", tenant="tu"[n % 2], job_class="bulk" if n % 3 else "standard")
    while hints := room.admit():
        for hint in hints:
            room.finish(hint)
    left = {key.split(":")[1] for key in room.raw.keys("dr:*")}
    held = {"park", "turn", "lists", "waits", "queue", "running", "queued", "pending", "work", "flight", "unclaimed", "leases"}
    assert left & (held | {"open_lanes", "reaches", "owed", "held", "snoozed", "deadlines"}) == set(), "Redis drops what is empty"
