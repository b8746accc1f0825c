"""Decides whether a request is within the quota of its model in its Region.

Nobody outside AWS knows how Bedrock counts, so there are four ways. A quota can change while it is counted, as AWS changes them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from math import floor
from typing import Literal, Protocol, get_args

QuotaKind = Literal["token-bucket", "fixed-window", "sliding-log", "small-bucket"]
QUOTA_KINDS: tuple[QuotaKind, ...] = get_args(QuotaKind)

WINDOW_S = 60.0
"""Bedrock's request quotas are per minute."""


class Limiter(Protocol):
    """Counts the requests to one model in one Region."""

    def admit(self, now_s: float) -> bool:
        """Whether a request at this instant (seconds, never falling) is allowed; a refused request uses up nothing."""
        ...

    def change(self, per_minute: float, now_s: float) -> None:
        """Goes on with another quota from this instant; what was counted stays counted."""
        ...


class TokenBucket:
    """Refills evenly; after a rest it lets so much of a minute's quota through at once, but never less than one request."""

    def __init__(self, per_minute: float, share_of_minute: float) -> None:
        self._share = share_of_minute
        self._at_s: float | None = None
        self._per_s, self._capacity = self._size(per_minute)
        self._tokens = self._capacity

    def admit(self, now_s: float) -> bool:
        """See Limiter."""
        self._refill(now_s)
        if self._tokens < 1 - 1e-9:
            return False
        self._tokens -= 1
        return True

    def change(self, per_minute: float, now_s: float) -> None:
        """See Limiter; a smaller bucket spills what it cannot hold."""
        self._refill(now_s)
        self._per_s, self._capacity = self._size(per_minute)
        self._tokens = min(self._capacity, self._tokens)

    def _size(self, per_minute: float) -> tuple[float, float]:
        return per_minute / WINDOW_S, max(1.0, per_minute * self._share)

    def _refill(self, now_s: float) -> None:
        rested_s = 0.0 if self._at_s is None else now_s - self._at_s
        self._at_s = now_s
        self._tokens = min(self._capacity, self._tokens + rested_s * self._per_s)


class FixedWindow:
    """Counts from zero in every minute of the clock: twice the quota can pass around a border."""

    def __init__(self, per_minute: float) -> None:
        self._limit = per_minute
        self._window = -1
        self._count = 0

    def admit(self, now_s: float) -> bool:
        """See Limiter."""
        window = floor(now_s / WINDOW_S)
        if window != self._window:
            self._window, self._count = window, 0
        if self._count + 1 > self._limit:
            return False
        self._count += 1
        return True

    def change(self, per_minute: float, now_s: float) -> None:
        """See Limiter."""
        self._limit = per_minute


class SlidingLog:
    """Never more than the quota in any 60 seconds: the strictest of the four."""

    def __init__(self, per_minute: float) -> None:
        self._limit = per_minute
        self._admitted: deque[float] = deque()

    def admit(self, now_s: float) -> bool:
        """See Limiter."""
        while self._admitted and self._admitted[0] <= now_s - WINDOW_S:
            self._admitted.popleft()
        if len(self._admitted) + 1 > self._limit:
            return False
        self._admitted.append(now_s)
        return True

    def change(self, per_minute: float, now_s: float) -> None:
        """See Limiter."""
        self._limit = per_minute


_MAKERS: Mapping[QuotaKind, Callable[[float], Limiter]] = {
    "token-bucket": lambda per_minute: TokenBucket(per_minute, 1.0),
    "fixed-window": FixedWindow,
    "sliding-log": SlidingLog,
    "small-bucket": lambda per_minute: TokenBucket(per_minute, 0.1),
}


class Quotas:
    """The quotas of one account: a limiter for every model in every Region that is called.

    Args:
        per_minute: requests a minute by model id, for each Region by itself, or by `region/model id` for one Region; a model that
            is in neither form has no limit.
        kind: how they are counted.
        time_scale: how many quota seconds pass in one real second; 60 turns the minute into a second.
    """

    def __init__(self, per_minute: Mapping[str, float], kind: QuotaKind, time_scale: float = 1.0) -> None:
        self._per_minute = dict(per_minute)
        self._maker = _MAKERS[kind]
        self._time_scale = time_scale
        self._limiters: dict[tuple[str, str], Limiter] = {}

    @property
    def per_minute(self) -> Mapping[str, float]:
        """The quotas in force, by the names they were given under."""
        return dict(self._per_minute)

    def admit(self, region: str, model_id: str, now_s: float) -> bool:
        """Whether a request to the model in the Region at this instant (seconds of a steady clock) is within its quota."""
        limiter = self._limiters.get((region, model_id))
        if limiter is None:
            limit = self._limit(region, model_id)
            if limit is None:
                return True
            limiter = self._limiters[region, model_id] = self._maker(limit)
        return limiter.admit(now_s * self._time_scale)

    def change(self, per_minute: Mapping[str, float | None], now_s: float) -> None:
        """Changes the quotas that are named, from this instant; None takes one away. What was counted stays counted."""
        self._per_minute.update({name: limit for name, limit in per_minute.items() if limit is not None})
        for name in [name for name, limit in per_minute.items() if limit is None]:
            self._per_minute.pop(name, None)
        for region, model_id in list(self._limiters):
            limit = self._limit(region, model_id)
            if limit is None:
                del self._limiters[region, model_id]
            else:
                self._limiters[region, model_id].change(limit, now_s * self._time_scale)

    def _limit(self, region: str, model_id: str) -> float | None:
        return self._per_minute.get(f"{region}/{model_id}", self._per_minute.get(model_id))
