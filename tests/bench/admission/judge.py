"""Judges strategies of admission by the local endpoint's own log: pure functions, no clock and no network.

An instant is the endpoint's steady clock in seconds, which on Linux is `time.monotonic()` of every program on the machine. Times
are real seconds; scenes that run on a faster clock convert before they ask.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

__all__ = [
    "Arrival",
    "Result",
    "Wait",
    "accepted",
    "arrivals",
    "between",
    "by_region",
    "by_seed",
    "first_success",
    "jain",
    "most_in_any",
    "percentile",
    "result_of",
    "shares",
    "table",
    "throttled",
    "throttled_share",
    "utilisation",
    "waits",
    "waits_by_group",
]

THROTTLED = 429


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call as it came in, and what it got.

    Attributes:
        at_s: when it arrived.
        ended_s: when its answer was out.
        region: that it was signed for.
        model: bare id.
        status: HTTP status of the answer; 0 for none.
        seed: of its request: who the call belongs to.
    """

    at_s: float
    ended_s: float
    region: str
    model: str
    status: int
    seed: int | None


def arrivals(log: Iterable[Mapping[str, Any]]) -> list[Arrival]:
    """The endpoint's log in order of arrival; it is kept in order of ending."""
    names = ("received_s", "ended_s", "region", "model", "status", "seed")
    return sorted((Arrival(*(entry[name] for name in names)) for entry in log), key=lambda call: call.at_s)


def accepted(calls: Iterable[Arrival]) -> list[Arrival]:
    """The calls that were answered with pictures."""
    return [call for call in calls if call.status == 200]


def throttled(calls: Iterable[Arrival]) -> list[Arrival]:
    """The calls that were refused for their quota."""
    return [call for call in calls if call.status == THROTTLED]


def between(calls: Iterable[Arrival], begin_s: float, end_s: float) -> list[Arrival]:
    """The calls that arrived in this time, its end left out."""
    return [call for call in calls if begin_s <= call.at_s < end_s]


def by_region(calls: Iterable[Arrival]) -> dict[str, list[Arrival]]:
    """The calls of each Region."""
    found: defaultdict[str, list[Arrival]] = defaultdict(list)
    for call in calls:
        found[call.region].append(call)
    return dict(found)


def by_seed(calls: Iterable[Arrival], seeds: Collection[int]) -> list[Arrival]:
    """The calls for these seeds: one's own, or a group's."""
    return [call for call in calls if call.seed in seeds]


def utilisation(calls: Iterable[Arrival], per_s: float, begin_s: float, end_s: float) -> float:
    """Which share of the calls that a quota allows in a time was made and accepted."""
    return len(accepted(between(calls, begin_s, end_s))) / (per_s * (end_s - begin_s))


def throttled_share(calls: Iterable[Arrival], after_s: float) -> float:
    """Which share of the calls from an instant on was refused; 0 if there were none."""
    later = [call for call in calls if call.at_s >= after_s]
    return len(throttled(later)) / len(later) if later else 0.0


def most_in_any(calls: Iterable[Arrival], window_s: float) -> int:
    """The most calls within any stretch of this length, its end left out."""
    instants = sorted(call.at_s for call in calls)
    most = first = 0
    for last, instant in enumerate(instants):
        while instants[first] <= instant - window_s:
            first += 1
        most = max(most, last - first + 1)
    return most


def first_success(calls: Iterable[Arrival], after_s: float) -> float | None:
    """Seconds from an instant to the first call accepted after it; None if there was none."""
    later = [call.at_s - after_s for call in accepted(calls) if call.at_s >= after_s]
    return min(later, default=None)


def jain(amounts: Sequence[float]) -> float:
    """Jain's index of fairness: 1 if all have the same, 1/n if one has everything.

    Raises:
        ValueError: nobody has anything.
    """
    if not any(amounts):
        raise ValueError("nobody got anything: there is no fairness to judge")
    return sum(amounts) ** 2 / (len(amounts) * sum(amount * amount for amount in amounts))


def shares(calls: Iterable[Arrival], group_of: Mapping[int, str]) -> dict[str, int]:
    """How many accepted calls each group of seeds got; 0 for a group that got none."""
    got = Counter(group_of[call.seed] for call in accepted(calls) if call.seed is not None and call.seed in group_of)
    return {group: got[group] for group in dict.fromkeys(group_of.values())}


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest of the values that is not below this share of them (nearest rank).

    Raises:
        ValueError: there are no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("there is no percentile of nothing")
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def waits(submitted: Mapping[int, float], calls: Iterable[Arrival]) -> dict[int, float]:
    """Seconds from a job's submission to the arrival of its accepted call, by seed; jobs without one are left out."""
    found: dict[int, float] = {}
    for call in accepted(calls):
        if call.seed is not None and call.seed in submitted:
            found.setdefault(call.seed, call.at_s - submitted[call.seed])
    return found


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a group of jobs waited, in seconds.

    Attributes:
        jobs: how many of them were called.
        p50_s, p95_s: percentiles from submission to the arrival of the accepted call.
    """

    jobs: int
    p50_s: float
    p95_s: float


def waits_by_group(submitted: Mapping[int, float], calls: Iterable[Arrival], group_of: Mapping[int, str]) -> dict[str, Wait]:
    """How long the jobs of each group waited; groups of which nothing was called are left out."""
    grouped: defaultdict[str, list[float]] = defaultdict(list)
    for seed, wait_s in waits(submitted, calls).items():
        grouped[group_of[seed]].append(wait_s)
    return {group: Wait(len(found), percentile(found, 0.5), percentile(found, 0.95)) for group, found in grouped.items()}


@dataclass(frozen=True, slots=True)
class Result:
    """What a strategy made of a burst of jobs.

    Attributes:
        strategy: its name.
        jobs: how many were submitted.
        lost: jobs that were given up, though only the quota stood in their way.
        late: jobs that had not ended when the scene did.
        drain_s: from the submission of the burst to the arrival of the last accepted call.
        used: share of the quota that was used in that time.
        calls, throttled: requests that the endpoint saw, and refused.
        deliveries: how often a worker was given a job.
        wait: of all jobs.
    """

    strategy: str
    jobs: int
    lost: int
    late: int
    drain_s: float
    used: float
    calls: int
    throttled: int
    deliveries: int
    wait: Wait


def result_of(
    strategy: str,
    submitted: Mapping[int, float],
    log: Iterable[Mapping[str, Any]],
    per_s: float,
    *,
    lost: int,
    late: int,
    deliveries: int,
) -> Result:
    """Judges a burst of jobs by the log.

    Args:
        strategy: its name in the table.
        submitted: when each seed was submitted.
        log: the endpoint's.
        per_s: calls a second that the quota allows, in real time.
        lost, late, deliveries: see Result; the endpoint cannot know them.

    Raises:
        ValueError: not one call was accepted.
    """
    calls = by_seed(arrivals(log), submitted)
    found = waits(submitted, calls)
    begin_s = min(submitted.values())
    drain_s = max((call.at_s for call in accepted(calls)), default=begin_s) - begin_s
    wait = Wait(len(found), percentile(found.values(), 0.5), percentile(found.values(), 0.95))
    used = len(accepted(calls)) / (per_s * drain_s)
    return Result(strategy, len(submitted), lost, late, drain_s, used, len(calls), len(throttled(calls)), deliveries, wait)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Plain text with aligned columns: the first to the left, the others to the right; floats with one digit."""
    texts = [list(header), *([f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(header))]

    def line(row: Sequence[str]) -> str:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        return "  ".join(cells).rstrip()

    return "\n".join([line(texts[0]), "  ".join("-" * width for width in widths), *(line(row) for row in texts[1:])])
