"""Why a call waits and when it may start: pure arithmetic over a look at its lane.

The model: classes go in order of urgency, but for the floors of the lower ones; inside a class tenants go by their virtual
time; pools let calls go at their rate from the moment they open; workers finish calls at the pace seen lately. Nothing is
simulated: a prediction costs microseconds, and is as good as the assumption that nobody submits anything more urgent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Literal

UNKNOWN_PRICE = 10_000.0
"""Millionths of a dollar that the fair queue reckons with where a call's price is not known; as in the ledger's scripts."""
CAUTION = 0.8
"""Share of the lane's pace that the pessimistic prediction (p90) reckons with: refusals and more urgent work take the rest."""


@dataclass(frozen=True, slots=True)
class PoolState:
    """One pool at one moment.

    Attributes:
        pool: its name.
        source: where its quota comes from: `settings`, `aws`, `catalogue`, `unknown` or `off`.
        quota: requests a minute, None where nobody knows or there is none.
        cap: the part of it that may be used, requests a minute.
        rate: requests a minute at this moment; None for no limit.
        interval_ms: between two calls at this rate, in real milliseconds; 0 for no limit.
        opens_in_ms: until it may take its next call; None if only an event can tell.
        why: what it waits for: `rate`, `tokens`, `throttled`, `circuit`, `concurrency`, `pause` or `no_quota`.
        sent, refused: requests of the last minute that the service took, and that it refused as too much.
        refused_in_all: refusals since the ledger began.
        in_flight, concurrency: calls let go and not ended, and how many may be.
        circuit: `closed`, `open`, `half_open` or `probing`.
        open_s: length of the present opening in quota seconds.
    """

    pool: str
    source: str
    sent: int
    refused: int
    refused_in_all: int
    in_flight: int
    circuit: Literal["closed", "open", "half_open", "probing"]
    interval_ms: float
    quota: float | None = None
    cap: float | None = None
    rate: float | None = None
    why: str = "rate"
    opens_in_ms: int | None = None
    concurrency: int | None = None
    open_s: float | None = None


@dataclass(frozen=True, slots=True)
class TenantQueue:
    """What one tenant has waiting in one class of a lane.

    Attributes:
        waiting: calls.
        tag: the tenant's virtual time there, millionths of a dollar over weight.
        running, running_most: calls under way in all lanes, and how many may be.
        mode: `paused` or `draining`, None for neither.
    """

    job_class: str
    tenant: str
    waiting: int
    tag: float
    weight: float
    running: int
    running_most: float | None = None
    mode: str | None = None


@dataclass(frozen=True, slots=True)
class ClassState:
    """A class of a lane: its virtual time, and the part of a call that it is owed for its floor."""

    virtual: float
    owed: float


@dataclass(frozen=True, slots=True)
class LaneState:
    """One lane at one moment.

    Attributes:
        waiting: parked calls.
        mode: `active`, `paused` or `draining`.
        free_slots, slots: of the live workers that serve the lane.
        oldest_ms: how long the call that waits longest has been parked.
        took_ms: how long a call takes, smoothed over the last ones.
        classes, tenants, pools: see there.
        others: calls by class of tenants beyond the number asked for.
    """

    lane: str
    mode: Literal["active", "paused", "draining"]
    waiting: int
    free_slots: int
    slots: int
    pools: tuple[PoolState, ...] = ()
    tenants: tuple[TenantQueue, ...] = ()
    classes: Mapping[str, ClassState] = field(default_factory=dict[str, ClassState])
    others: Mapping[str, int] = field(default_factory=dict[str, int])
    oldest_ms: int | None = None
    took_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call stands, or would stand.

    Attributes:
        rank: calls of the same tenant and class before it.
        cost: price of the call in millionths of a dollar, above 0.
        pools: the pools it may use, best first; empty for a free step.
    """

    job_class: str
    tenant: str
    rank: int
    cost: float
    pools: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """One thing that keeps a call waiting, and what would end that.

    Attributes:
        kind: `rate`, `tokens`, `throttled`, `circuit`, `concurrency`, `share`, `slots`, `no_worker`, `pause`, `tenant_limit`,
            `no_quota`, `budget`, `back_off`, `dependency`, `not_before` or `unknown_outcome`.
        what: a sentence for a person.
        frees: what would let it go, a sentence.
    """

    kind: str
    what: str
    frees: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to be expected of a waiting call.

    Attributes:
        position: calls that go before it, estimated.
        start_p50_s, start_p90_s: seconds until it is let go, likely and pessimistic; None if that needs a person (a pause, no
            worker, a quota of 0).
    """

    position: int
    start_p50_s: float | None
    start_p90_s: float | None


def position(lane: LaneState, place: Place, floors: Mapping[str, float]) -> int:
    """How many calls are let go before this one.

    Args:
        floors: classes, most urgent first, with the share that each gets at least.
    """
    order = list(floors)
    mine = order.index(place.job_class)
    own = _before_in_class(lane, place)
    more_urgent = sum(_waiting(lane, name) for name in order[:mine])
    floor = floors[place.job_class]
    if floor > 0:  # the class gets its share whatever is more urgent
        more_urgent = min(more_urgent, ceil((own + 1) / floor) - own - 1)
    before = own + more_urgent
    for name in order[mine + 1 :]:
        owed = lane.classes[name].owed if name in lane.classes else 0.0
        before += min(_waiting(lane, name), int(before * floors[name] / (1 - floors[name]) + owed))
    return before


def _waiting(lane: LaneState, job_class: str) -> int:
    here = sum(queue.waiting for queue in lane.tenants if queue.job_class == job_class and queue.mode != "paused")
    return here + lane.others.get(job_class, 0)


def _before_in_class(lane: LaneState, place: Place) -> int:
    state = lane.classes.get(place.job_class)
    virtual = state.virtual if state else 0.0
    queues = [queue for queue in lane.tenants if queue.job_class == place.job_class]
    own = next((queue for queue in queues if queue.tenant == place.tenant), None)
    start = own.tag + place.rank * place.cost / own.weight if own else virtual
    before = place.rank
    for queue in queues:
        if queue is not own and queue.mode != "paused" and queue.tag <= start:
            before += min(queue.waiting, int((start - queue.tag) * queue.weight / place.cost) + 1)
    if rest := lane.others.get(place.job_class, 0):  # not looked at one by one: as if each had one turn for one of mine
        before += min(rest, (place.rank + 1) * rest)
    return before


def usable(lane: LaneState, place: Place) -> list[PoolState]:
    """The pools that the call may use, best first."""
    by_name = {pool.pool: pool for pool in lane.pools}
    return [by_name[name] for name in place.pools if name in by_name]


def forecast(lane: LaneState, place: Place, floors: Mapping[str, float]) -> Forecast:
    """When the call may be expected to start."""
    before = position(lane, place, floors)
    own = next((queue for queue in lane.tenants if (queue.tenant, queue.job_class) == (place.tenant, place.job_class)), None)
    if lane.mode == "paused" or lane.slots == 0 or (own is not None and own.mode == "paused"):
        return Forecast(before, None, None)
    likely, cautious = (_when_s(lane, place, before, caution) for caution in (1.0, CAUTION))
    if likely is None or cautious is None:
        return Forecast(before, None, None)
    interval_s = min((pool.interval_ms for pool in usable(lane, place)), default=0.0) / 1000
    return Forecast(before, likely, cautious + interval_s)


def _when_s(lane: LaneState, place: Place, before: int, caution: float) -> float | None:
    """Seconds until `before` calls were let go and one more may be."""
    by_rate = 0.0 if not place.pools else _by_rate_s(usable(lane, place), before, caution)
    if by_rate is None:
        return None
    took_s = (lane.took_ms or 0.0) / 1000
    queued = before + 1 - lane.free_slots
    by_slots = queued * took_s / lane.slots / caution if queued > 0 else 0.0
    return max(by_rate, by_slots)


def _by_rate_s(pools: Sequence[PoolState], before: int, caution: float) -> float | None:
    """Pools open one after the other; each from then on lets calls go at its own pace."""
    opening = [(pool.opens_in_ms / 1000, pool) for pool in pools if pool.opens_in_ms is not None]
    opening.sort(key=lambda entry: entry[0])
    for n in range(1, len(opening) + 1):
        open_now = opening[:n]
        until = opening[n][0] if n < len(opening) else inf
        at = _reached_s(open_now, before, caution)
        if at <= until:
            return at
    return None


def _reached_s(opened: Iterable[tuple[float, PoolState]], before: int, caution: float) -> float:
    """When pools that open at these times have let `before` calls go and may take one more."""
    paces: list[tuple[float, float]] = []
    for at, pool in opened:
        if pool.interval_ms == 0:
            return at
        paces.append((at, caution * 1000 / pool.interval_ms))
    # Each has taken 1 + (t - at) * pace calls by the time t, the first one at its opening.
    total = sum(pace for _, pace in paces)
    all_taken = (before + 1 - len(paces) + sum(at * pace for at, pace in paces)) / total
    return max(*(at for at, _ in paces), all_taken)
