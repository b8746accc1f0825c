"""Positions and predictions of waiting calls: against the fair queue itself, played out call by call, and at their edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom_shared.core.forecast import (
    ClassState,
    Forecast,
    LaneState,
    Place,
    PoolState,
    TenantQueue,
    ahead,
    forecast,
    position,
    time_scale,
)

FLOORS = {"interactive": 0.0, "standard": 0.2, "bulk": 0.1}
COST = 40_000.0
CLASSES = st.sampled_from(list(FLOORS))
Circuit = Literal["closed", "open", "half_open", "probing"]


def pool(
    name: str = "us-east-1/m",
    *,
    interval_ms: float = 1000,
    opens_in_ms: int | None = 0,
    why: str = "rate",
    concurrency: int | None = None,
    circuit: Circuit = "closed",
    open_s: float | None = None,
) -> PoolState:
    return PoolState(
        pool=name,
        source="settings",
        sent=0,
        refused=0,
        refused_in_all=0,
        in_flight=0,
        circuit=circuit,
        interval_ms=interval_ms,
        rate=60_000 / interval_ms if interval_ms else None,
        why=why,
        opens_in_ms=opens_in_ms,
        concurrency=concurrency,
        open_s=open_s,
    )


def queue(
    tenant: str,
    waiting: int,
    *,
    job_class: str = "standard",
    tag: float = 0,
    weight: float = 1,
    mode: str | None = None,
    running: int = 0,
    most: int | None = None,
) -> TenantQueue:
    return TenantQueue(job_class, tenant, waiting, tag, weight, running, most, mode)


def lane(
    *queues: TenantQueue,
    pools: tuple[PoolState, ...] | None = None,
    owed: Mapping[str, float] | None = None,
    mode: Literal["active", "paused", "draining"] = "active",
    slots: int = 100,
    free: int = 100,
    took_ms: float | None = None,
    others: Mapping[str, int] | None = None,
) -> LaneState:
    classes = {q.job_class: ClassState(0.0, (owed or {}).get(q.job_class, 0.0)) for q in queues}
    pools = (pool(),) if pools is None else pools
    return LaneState("m", mode, 0, free, slots, pools, queues, classes, others or {}, took_ms=took_ms)


def place(tenant: str = "a", rank: int = 0, job_class: str = "standard", pools: tuple[str, ...] = ("us-east-1/m",)) -> Place:
    return Place(job_class, tenant, rank, COST, pools)


def played_out(state: LaneState, mine: Place) -> int:
    """How many calls go before this one: the ledger's rule, applied call by call."""
    left = {(q.job_class, q.tenant): q.waiting for q in state.tenants if q.mode != "paused"}
    tags = {(q.job_class, q.tenant): q.tag for q in state.tenants}
    weights = {(q.job_class, q.tenant): q.weight for q in state.tenants}
    owed = {name: current.owed for name, current in state.classes.items()}
    went, own_went = 0, 0
    while True:
        found = {name: sorted((tags[key], key) for key in left if key[0] == name and left[key] > 0) for name in FLOORS}
        waiting = [name for name in FLOORS if found[name]]
        due = [name for name in waiting if FLOORS[name] > 0 and owed.get(name, 0) >= 1 - 1e-9]
        chosen = max(due, key=lambda name: owed[name]) if due else waiting[0]
        key = found[chosen][0][1]
        if key == (mine.job_class, mine.tenant):
            if own_went == mine.rank:
                return went
            own_went += 1
        for name in waiting:
            if FLOORS[name] > 0:
                more = owed.get(name, 0) + FLOORS[name]
                owed[name] = min(2, max(0, more - 1) if name == chosen else more)
        left[key] -= 1
        tags[key] += COST / weights[key]
        went += 1


@st.composite
def queues(draw: st.DrawFn) -> tuple[LaneState, Place]:
    names = draw(st.lists(st.tuples(CLASSES, st.sampled_from("abcdef")), min_size=1, max_size=8, unique=True))
    found = [
        queue(
            tenant,
            draw(st.integers(1, 60)),
            job_class=job_class,
            tag=1000.0 * draw(st.integers(0, 200)),  # equal ones, too: then names decide
            weight=draw(st.sampled_from([0.5, 1, 2, 5])),
        )
        for job_class, tenant in names
    ]
    own = draw(st.sampled_from(found))
    owed = {name: draw(st.floats(0, 1)) for name in FLOORS if FLOORS[name] > 0}
    return lane(*found, owed=owed), place(own.tenant, draw(st.integers(0, own.waiting - 1)), own.job_class)


@given(queues())
@settings(max_examples=300)
def test_a_position_is_that_of_the_fair_queue_within_a_few_calls(drawn: tuple[LaneState, Place]) -> None:
    state, mine = drawn
    real = played_out(state, mine)
    assert abs(position(state, mine, FLOORS) - real) <= 2 + 0.01 * real


@given(queues())
def test_a_position_says_whose_calls_go_first_and_rises_with_the_rank(drawn: tuple[LaneState, Place]) -> None:
    state, mine = drawn
    before = ahead(state, mine, FLOORS)
    assert min(before.own, before.tenants, before.urgent, before.lower) >= 0
    assert before.own == mine.rank
    assert before.total == position(state, mine, FLOORS) <= sum(q.waiting for q in state.tenants) - 1
    assert position(state, replace(mine, rank=mine.rank + 1), FLOORS) >= before.total


@given(
    queues(),
    st.lists(st.tuples(st.sampled_from([0, 200, 1000, 6000]), st.none() | st.integers(0, 60_000)), min_size=1, max_size=3),
    st.integers(-5, 5),
    st.none() | st.floats(0, 60_000),
)
def test_a_prediction_is_never_negative_and_the_pessimistic_one_never_sooner(
    drawn: tuple[LaneState, Place], opening: list[tuple[int, int | None]], free: int, took_ms: float | None
) -> None:
    state, mine = drawn
    pools = tuple(
        pool(f"r{n}/m", interval_ms=ms, opens_in_ms=at, why="concurrency", concurrency=5) for n, (ms, at) in enumerate(opening)
    )
    state = replace(state, pools=pools, free_slots=free, slots=5, took_ms=took_ms)
    mine = replace(mine, pools=tuple(one.pool for one in pools))
    told = forecast(state, mine, FLOORS)
    assert told.start_p50_s is not None
    assert told.start_p90_s is not None
    assert 0 <= told.start_p50_s <= told.start_p90_s
    later = forecast(state, replace(mine, rank=mine.rank + 1), FLOORS)
    assert later.start_p50_s is not None
    assert later.start_p90_s is not None
    assert (later.start_p50_s, later.start_p90_s) >= (told.start_p50_s, told.start_p90_s)


@pytest.mark.parametrize("job_class", list(FLOORS))
def test_where_nothing_waits_nothing_goes_before(job_class: str) -> None:
    assert position(lane(), place(job_class=job_class), FLOORS) == 0
    assert forecast(lane(), place(job_class=job_class), FLOORS) == Forecast(0, 0, 1)


def test_a_floor_bounds_the_wait_behind_more_urgent_calls() -> None:
    state = lane(queue("u", 10_000, job_class="interactive"), queue("a", 3, job_class="standard"))
    assert [position(state, place(rank=rank), FLOORS) for rank in range(3)] == [5, 10, 15]


def test_a_class_without_a_floor_waits_for_all_that_is_more_urgent() -> None:
    state = lane(queue("u", 300, job_class="interactive"), queue("a", 1, job_class="bulk"))
    assert position(state, place(job_class="bulk"), {**FLOORS, "bulk": 0.0}) == 300


def test_less_urgent_classes_take_their_floors_of_what_goes_before() -> None:
    state = lane(queue("a", 100, job_class="interactive"), queue("b", 100, job_class="standard"), queue("c", 100, job_class="bulk"))
    assert position(state, place(rank=70, job_class="interactive"), FLOORS) == pytest.approx(100, abs=2)


def test_a_heavier_tenant_has_more_turns_and_a_paused_one_none() -> None:
    state = lane(queue("a", 10), queue("b", 100, weight=2), queue("c", 100, mode="paused"))
    assert ahead(state, place(rank=9), FLOORS).tenants == pytest.approx(18, abs=1)


def test_a_tenant_that_is_new_comes_after_one_turn_of_those_that_wait() -> None:
    state = lane(*(queue(name, 50) for name in "bcd"))
    assert position(state, place("new"), FLOORS) == 3


def test_tenants_beyond_those_looked_at_count_like_the_others() -> None:
    state = lane(queue("a", 10), queue("b", 10), queue("c", 10), others={"standard": 200})
    assert position(state, place(rank=4), FLOORS) == 4 + 4 + 4 + 200 * 8 / 20


def test_the_rate_of_a_pool_spaces_the_starts() -> None:
    state = lane(queue("a", 100), pools=(pool(interval_ms=2000, opens_in_ms=500),))
    told = forecast(state, place(rank=10), FLOORS)
    assert told.start_p50_s == pytest.approx(0.5 + 10 * 2)
    assert told.start_p90_s == pytest.approx(0.5 + 10 * 2 / 0.8 + 2)


def test_two_pools_share_the_calls_from_the_moment_each_opens() -> None:
    pools = (pool("r0/m", interval_ms=1000), pool("r1/m", interval_ms=1000, opens_in_ms=10_000))
    state = lane(queue("a", 100), pools=pools)
    both = ("r0/m", "r1/m")
    starts = [forecast(state, place(rank=rank, pools=both), FLOORS).start_p50_s for rank in (5, 10, 11, 31)]
    assert starts == [5, 10, 10, 20]
    assert forecast(state, place(rank=31, pools=("r0/m",)), FLOORS).start_p50_s == 31


def test_without_pacing_a_call_goes_when_a_slot_is_free() -> None:
    state = lane(queue("a", 100), pools=(pool(interval_ms=0),), slots=4, free=2, took_ms=8000)
    assert [forecast(state, place(rank=rank), FLOORS).start_p50_s for rank in (0, 1, 2, 5)] == [0, 0, 2, 8]


def test_a_limit_of_calls_in_flight_is_a_pace() -> None:
    open_ = lane(queue("a", 100), pools=(pool(interval_ms=0, concurrency=2),), took_ms=10_000)
    assert forecast(open_, place(rank=10), FLOORS).start_p50_s == 50
    full = lane(queue("a", 100), pools=(pool(interval_ms=0, opens_in_ms=None, why="concurrency", concurrency=2),), took_ms=10_000)
    assert forecast(full, place(), FLOORS).start_p50_s == 5


def test_a_limit_of_the_tenants_running_calls_holds_its_calls_alone() -> None:
    state = lane(queue("a", 100, running=2, most=2), queue("b", 100), took_ms=10_000)
    assert forecast(state, place(), FLOORS).start_p50_s == 5
    assert forecast(state, place("b"), FLOORS).start_p50_s == 1
    assert forecast(lane(queue("a", 1, running=0, most=0)), place(), FLOORS).start_p50_s is None


def test_an_open_circuit_is_waited_for_and_the_pessimist_expects_one_more_refusal() -> None:
    state = lane(queue("a", 1), pools=(pool(opens_in_ms=12_000, why="circuit", circuit="open", open_s=30),))
    told = forecast(state, place(), FLOORS)
    assert told.start_p50_s == 12
    assert told.start_p90_s == 12 + 60 + 1
    probing = lane(queue("a", 1), pools=(pool(opens_in_ms=None, why="circuit", circuit="probing", open_s=200),), took_ms=3000)
    told = forecast(probing, place(), FLOORS)
    assert told.start_p50_s == 3
    assert told.start_p90_s == 3 + 240 + 1


def test_the_scale_of_a_pools_time_is_known_from_its_rate() -> None:
    assert time_scale(pool(interval_ms=500)) == 1
    assert time_scale(replace(pool(interval_ms=500), rate=12)) == 10
    assert time_scale(pool(interval_ms=0)) == 1


@pytest.mark.parametrize(
    "state",
    [
        lane(queue("a", 1), mode="paused"),
        lane(queue("a", 1, mode="paused")),
        lane(queue("a", 1), slots=0, free=0),
        lane(queue("a", 1), pools=(pool(opens_in_ms=None, why="no_quota"),)),
        lane(queue("a", 1), pools=(pool(opens_in_ms=None, why="pause"),)),
        lane(queue("a", 1), pools=()),
    ],
    ids=["lane paused", "tenant paused", "no worker", "quota 0", "pool paused", "no pool known"],
)
def test_what_needs_a_person_has_no_prediction(state: LaneState) -> None:
    assert forecast(state, place(), FLOORS) == Forecast(0, None, None)


def test_a_free_step_waits_for_no_pool() -> None:
    state = lane(queue("a", 9), pools=(), slots=2, free=1, took_ms=1000)
    assert forecast(state, place(rank=4, pools=()), FLOORS).start_p50_s == 2
