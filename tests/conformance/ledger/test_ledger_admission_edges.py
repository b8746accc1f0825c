"""Edges of admission, each of which was wrong once."""

from __future__ import annotations

from darkroom_shared.core.failure import Failure, FailureKind
from darkroom_shared.core.quota import PoolQuota
from darkroom_shared.store import presence
from tests.conformance.ledger.driver import Room, job_of

UNKNOWN_QUOTA = PoolQuota("lane", "east", unknown=True)
STORE_AWAY = Failure(FailureKind.RETRY, "storage_unavailable", "no store", billed=None)


def pass_a_minute(room: Room) -> None:
    """Moves the pool's clock, and what it let go, more than a minute into the past."""
    room.set_pool("east", tat_us=0, rate_us=room.now_us() - 61_000_000)
    room.raw.delete("dr:sent:east")


def test_a_rate_that_is_hardly_used_stays_a_rate_that_was_proven(room: Room) -> None:
    room.worker(pools=[UNKNOWN_QUOTA])
    for _ in range(12):
        pass_a_minute(room)
        room.submit(routes="east")
        room.finish(room.admit()[0])
    # One call a minute: doubled each time it would be 40,960 a minute by now, and 1,000 times later no number any more.
    assert room.noted("east", "rate") <= 12


def test_a_rate_that_is_used_still_doubles_in_a_minute(room: Room) -> None:
    room.worker(pools=[UNKNOWN_QUOTA])
    room.set_pool("east", tat_us=0, rate=40, rate_us=room.now_us() - 60_000_000)
    now = room.now_us()
    for n in range(40):
        room.raw.execute_command("ZADD", "dr:sent:east", now - 1000 - n, f"other-{n}:1")
    room.submit(routes="east")
    assert len(room.admit()) == 1
    assert 79 <= room.noted("east", "rate") <= 81


def owed(room: Room, lane: str, worker: str, count: int) -> None:
    """Calls of a lane whose answers are stored and wait for a worker that decodes them."""
    for _ in range(count):
        room.submit(lane=lane)
    hints = room.admit()
    assert len(hints) == count
    for hint in hints:
        assert room.claim(hint, worker).verdict == "claimed"
        room.gate(hint)
        room.receipt(hint)
        assert room.snooze(hint, STORE_AWAY, counts=False)


def test_stored_answers_of_a_lane_that_nobody_serves_do_not_hold_up_those_of_others(room: Room) -> None:
    room.worker("gone", slots=1000, queue="darkroom.a", lanes="a")
    owed(room, "a", "gone", 12)
    room.run(presence.leave("gone"))
    room.worker("here", queue="darkroom.b", lanes="b")
    owed(room, "b", "here", 1)
    assert [room.raw.hget(room.keys.job(job_of(hint)), "lane") for hint in room.admit(most=5)] == ["b"]


def test_a_worker_that_comes_back_under_its_name_is_no_longer_dedicated_to_what_it_was(room: Room) -> None:
    room.worker("host:1", queue="darkroom.a", lanes="a")
    room.worker("host:1")
    room.submit(lane="b")
    assert [hint.queue for hint in room.admit()] == ["darkroom"]


def test_a_call_that_an_older_version_let_go_gives_its_slot_back(room: Room) -> None:
    hint = room.started("admitted")
    room.raw.execute_command("HDEL", room.keys.call(hint.call_id), "queue", "tenant")
    room.raw.delete("dr:pending:darkroom", "dr:running:t")
    room.finish(hint)
    assert (room.members("work:w1"), room.look().free_slots) == ([], 100)


def test_calls_that_the_first_version_parked_or_snoozed_go_on(room: Room) -> None:
    """There a lane was a model in a Region, its lists had no choice of pools, and the lanes were a set."""
    lane = "us-east-1/m"
    room.worker(pools=[PoolQuota("m", lane, settings_rpm=1)])
    parked, snoozed = room.submit(lane=lane), room.submit(lane=lane, hold_until_ms=room.now_ms() + 100)
    for job in (parked, snoozed):
        room.raw.execute_command("HSET", room.keys.job(job), "lane", lane)
        room.raw.execute_command("HDEL", room.keys.job(job), "routes")
    for key in room.raw.keys("dr:*m*"):
        if key.split(":")[1] in ("turn", "park", "reaches", "waits", "queue"):
            room.raw.delete(key)
    room.raw.delete("dr:open_lanes", "dr:lists:t")
    room.raw.execute_command("SADD", "dr:lanes", lane)
    room.raw.execute_command("ZADD", f"dr:turn:{lane}:standard", 0, "t")
    room.raw.execute_command("ZADD", f"dr:park:{lane}:standard:t", room.now_ms(), f"{parked}.0")
    room.reconcile()
    went = [room.admit_one()]
    room.ready(lane)
    room.raw.delete(f"dr:sent:{lane}")
    went.append(room.admit_one())
    assert [job_of(hint) for hint in went] == [parked, snoozed]
    assert {room.call(hint.call_id)["pool"] for hint in went} == {lane}
    assert room.raw.exists("dr:lanes") == 0
