"""The server's clock is set back by an hour: everything that was noted lies in the future, and calls go on all the same."""

from __future__ import annotations

import time

import pytest

from darkroom_shared.core.quota import PoolQuota
from darkroom_shared.store import ops
from tests.conformance.ledger.driver import Room

HOUR_US = 3_600_000_000
FAST = PoolQuota("lane", "east", settings_rpm=60, margin=1.0, scale=600)
"""A quota minute takes 100 ms: a call in 1.67 ms."""


def fleet(room: Room, quota: PoolQuota = FAST) -> ops.Hint:
    """A call that is out, with others waiting."""
    room.worker(pools=[quota])
    for _ in range(6):
        room.submit(routes="east")
    return room.advance(room.admit(most=1)[0], "calling")


def waits_ms(room: Room) -> float:
    """Until the next call goes, by the clock of the test."""
    begin = time.monotonic()
    while not room.admit(most=1):
        assert time.monotonic() - begin < 10, room.pool("east")
    return (time.monotonic() - begin) * 1000


@pytest.mark.parametrize(
    ("field", "longest_ms"),
    [("tat_us", 2 * 100 / 60), ("rest_until_us", 6 / 0.6), ("open_until_us", 240 / 0.6), ("tokens_us", 60 / 0.6)],
)
def test_no_time_lies_farther_ahead_than_it_can(room: Room, field: str, longest_ms: float) -> None:
    fleet(room, PoolQuota("lane", "east", settings_rpm=60, margin=1.0, scale=600, tokens_per_minute=1000))
    room.ready("east")
    room.set_pool("east", late_us=0)  # what a slow machine adds to the rhythm is another matter
    room.set_pool("east", **{field: room.now_us() + HOUR_US})
    told = room.admission(most=1)
    assert told.hints == ()
    assert told.next_ms is not None
    assert told.next_ms <= longest_ms + 1
    assert waits_ms(room) < longest_ms + 250, "the machine may be slow, but an hour it is not"


def test_a_time_that_is_looked_at_again_and_again_still_comes(room: Room) -> None:
    """A bound that moved on with the clock would always be two intervals away."""
    fleet(room, PoolQuota("lane", "east", settings_rpm=60, margin=1.0, scale=60))
    room.set_pool("east", late_us=0, tat_us=room.now_us() + HOUR_US)
    assert room.admit() == ()
    until = room.noted("east", "tat_us")
    assert until - room.now_us() <= 2 * 1_000_000 / 60
    assert room.admit() == () or room.now_us() > until
    assert room.noted("east", "tat_us") == until or room.now_us() > until


def test_a_refusal_cuts_the_rate_though_the_last_cut_lies_in_the_future(room: Room) -> None:
    quota = PoolQuota("lane", "east", settings_rpm=100, margin=1.0)
    hint = fleet(room, quota)
    room.refuse(hint, delay_ms=3_600_000)
    ahead = room.now_us() + HOUR_US
    room.set_pool("east", cut_us=ahead, rate_us=ahead, refused_us=ahead)
    assert room.pool("east").rate == pytest.approx(50, rel=0.01), "time that has not been yet lets nothing grow and nothing shrink"
    room.set_pool("east", cut_us=room.noted("east", "cut_us") - 10_000_001)
    room.ready("east")
    room.refuse(room.advance(room.admit(most=1)[0], "calling"))
    assert room.noted("east", "rate") < 30
    assert room.noted("east", "cut_us") <= room.now_us()


def test_a_rate_that_was_noted_in_the_future_grows_from_now_on(room: Room) -> None:
    fleet(room)
    ahead = room.now_us() + HOUR_US
    room.set_pool("east", rate=20, good=40, rate_us=ahead, refused_us=ahead)
    assert room.pool("east").rate == pytest.approx(20, rel=0.05)
    deadline = time.monotonic() + 10
    while (room.pool("east").rate or 0) < 30:
        assert time.monotonic() < deadline


def test_a_second_refusal_opens_the_circuit_though_the_last_one_lies_in_the_future(room: Room) -> None:
    hint = fleet(room, PoolQuota("lane", "east", off=True))
    room.refuse(hint, delay_ms=3_600_000)
    room.set_pool("east", refused_us=room.now_us() + HOUR_US)
    room.ready("east")
    room.refuse(room.advance(room.admit(most=1)[0], "calling"), delay_ms=3_600_000)
    assert room.pool("east").circuit == "open"


def test_requests_that_were_noted_in_the_future_do_not_count_for_an_hour(room: Room) -> None:
    fleet(room, PoolQuota("lane", "east", off=True))
    for name in ("sent", "refused"):
        room.raw.execute_command("ZADD", f"dr:{name}:east", room.now_us() + HOUR_US, "old:1")
    room.advance(room.admit(most=1)[0], "calling")
    assert room.pool("east").sent == 2, "both that this clock has seen"


def test_a_minute_that_was_full_in_the_future_holds_nothing_back(room: Room) -> None:
    fleet(room, PoolQuota("lane", "east", settings_rpm=2))
    room.ready("east")
    for n in range(2):
        room.raw.execute_command("ZADD", "dr:sent:east", room.now_us() + HOUR_US, f"old.{n}:1")
    assert len(room.admit(most=1)) == 1
