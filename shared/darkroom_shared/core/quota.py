"""Pacing: how far apart calls of one pool must be. GCRA with burst 1, so one number of state a pool."""

from __future__ import annotations

from typing import Final

MARGIN: Final = 0.99
"""Share of the quota that is used. At 100 % send jitter makes a strict server refuse calls; at 99 % all four plausible server
limiters refused none (measured)."""


def interval_us(requests_per_minute: float, margin: float = MARGIN) -> int:
    """Microseconds between two calls.

    Args:
        requests_per_minute: the pool's quota; must be above 0.
        margin: share of the quota to use, above 0 and at most 1.

    Raises:
        ValueError: an argument is out of its range.
    """
    if requests_per_minute <= 0:
        raise ValueError(f"a quota must be above 0 requests a minute, not {requests_per_minute}")
    if not 0 < margin <= 1:
        raise ValueError(f"a margin lies above 0 and at most at 1, not {margin}")
    return round(60_000_000 / (requests_per_minute * margin))


def pool_name(account: str, region: str, model_id: str) -> str:
    """The name of one quota: account x region x model."""
    return f"{account}/{region}/{model_id}"


def lane_name(region: str, model_id: str) -> str:
    """The name of the lane of the calls that compete for one model in one region."""
    return f"{region}/{model_id}"


LOCAL_LANE: Final = "local"
"""Local image steps: free, no pool, only worker slots."""
