"""The rhythm of a pool against the strictest server: late wake-ups keep their rate, and no minute holds more than the quota."""

from __future__ import annotations

import pytest

from darkroom_shared.core.quota import PoolQuota
from darkroom_shared.store.keys import Keys
from tests.conformance.ledger.driver import Room, raw_redis, sync_executor
from tests.conformance.ledger.walk_clock import Judge, move_times

MINUTE_US = 60_000_000
QUOTAS = [2, 5, 10, 20, 60, 100]


def minutes(room: Room, rpm: int, count: int, late_s: list[float]) -> tuple[Judge, int, int]:
    """So many calls, each woken at the time that was told or so much later: the server, its refusals, and how long it took."""
    room.worker(slots=1000, pools=[PoolQuota("lane", "east", settings_rpm=rpm)])
    for _ in range(count + 1):
        room.submit(routes="east")
    judge, refused, moved_us = Judge(rpm), 0, 0
    begin = room.now_us()
    for n in range(count):
        (hint,) = room.admit(most=1)
        refused += not judge.takes(room.now_us() + moved_us)
        room.finish(hint)
        wait_us = (room.admission(most=1).next_ms or 0) * 1000 + round(late_s[n % len(late_s)] * 1_000_000)
        move_times(room.raw, "dr:", -wait_us)
        moved_us += wait_us
    return judge, refused, room.now_us() + moved_us - begin


@pytest.mark.parametrize("rpm", QUOTAS)
@pytest.mark.parametrize("share", [0.05, 0.2, 0.24, 0.3])
def test_a_late_wake_up_followed_by_exact_ones_puts_no_call_too_many_into_a_minute(redis_url: str, rpm: int, share: float) -> None:
    late_s = share * 60 / rpm
    with raw_redis(redis_url) as raw, sync_executor(redis_url, "dr:") as run:
        _, refused, _ = minutes(Room(run, raw, Keys("dr:")), rpm, rpm + 4, [late_s, *[0.0] * (rpm + 4)])
    assert refused == 0


@pytest.mark.parametrize("rpm", QUOTAS)
def test_wake_ups_that_are_always_a_little_late_cost_no_rate(redis_url: str, rpm: int) -> None:
    count = max(10, rpm)
    with raw_redis(redis_url) as raw, sync_executor(redis_url, "dr:") as run:
        _, refused, took_us = minutes(Room(run, raw, Keys("dr:")), rpm, count, [0.1])
    assert refused == 0
    assert count * MINUTE_US / took_us >= 0.98 * rpm


def test_a_call_that_was_sent_late_keeps_the_last_of_its_minute_back(room: Room) -> None:
    """Three a minute: the first is sent 2 s after it was let go, so the fourth waits until a minute after that."""
    pool = PoolQuota("lane", "pool", settings_rpm=3, margin=0.99)
    room.worker(pools=[pool])
    for _ in range(4):
        room.submit(routes="pool")
    now = room.now_us()
    for sent_us in (-58_600_000, -40_400_000, -20_200_000):
        room.ready("pool")
        hint = room.advance(room.admit_one(), "calling")
        room.raw.execute_command("ZADD", "dr:sent:pool", now + sent_us, f"{hint.call_id}:{hint.fence}")
    room.raw.hset(room.keys.pool("pool"), "tat_us", now)
    answer = room.admission()
    assert (answer.hints, answer.reason) == ((), "rate")
    assert answer.next_ms is not None
    assert 1_000 < answer.next_ms <= 1_710, "a minute, and half of what the margin leaves, after the late one"


def test_a_call_that_was_let_go_and_never_sent_takes_no_place_in_the_minute(room: Room) -> None:
    room.worker(pools=[PoolQuota("lane", "pool", settings_rpm=1, margin=0.99)])
    job = room.submit(routes="pool")
    room.admit_one()
    room.cancel(job)
    assert room.raw.zcard("dr:sent:pool") == 0
