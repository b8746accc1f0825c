"""Decides whether a request is within its model's quota. Nobody outside AWS knows how Bedrock counts, so there are four ways."""

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
    """Counts the requests to one model."""

    def admit(self, now_s: float) -> bool:
        """Whether a request at this instant (seconds, never falling) is allowed; a refused request uses up nothing."""
        ...


class TokenBucket:
    """Refills evenly; lets `capacity` requests through at once after a rest."""

    def __init__(self, per_minute: float, capacity: float) -> None:
        self._per_s = per_minute / WINDOW_S
        self._capacity = capacity
        self._tokens = capacity
        self._at_s: float | None = None

    def admit(self, now_s: float) -> bool:
        """See Limiter."""
        rested_s = 0.0 if self._at_s is None else now_s - self._at_s
        self._at_s = now_s
        self._tokens = min(self._capacity, self._tokens + rested_s * self._per_s)
        if self._tokens < 1 - 1e-9:
            return False
        self._tokens -= 1
        return True


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


_MAKERS: Mapping[QuotaKind, Callable[[float], Limiter]] = {
    "token-bucket": lambda per_minute: TokenBucket(per_minute, max(1.0, per_minute)),
    "fixed-window": FixedWindow,
    "sliding-log": SlidingLog,
    "small-bucket": lambda per_minute: TokenBucket(per_minute, max(1.0, per_minute / 10)),
}


class Quotas:
    """The quotas of one account in one Region: a limiter per model.

    Args:
        per_minute: requests a minute by model id; a model that is not listed has no limit.
        kind: how they are counted.
        time_scale: how many quota seconds pass in one real second; 60 turns the minute into a second.
    """

    def __init__(self, per_minute: Mapping[str, float], kind: QuotaKind, time_scale: float = 1.0) -> None:
        self._limiters = {model: _MAKERS[kind](limit) for model, limit in per_minute.items()}
        self._time_scale = time_scale

    def admit(self, model_id: str, now_s: float) -> bool:
        """Whether a request to the model at this instant (seconds of a steady clock) is within its quota."""
        limiter = self._limiters.get(model_id)
        return limiter is None or limiter.admit(now_s * self._time_scale)
