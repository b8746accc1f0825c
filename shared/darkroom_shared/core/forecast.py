"""Why a call waits and when it may start: pure arithmetic over a look at its lane.

The model: classes go in order of urgency, but for the floors of the lower ones; inside a class tenants go by their virtual
time; pools let calls go at their rate from the moment they open; workers finish calls at the pace seen lately. Nothing is
simulated: a prediction costs less than a millisecond, and is as good as the assumption that nobody submits anything more urgent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, inf
from typing import Literal

UNKNOWN_PRICE = 10_000.0
"""Millionths of a dollar that the fair queue reckons with where a call's price is not known; as in the ledger's scripts."""
CAUTION = 0.8
"""Share of the lane's pace that the pessimistic prediction (p90) reckons with: refusals and more urgent work take the rest."""
LONGEST_OPENING_S = 240.0
"""Quota seconds that a circuit stays open at most, as in the ledger's scripts."""


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
        why: what it waits for: `rate`, `tokens`, `throttled`, `circuit`, `concurrency` or `no_quota`.
        sent, refused: calls of the last minute that were let go and not refused, and that the service refused as too much.
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
        cost: price of the call in millionths of a dollar, above 0. Other tenants' calls are taken to cost the same.
        pools: the pools it may use, best first; empty for a free step.
    """

    job_class: str
    tenant: str
    rank: int
    cost: float
    pools: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ahead:
    """The calls that go before one, estimated: of its tenant, of other tenants of its class, of more and of less urgent classes."""

    own: int
    tenants: int
    urgent: int
    lower: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.own + self.tenants + self.urgent + self.lower


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to be expected of a waiting call.

    Attributes:
        position: calls that go before it, estimated.
        start_p50_s, start_p90_s: seconds until it is let go, likely and pessimistic; None if that needs a person (a pause, no
            worker, a quota or limit of 0).
    """

    position: int
    start_p50_s: float | None
    start_p90_s: float | None


def position(lane: LaneState, place: Place, floors: Mapping[str, float]) -> int:
    """How many calls are let go before this one; see `ahead`."""
    return ahead(lane, place, floors).total


def ahead(lane: LaneState, place: Place, floors: Mapping[str, float]) -> Ahead:
    """What goes before this call.

    Args:
        floors: classes, most urgent first, with the share that each gets at least.
    """
    order = list(floors)
    mine = order.index(place.job_class)
    in_class = _before_in_class(lane, place)
    urgent = sum(_waiting(lane, name) for name in order[:mine])
    lower = [(_waiting(lane, name), floors[name], _owed(lane, name)) for name in order[mine + 1 :]]
    total = in_class + urgent
    while (more := in_class + urgent + _by_floors(lower, total)) > total:  # rises to a fixed point, for the floors' sum is below 1
        total = more
    share = floors[place.job_class]
    if share > 0:  # the class gets its floor whatever is more urgent
        total = min(total, max(in_class, ceil((in_class + 1 - _owed(lane, place.job_class)) / share - 1e-9)))
    less = min(_by_floors(lower, total), total - in_class)
    return Ahead(place.rank, in_class - place.rank, total - in_class - less, less)


def _owed(lane: LaneState, job_class: str) -> float:
    return lane.classes[job_class].owed if job_class in lane.classes else 0.0


def _by_floors(lower: Iterable[tuple[int, float, float]], total: int) -> int:
    """Of so many calls of the lane, those that less urgent classes (waiting, floor, owed) get for their floors."""
    return sum(min(waiting, int(owed + total * share)) for waiting, share, owed in lower if share > 0)


def _waiting(lane: LaneState, job_class: str) -> int:
    here = sum(queue.waiting for queue in lane.tenants if queue.job_class == job_class and queue.mode != "paused")
    return here + lane.others.get(job_class, 0)


def own_queue(lane: LaneState, place: Place) -> TenantQueue | None:
    """What the call's tenant has waiting in its class; None if nothing, or if the look at the lane did not reach that far."""
    return next((queue for queue in lane.tenants if (queue.tenant, queue.job_class) == (place.tenant, place.job_class)), None)


def _before_in_class(lane: LaneState, place: Place) -> int:
    state = lane.classes.get(place.job_class)
    own = own_queue(lane, place)
    tag, weight = (own.tag, own.weight) if own else (state.virtual if state else 0.0, 1.0)
    start = tag + place.rank * place.cost / weight
    others = [queue for queue in lane.tenants if queue.job_class == place.job_class and queue is not own and queue.mode != "paused"]
    turns = [(queue.waiting, _turns(queue, start, place)) for queue in others]
    rest = lane.others.get(place.job_class, 0)
    if rest and turns:  # not looked at one by one: as those that were
        share = sum(min(waiting, most) for waiting, most in turns) / sum(waiting for waiting, _ in turns)
        rest = ceil(rest * share)
    return place.rank + sum(min(waiting, most) for waiting, most in turns) + rest


def _turns(queue: TenantQueue, start: float, place: Place) -> int:
    """How often another tenant's turn comes before that of the place, at this virtual time. At equal times names decide."""
    turns = (start - queue.tag) * queue.weight / place.cost
    goes_first = queue.tenant < place.tenant
    return max(0, floor(turns + 1e-9) + 1 if goes_first else ceil(turns - 1e-9))


def usable(lane: LaneState, place: Place) -> list[PoolState]:
    """The pools that the call may use, best first."""
    by_name = {pool.pool: pool for pool in lane.pools}
    return [by_name[name] for name in place.pools if name in by_name]


def forecast(lane: LaneState, place: Place, floors: Mapping[str, float]) -> Forecast:
    """When the call may be expected to start."""
    before = position(lane, place, floors)
    own = own_queue(lane, place)
    if lane.mode == "paused" or lane.slots == 0 or (own is not None and (own.mode == "paused" or own.running_most == 0)):
        return Forecast(before, None, None)
    likely, cautious = (_when_s(lane, place, before, caution) for caution in (1.0, CAUTION))
    if likely is None or cautious is None:
        return Forecast(before, None, None)
    interval_s = min((pool.interval_ms for pool in usable(lane, place)), default=0.0) / 1000
    return Forecast(before, likely, cautious + interval_s)


def _when_s(lane: LaneState, place: Place, before: int, caution: float) -> float | None:
    """Seconds until `before` calls were let go and one more may be."""
    took_s = (lane.took_ms or 0.0) / 1000  # 0 while no call has ended: nobody is refused on a guess
    by_rate = _by_rate_s(usable(lane, place), before, took_s, caution) if place.pools else 0.0
    if by_rate is None:
        return None
    queued = before + 1 - lane.free_slots
    by_slots = queued * took_s / lane.slots / caution if queued > 0 else 0.0
    return max(by_rate, by_slots, _by_limit_s(own_queue(lane, place), place.rank, took_s) / caution)


def _by_limit_s(own: TenantQueue | None, rank: int, took_s: float) -> float:
    """Seconds until the tenant may have this call running beside those before it."""
    if own is None or not own.running_most:
        return 0.0
    return max(0.0, own.running + rank + 1 - own.running_most) * took_s / own.running_most


def _by_rate_s(pools: Sequence[PoolState], before: int, took_s: float, caution: float) -> float | None:
    """Pools open one after the other; each from then on lets calls go at its own pace."""
    opening = [(at, _pace(pool, took_s, caution)) for pool in pools if (at := _opening_s(pool, took_s, caution)) is not None]
    opening.sort(key=lambda entry: entry[0])
    for n in range(1, len(opening) + 1):
        until = opening[n][0] if n < len(opening) else inf
        at = _reached_s(opening[:n], before)
        if at <= until:
            return at
    return None


def _opening_s(pool: PoolState, took_s: float, caution: float) -> float | None:
    """Seconds until the pool takes its next call; None if that needs a person. Cautiously: the next probe of its circuit fails."""
    failing_s = (
        min(LONGEST_OPENING_S, 2 * (pool.open_s or 0.0)) / time_scale(pool) if caution < 1 and pool.circuit != "closed" else 0.0
    )
    if pool.opens_in_ms is not None:
        return pool.opens_in_ms / 1000 + failing_s
    if pool.why == "circuit":  # the probe is under way
        return took_s + failing_s
    return took_s / pool.concurrency / caution if pool.why == "concurrency" and pool.concurrency else None


def time_scale(pool: PoolState) -> float:
    """Quota seconds in a second: 1 but in tests."""
    return 60_000 / (pool.rate * pool.interval_ms) if pool.rate and pool.interval_ms else 1.0


def _pace(pool: PoolState, took_s: float, caution: float) -> float:
    """Calls a second: by the pool's rate, and by how many it may have in flight."""
    by_rate = 1000 / pool.interval_ms if pool.interval_ms else inf
    by_flight = pool.concurrency / took_s if pool.concurrency and took_s else inf
    return caution * min(by_rate, by_flight)


def _reached_s(opened: Sequence[tuple[float, float]], before: int) -> float:
    """When pools that open at these times, each with its pace, have let `before` calls go and may take one more."""
    last = max(at for at, _ in opened)
    if any(pace == inf for _, pace in opened):
        return last
    # Each has taken 1 + (t - at) * pace calls by the time t, the first one at its opening.
    total = sum(pace for _, pace in opened)
    return max(last, (before + 1 - len(opened) + sum(at * pace for at, pace in opened)) / total)
