"""The figures that a scene of admission is judged by: one function for each claim, over the calls that the endpoint saw.

| claim | scene | holds if |
| --- | --- | --- |
| steady | a backlog, each kind of limiter, 1 and 8 workers | `used` at least 0.985, `throttled` 0 |
| settling | a quota that is halved or unknown, or shared with foreign traffic | `throttled_share` at most 0.01 |
| failover | a Region refuses everything for 15 quota minutes | `wasted` at most 10, `other_used` as steady, `back_s` at most 120 |
| fairness | 600 jobs of one tenant, 100 of another, 20 urgent ones | `jain` at least 0.95, `urgent_p95_slots` at most 3 |
| least_share | the same, with a class that has a floor | never below the floor |
| deadlines_met | 120 % of the quota, with deadlines | at least 0.8 |
| added_p50_s | single jobs on a free system | at most 0.010 |

Times of a result are quota seconds, on the clock that `Quota.time_scale` sets; instants are real ones, on the endpoint's clock.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.admission.judge import (
    Arrival,
    accepted,
    between,
    by_seed,
    first_success,
    jain,
    most_in_any,
    percentile,
    shares,
    throttled,
    throttled_share,
    utilisation,
    waits,
)
from tests.bench.admission.scenes import Quota

__all__ = [
    "SETTLING_S",
    "Failover",
    "Fairness",
    "Settling",
    "Steady",
    "added_p50_s",
    "contended_until",
    "deadlines_met",
    "failover",
    "fairness",
    "least_share",
    "settling",
    "steady",
    "used_from_call_to_call",
]

SETTLING_S = 300.0
"""Quota seconds that a strategy has to find a quota that it was not told."""


@dataclass(frozen=True, slots=True)
class Steady:
    """A stretch in which there was always something to do.

    Attributes:
        used: share of the quota.
        throttled: refused calls.
        most: the most calls in any (quota) minute, for a quota of so many.
    """

    used: float
    throttled: int
    most: int


def used_from_call_to_call(calls: Iterable[Arrival], per_s: float, begin_s: float, end_s: float) -> float:
    """Share of a quota that was used, from the first accepted call of a stretch to the first one behind it, if there are any.

    With fixed borders a call more or less would count for more than what is to be told apart: half a percent, of some 200 calls.
    """
    taken = accepted(calls)
    first_s = next((call.at_s for call in taken if begin_s <= call.at_s < end_s), begin_s)
    last_s = next((call.at_s for call in taken if call.at_s >= end_s), end_s)
    return utilisation(taken, per_s, first_s, last_s)


def steady(calls: Sequence[Arrival], quota: Quota, begin_s: float, end_s: float) -> Steady:
    """Judges a stretch; it should begin behind the first call and end before the backlog does."""
    within = between(calls, begin_s, end_s)
    used = used_from_call_to_call(calls, quota.per_s, begin_s, end_s)
    return Steady(used, len(throttled(within)), most_in_any(within, quota.window_s))


@dataclass(frozen=True, slots=True)
class Settling:
    """How a strategy came to terms with a quota that it did not know.

    Attributes:
        throttled: refused calls before it had to have settled.
        throttled_share: share of its calls that were refused after that.
        used: share of the quota (or of what others leave of it) that it used after that.
    """

    throttled: int
    throttled_share: float
    used: float


def settling(calls: Sequence[Arrival], quota: Quota, changed_s: float, end_s: float, *, left: float = 1.0) -> Settling:
    """Judges what follows a change.

    Args:
        calls: of the strategy alone, without foreign traffic.
        quota: as it is after the change.
        changed_s: the instant of the change.
        end_s: the end of the scene; there must be a backlog until then.
        left: share of the quota that others leave.
    """
    settled_s = changed_s + quota.real_s(SETTLING_S)
    used = utilisation(calls, quota.per_s * left, settled_s, end_s)
    before = throttled(between(calls, changed_s, settled_s))
    return Settling(len(before), throttled_share(between(calls, settled_s, end_s), settled_s), used)


@dataclass(frozen=True, slots=True)
class Failover:
    """How a strategy lived with a Region that refused everything.

    Attributes:
        wasted: calls that it made there in that time.
        other_used: share of the other Region's quota that it used in that time.
        back_s: from the healing to the first success there; None if there was none.
    """

    wasted: int
    other_used: float
    back_s: float | None


def failover(regions: Mapping[str, Sequence[Arrival]], quota: Quota, broken: str, other: str, out: tuple[float, float]) -> Failover:
    """Judges an outage.

    Args:
        regions: the calls of each Region.
        quota: of each Region.
        broken, other: the Region that was out, and the one that was not.
        out: the instants at which the outage began and was healed.
    """
    begin_s, healed_s = out
    back_s = first_success(regions.get(broken, ()), healed_s)
    other_used = used_from_call_to_call(regions.get(other, ()), quota.per_s, begin_s, healed_s)
    return Failover(
        wasted=len(throttled(between(regions.get(broken, ()), begin_s, healed_s))),
        other_used=other_used,
        back_s=None if back_s is None else back_s * quota.time_scale,
    )


@dataclass(frozen=True, slots=True)
class Fairness:
    """How the calls were shared while every group had something waiting.

    Attributes:
        jain: Jain's index of the groups' calls, each divided by the group's weight.
        urgent_p95_slots: 95 % of the urgent jobs waited no longer than so many calls of the quota take.
    """

    jain: float
    urgent_p95_slots: float


def contended_until(calls: Iterable[Arrival], group_of: Mapping[int, str]) -> float:
    """The instant at which the first group had its last call: until then all of them competed.

    Raises:
        ValueError: no call belongs to a group.
    """
    last: dict[str, float] = {}
    for call in accepted(calls):
        if call.seed is not None and call.seed in group_of:
            last[group_of[call.seed]] = max(call.at_s, last.get(group_of[call.seed], call.at_s))
    return min(last.values())


def fairness(
    calls: Sequence[Arrival],
    quota: Quota,
    group_of: Mapping[int, str],
    begin_s: float,
    *,
    weights: Mapping[str, float] | None = None,
    urgent: Mapping[int, float],
) -> Fairness:
    """Judges the shares from an instant on until the first group has nothing left.

    Args:
        calls: all of them, in order of arrival.
        quota: that they share.
        group_of: the group of each seed that competes; the urgent ones left out.
        begin_s: when all groups had submitted.
        weights: of the groups; equal unless told.
        urgent: when each urgent seed was submitted.
    """
    got = shares(between(calls, begin_s, contended_until(calls, group_of)), group_of)
    weighed = [amount / (weights or {}).get(group, 1.0) for group, amount in got.items()]
    return Fairness(jain(weighed), percentile(waits(urgent, calls).values(), 0.95) * quota.per_s)


def least_share(calls: Iterable[Arrival], seeds: Collection[int], run: int, begin_s: float, end_s: float) -> float:
    """The least share that these seeds had in any run of so many accepted calls in a row; 1 if there are fewer."""
    least = 1.0
    recent: deque[bool] = deque(maxlen=run)
    for call in accepted(between(calls, begin_s, end_s)):
        recent.append(call.seed in seeds)
        if len(recent) == run:
            least = min(least, sum(recent) / run)
    return least


def deadlines_met(calls: Iterable[Arrival], deadline_of: Mapping[int, float]) -> float:
    """Share of the seeds whose accepted call had its answer out by its deadline.

    Raises:
        ValueError: there are no deadlines.
    """
    if not deadline_of:
        raise ValueError("there are no deadlines to meet")
    ended: defaultdict[int, float] = defaultdict(lambda: float("inf"))
    for call in accepted(by_seed(calls, deadline_of)):
        if call.seed is not None:
            ended[call.seed] = min(ended[call.seed], call.ended_s)
    return sum(ended[seed] <= deadline_s for seed, deadline_s in deadline_of.items()) / len(deadline_of)


def added_p50_s(calls: Iterable[Arrival], submitted: Mapping[int, float]) -> float:
    """Half of the jobs' calls arrived within so many real seconds of their submission."""
    return percentile(waits(submitted, calls).values(), 0.5)
