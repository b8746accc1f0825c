"""Pools: their names, what is known of their quotas, and the share of a quota that is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MARGIN: Final = 0.99
"""Share of the quota that is used. At 100 % send jitter makes a strict server refuse calls; at 99 % all four plausible server
limiters refused none (measured)."""


def pool_name(region: str, model_id: str) -> str:
    """The name of one quota. A ledger belongs to one AWS account, so Region and model (or inference profile) say which it is."""
    return f"{region}/{model_id}"


def split_pool(pool: str) -> tuple[str, str]:
    """Region and model id of a pool: where its calls are sent.

    >>> split_pool("us-east-1/amazon.nova-canvas-v1:0")
    ('us-east-1', 'amazon.nova-canvas-v1:0')
    """
    region, _, model_id = pool.partition("/")
    return region, model_id


LOCAL_LANE: Final = "local"
"""Local image steps: free, no pool, only worker slots. Every other lane is named after its model."""


@dataclass(frozen=True, slots=True)
class PoolQuota:
    """What is known of one pool's quota.

    Attributes:
        lane, pool: their names.
        settings_rpm: requests a minute that the settings name, above what AWS says and what the catalogue has.
        catalogue_rpm: requests a minute by default.
        unknown: the settings say that nobody knows: the rate is learned from a low start.
        off: no pacing until the service refuses something.
        concurrency: most calls in flight; None for no limit.
        tokens_per_minute: for calls that are counted in tokens as well.
        share: part of the quota that this ledger may use, above 0 to 1; the rest is for other programs.
        margin: part of that which is used.
        scale: quota seconds in a second; above 1 only in tests.
    """

    lane: str
    pool: str
    settings_rpm: float | None = None
    catalogue_rpm: float | None = None
    unknown: bool = False
    off: bool = False
    concurrency: int | None = None
    tokens_per_minute: float | None = None
    share: float = 1.0
    margin: float = MARGIN
    scale: float = 1.0

    def as_json(self) -> dict[str, object]:
        """The script's form."""
        return {
            "lane": self.lane,
            "pool": self.pool,
            "settings_rpm": self.settings_rpm,
            "catalogue_rpm": self.catalogue_rpm,
            "unknown": self.unknown or None,
            "off": self.off or None,
            "concurrency": self.concurrency,
            "tpm": self.tokens_per_minute,
            "share": self.share,
            "margin": self.margin,
            "scale": self.scale,
        }
