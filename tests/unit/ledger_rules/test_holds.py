"""What keeps a call from starting, told for each thing that can: alone, together, and not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from darkroom_shared.core.forecast import Forecast, LaneState, Place, PoolState, TenantQueue
from darkroom_shared.core.holds import Hold, Standing, clock, holds, lane_holds, late, misses, only_a_worker, span, standing_holds
from darkroom_shared.core.lifecycle import CallState

FLOORS = {"interactive": 0.0, "standard": 0.2, "bulk": 0.1}
POOL = PoolState("us-east-1/m", "aws", 0, 0, 0, 3, "closed", 10_101, quota=6, cap=5.94, rate=5.94, opens_in_ms=4200)
OWN = TenantQueue("standard", "blue", 1, 0, 1, 0)
LANE = LaneState("m", "active", 1, 5, 10, (POOL,), (OWN,), took_ms=8000)
PLACE = Place("standard", "blue", 0, 40_000, ("us-east-1/m",))
NOW_MS = 1_900_000_000_000


def told(lane: LaneState, place: Place = PLACE) -> list[Hold]:
    return list(holds(lane, place, FLOORS))


def with_pool(**changes: object) -> LaneState:
    return replace(LANE, pools=(replace(POOL, **changes),))  # type: ignore[arg-type]


def test_a_call_that_may_go_is_held_by_nothing() -> None:
    assert told(with_pool(opens_in_ms=0)) == []
    assert told(with_pool(opens_in_ms=0, rate=None, interval_ms=0, quota=None, cap=None, source="off")) == []


def test_the_rate_says_how_fast_and_why_and_when_the_next_call_goes() -> None:
    assert told(LANE) == [
        Hold("rate", "us-east-1/m lets one call go every 10 s (5.94 a minute, the quota is 6).", "Its next call goes in 4.2 s.")
    ]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"rate": 3.0, "interval_ms": 20_000}, "every 20 s (3 a minute, the quota is 6, slowed down after refusals)"),
        ({"quota": None, "cap": None}, "(5.94 a minute, learned: its quota is not known)"),
    ],
)
def test_a_rate_that_was_learned_is_told_as_such(changes: dict[str, object], says: str) -> None:
    [hold] = told(with_pool(**changes))
    assert says in hold.what


@pytest.mark.parametrize(
    ("changes", "kind", "what", "frees"),
    [
        ({"why": "throttled"}, "throttled", "has just refused a call", "In 4.2 s."),
        ({"why": "tokens"}, "tokens", "tokens a minute", "In 4.2 s."),
        ({"why": "circuit", "circuit": "open"}, "circuit", "left alone (circuit open)", "One call tries again in 4.2 s."),
        ({"why": "circuit", "circuit": "probing", "opens_in_ms": None}, "circuit", "one call is under way", "takes about 8.0 s"),
        ({"why": "concurrency", "concurrency": 3, "opens_in_ms": None}, "concurrency", "3 calls in flight and may have 3", "ends"),
        ({"why": "no_quota", "opens_in_ms": None, "quota": 0}, "no_quota", "is 0 (aws)", "Ask AWS"),
        ({"why": "pause", "opens_in_ms": None}, "pause", "is paused", "resumes"),
    ],
)
def test_each_thing_that_a_pool_waits_for_is_told(changes: dict[str, object], kind: str, what: str, frees: str) -> None:
    [hold] = told(with_pool(**changes))
    assert hold.kind == kind
    assert what in hold.what
    assert frees in hold.frees


def test_a_pool_that_is_shut_holds_no_call_that_another_pool_takes() -> None:
    shut = replace(POOL, pool="us-west-2/m", why="circuit", circuit="open", opens_in_ms=30_000)
    both = Place("standard", "blue", 0, 40_000, ("us-east-1/m", "us-west-2/m"))
    open_ = replace(POOL, opens_in_ms=0)
    assert told(replace(LANE, pools=(open_, shut)), both) == []
    assert [hold.kind for hold in told(replace(LANE, pools=(POOL, shut)), both)] == ["rate", "circuit"]


def test_those_that_go_first_are_counted_by_whose_they_are() -> None:
    queues = (
        TenantQueue("interactive", "red", 2, 0, 1, 0),
        replace(OWN, waiting=3),
        TenantQueue("standard", "green", 9, 0, 1, 0),
    )
    [rate, share] = told(replace(LANE, tenants=queues), replace(PLACE, rank=1))
    assert (rate.kind, share.kind) == ("rate", "share")
    assert share.what == (
        "About 4 calls go first: 2 of more urgent classes, 1 of the same tenant, 1 of other tenants whose turn is first."
    )
    assert share.frees == "They go, one after the other. A higher weight gives blue more turns. A more urgent class goes earlier."


def test_behind_others_an_open_pool_holds_by_its_pace() -> None:
    queues = (replace(OWN, waiting=3),)
    lane = replace(with_pool(opens_in_ms=0), tenants=queues)
    assert [hold.kind for hold in told(lane, replace(PLACE, rank=1))] == ["rate", "share"]


def test_workers_are_told_of_where_there_are_none_or_all_are_busy() -> None:
    assert [hold.kind for hold in told(replace(LANE, slots=0, free_slots=0))] == ["no_worker", "rate"]
    [slots, _] = told(replace(LANE, free_slots=0))
    assert slots == Hold(
        "slots",
        "All 10 slots of the workers for its lane are taken.",
        "A call that ends (a call takes about 8.0 s), or another worker.",
    )
    assert [hold.kind for hold in only_a_worker(replace(LANE, free_slots=-1))] == ["slots"]
    assert only_a_worker(LANE) == ()


def test_what_a_person_did_comes_first_and_says_how_to_undo_it() -> None:
    lane = replace(LANE, mode="paused", tenants=(replace(OWN, mode="paused", running=2, running_most=2),))
    found = told(lane)
    assert [hold.kind for hold in found] == ["pause", "pause", "tenant_limit", "rate"]
    assert [hold.frees for hold in found[:2]] == ["`darkroom resume --lane m`.", "`darkroom resume --tenant blue`."]
    assert "2 of 2 calls running" in found[2].what


def test_a_limit_of_none_running_is_freed_by_a_person_alone() -> None:
    [limit, _] = told(replace(LANE, tenants=(replace(OWN, running_most=0),)))
    assert limit.frees == "`darkroom tenants set blue --running N` raises the limit."


def test_a_lane_tells_only_what_a_person_should_look_at() -> None:
    assert lane_holds(LANE) == ()
    assert lane_holds(replace(LANE, waiting=0, slots=0)) == ()
    assert [hold.kind for hold in lane_holds(replace(LANE, mode="draining", slots=0))] == ["drain", "no_worker"]
    shut = replace(with_pool(why="circuit", circuit="open"), mode="paused")
    assert [hold.kind for hold in lane_holds(shut)] == ["pause", "circuit"]


@pytest.mark.parametrize(
    ("standing", "kind", "what", "frees"),
    [
        (Standing(CallState.SNOOZED, "dependency", NOW_MS, steps=("cut", "pad")), "dependency", "cut, pad", "end of that step"),
        (
            Standing(CallState.SNOOZED, "not_before", NOW_MS, NOW_MS + 600_000),
            "not_before",
            "2030-03-17 17:56:40 UTC",
            "In 10 min.",
        ),
        (Standing(CallState.SNOOZED, "spend_limit", NOW_MS), "budget", "DARKROOM_SPEND_PER_DAY", "Midnight UTC"),
        (Standing(CallState.SNOOZED, "throttled", NOW_MS, NOW_MS), "throttled", "head of its queue", "In 0.0 s."),
        (Standing(CallState.SNOOZED, "provider_error", NOW_MS, NOW_MS + 3000), "back_off", "(provider_error)", "In 3.0 s."),
        (Standing(CallState.SNOOZED, "provider_error", NOW_MS), "back_off", "(provider_error)", "Soon."),
        (
            Standing(CallState.UNKNOWN, "unknown_outcome", NOW_MS),
            "unknown_outcome",
            "no answer came",
            "darkroom resolve job_1 retry",
        ),
        (Standing(CallState.ADMITTED, "", NOW_MS), "admitted", "on its way", "takes the message"),
        (Standing(CallState.CALLING, "", NOW_MS), "running", "A worker is at it.", "Nothing"),
        (Standing(CallState.FAILED, "", NOW_MS, ended="failed, model_retired"), "ended", "failed, model_retired", "Nothing"),
    ],
)
def test_each_standing_of_a_call_that_is_not_parked_is_told(standing: Standing, kind: str, what: str, frees: str) -> None:
    [hold] = standing_holds("job_1", standing)
    assert hold.kind == kind
    assert what in hold.what
    assert frees in hold.frees


@pytest.mark.parametrize("state", list(CallState))
def test_every_state_of_a_call_is_told_but_that_which_the_queue_explains(state: CallState) -> None:
    assert bool(standing_holds("job_1", Standing(state, "", NOW_MS))) == (state is not CallState.PARKED)


@pytest.mark.parametrize(
    ("start_s", "deadline_ms", "is_late"),
    [
        (None, None, None),
        (5.0, None, None),
        (None, NOW_MS + 1, None),
        (None, NOW_MS, True),
        (5.0, NOW_MS + 5001, False),
        (5.0, NOW_MS + 4999, True),
    ],
)
def test_a_deadline_is_late_if_the_start_comes_after_it_or_it_has_passed(
    start_s: float | None, deadline_ms: int | None, is_late: bool | None
) -> None:
    assert misses(start_s, deadline_ms, NOW_MS) is is_late
    assert (late(Forecast(0, start_s, start_s), deadline_ms, NOW_MS) is not None) == bool(is_late)


def test_times_are_told_in_the_unit_that_a_person_would_use() -> None:
    assert [span(s) for s in (0, 0.04, 9.96, 10, 119, 121, 7199, 7200)] == [
        *("0.0 s", "0.0 s", "10.0 s", "10 s", "119 s", "2 min", "120 min", "2.0 h"),
    ]
    assert clock(NOW_MS) == "2030-03-17 17:46:40 UTC"
