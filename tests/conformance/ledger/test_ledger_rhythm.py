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
