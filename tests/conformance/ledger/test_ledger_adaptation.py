"""What a pool learns from refusals: how far its rate is cut, how it grows again, and what the refused call loses (nothing)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from darkroom_shared.core.quota import PoolQuota
from darkroom_shared.store import ops
from tests.conformance.ledger.driver import THROTTLED, Room, job_of, paced

MINUTE_US = 60_000_000
POOL = PoolQuota("lane", "east", settings_rpm=100, margin=1.0)


def fleet(room: Room, backlog: int = 4, quota: PoolQuota = POOL) -> None:
    room.worker(pools=[quota])
    for _ in range(backlog):
        room.submit(routes="east")


def sent(room: Room) -> ops.Hint:
    room.ready("east")
    return room.advance(room.admit(most=1)[0], "calling")


def accepted(room: Room, count: int) -> None:
    """So many other requests went well in the last minute."""
    now = room.now_us()
    for n in range(count):
        room.raw.execute_command("ZADD", "dr:sent:east", now - 1000 - n, f"other-{n}:1")


@pytest.mark.parametrize(
    ("taken", "rate"),
    [(0, 50.0), (40, 50.0), (60, 58.2), (80, 77.6), (99, 92.0), (300, 92.0)],
)
def test_a_cut_goes_to_what_was_taken_in_the_last_minute_but_neither_below_half_nor_above_92_percent(
    room: Room, taken: int, rate: float
) -> None:
    fleet(room)
    hint = sent(room)
    accepted(room, taken)
    room.refuse(hint)
    assert room.noted("east", "rate") == pytest.approx(rate, rel=1e-3)
    assert room.pool("east").rate == pytest.approx(rate, rel=1e-2)


def test_the_rate_is_cut_once_in_ten_seconds_however_many_are_refused(room: Room) -> None:
    fleet(room)
    for hint in [sent(room) for _ in range(3)]:
        room.refuse(hint, delay_ms=3_600_000)
    assert room.noted("east", "rate") == pytest.approx(50)
    room.set_pool("east", cut_us=room.now_us() - 9_000_000, rate_us=room.now_us())
    room.raw.execute_command("HDEL", room.keys.pool("east"), "refusals")
    room.refuse(sent(room), delay_ms=3_600_000)
    assert room.noted("east", "rate") == pytest.approx(50, rel=0.01)


def test_ten_seconds_later_it_may_be_cut_again(room: Room) -> None:
    fleet(room)
    room.refuse(sent(room), delay_ms=3_600_000)
    room.set_pool("east", cut_us=room.now_us() - 10_000_001)
    room.raw.execute_command("HDEL", room.keys.pool("east"), "refusals")
    room.refuse(sent(room), delay_ms=3_600_000)
    assert room.noted("east", "rate") == pytest.approx(25, rel=0.01)


def grown(room: Room, *, rate: float, good: float, quiet_min: float, minutes: float = 1.0) -> float:
    """The rate so many minutes after it was noted, with the last refusal so many minutes ago."""
    now = room.now_us()
    room.set_pool("east", rate=rate, good=good, rate_us=now - minutes * MINUTE_US, refused_us=now - quiet_min * MINUTE_US)
    told = room.pool("east").rate
    assert told is not None
    return told


def test_a_rate_far_below_what_went_well_grows_fast_and_near_it_slowly(room: Room) -> None:
    fleet(room)
    assert grown(room, rate=20, good=40, quiet_min=1) == pytest.approx(40, rel=1e-3), "half of it in a minute"
    assert grown(room, rate=20, good=40, quiet_min=1, minutes=0.25) == pytest.approx(25, rel=1e-2)
    assert grown(room, rate=37, good=40, quiet_min=1) == pytest.approx(37.2, rel=1e-3), "half a percent of it"


def test_after_five_quiet_minutes_it_grows_faster_and_faster_up_to_a_tenth_a_minute(room: Room) -> None:
    fleet(room)
    slopes = [grown(room, rate=40, good=40, quiet_min=quiet) - 40 for quiet in (4.9, 6, 7, 8, 30)]
    assert slopes == pytest.approx([0.2, 0.4, 0.8, 1.6, 4.0], rel=1e-2)


def test_a_rate_never_grows_by_more_than_a_minutes_worth_at_once(room: Room) -> None:
    fleet(room)
    assert grown(room, rate=40, good=40, quiet_min=60, minutes=60) == pytest.approx(44, rel=1e-3)


def test_a_rate_never_grows_above_the_known_quota(room: Room) -> None:
    fleet(room)
    assert grown(room, rate=99.9, good=100, quiet_min=60) == 100
    room.worker(pools=[replace(POOL, settings_rpm=30)])
    assert room.pool("east").rate == 30, "a quota that was lowered counts at once"


def test_an_unknown_quota_is_tried_twice_as_fast_every_minute_until_the_first_refusal(room: Room) -> None:
    fleet(room, quota=replace(POOL, settings_rpm=None, unknown=True))
    sent(room)
    room.set_pool("east", rate_us=room.now_us() - MINUTE_US)
    assert room.pool("east").rate == pytest.approx(20, rel=1e-3)
    accepted(room, 9)
    room.refuse(sent(room))
    assert room.pool("east").rate == pytest.approx(10, rel=1e-2)


@pytest.mark.parametrize("code", ["throttled", "model_not_ready", "quota_exceeded"])
def test_a_refused_call_loses_no_attempt_and_goes_to_the_head_of_its_tenants_list(room: Room, code: str) -> None:
    fleet(room, backlog=1)
    hint = sent(room)
    soon = room.submit(routes="east", finish_by_ms=room.now_ms() + 60_000)
    room.snooze(hint, replace(THROTTLED, code=code), counts=False)
    call = room.call(hint.call_id)
    assert (call["state"], call["attempts"], call["snoozes"]) == ("snoozed", "0", "1")
    room.ready("east")
    first = room.admit(most=1)[0]
    assert (first.call_id, first.fence) == (hint.call_id, 2)
    room.ready("east")
    assert job_of(room.admit()[0]) == soon


def test_a_call_that_was_refused_once_stands_in_the_list_like_others_the_next_time(room: Room) -> None:
    fleet(room, backlog=1)
    hint = sent(room)
    room.refuse(hint)
    room.doubt(sent(room))
    soon = room.submit(routes="east", finish_by_ms=room.now_ms() + 60_000)
    room.ready("east")
    assert job_of(room.admit(most=1)[0]) == soon


def test_a_tenant_is_not_charged_for_what_was_refused(room: Room) -> None:
    room.worker(pools=[paced("east", 1)])
    for _ in range(12):
        for tenant in ("a", "b"):
            room.submit(routes="east", tenant=tenant)
    done: list[str] = []
    for n in range(16):
        room.ready("east")
        (hint,) = room.admit(most=1)
        tenant = room.call(hint.call_id)["tenant"]
        room.advance(hint, "calling")
        if tenant == "b" and n % 4 == 1:
            room.refuse(hint)
            room.raw.execute_command("HDEL", room.keys.pool("east"), "refusals")
            continue
        room.receipt(hint)
        room.commit(hint)
        done.append(tenant)
    assert abs(done.count("a") - done.count("b")) <= 1, done
