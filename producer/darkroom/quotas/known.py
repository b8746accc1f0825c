"""Which quota calls to a model are paced by, and who said so: settings before AWS, AWS before the catalogue. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from darkroom.quotas.names import Measure
from darkroom_shared.core.quota import pool_name, split_pool
from darkroom_shared.models.catalogue import MODELS
from darkroom_shared.settings import Settings

Source = Literal["settings", "aws", "catalogue", "unknown", "off"]


@dataclass(frozen=True, slots=True)
class PoolRecord:
    """A pool as it stands in the ledger.

    Attributes:
        aws: what AWS said, at `aws_ms` (milliseconds since the epoch).
        has_worker: some worker told its settings and the catalogue's number, which are the next four.
    """

    pool: str
    lane: str
    aws: Mapping[Measure, float]
    aws_ms: int | None
    has_worker: bool
    settings_rpm: float | None
    catalogue_rpm: float | None
    unknown: bool
    off: bool


@dataclass(frozen=True, slots=True)
class KnownQuota:
    """The quota of one pool.

    Attributes:
        model: the lane.
        target: what calls name: the model's id, or that of an inference profile.
        requests_per_minute: None where it is not known, or calls are not paced at all.
        aws_rpm: what AWS said, counting or not; None if nothing.
        aws_ms: when it said so, milliseconds since the epoch.
    """

    model: str
    region: str
    target: str
    requests_per_minute: float | None
    source: Source
    aws_rpm: float | None
    aws_ms: int | None

    @property
    def route(self) -> str:
        """The pool's name."""
        return pool_name(self.region, self.target)


def known_quotas(settings: Settings, regions: Iterable[str], records: Mapping[str, PoolRecord]) -> list[KnownQuota]:
    """One row for each pool of these Regions, in the catalogue's order: that of the model itself, where AWS offers it or settings
    name it, and those that the ledger has.

    Args:
        settings: they count for a pool of which no worker has told the ledger its own.
    """
    known: list[KnownQuota] = []
    for model in MODELS.values():
        for region in regions:
            direct = pool_name(region, model.id)
            others = sorted(
                one.pool
                for one in records.values()
                if one.lane == model.id and split_pool(one.pool)[0] == region and one.pool != direct
            )
            own = [direct] if region in model.regions or direct in {*records, *_named(settings)} else []
            known += [_known(settings, model.id, pool, model.requests_per_minute, records.get(pool)) for pool in (*own, *others)]
    return known


def _named(settings: Settings) -> Iterable[str]:
    return () if settings.quotas == "off" else settings.quotas


def _known(settings: Settings, model: str, pool: str, catalogue_rpm: float | None, record: PoolRecord | None) -> KnownQuota:
    region, target = split_pool(pool)
    aws_rpm = record.aws.get("requests_per_minute") if record else None
    if record and record.has_worker:
        rpm, unknown, off, catalogue = record.settings_rpm, record.unknown, record.off, record.catalogue_rpm
    else:
        given = settings.quota(pool, model)
        # The catalogue's number is that of the model itself.
        rpm, unknown, off = given.rpm, given.unknown, settings.quotas == "off"
        catalogue = catalogue_rpm if target == model else None
    counts, source = _first(off=off, settings_rpm=rpm, unknown=unknown, aws_rpm=aws_rpm, catalogue_rpm=catalogue)
    return KnownQuota(model, region, target, counts, source, aws_rpm, record.aws_ms if record and record.aws else None)


def _first(
    *, off: bool, settings_rpm: float | None, unknown: bool, aws_rpm: float | None, catalogue_rpm: float | None
) -> tuple[float | None, Source]:
    """The number that counts, by the ledger's own rule."""
    if off:
        return None, "off"
    if settings_rpm is not None:
        return settings_rpm, "settings"
    if unknown:
        return None, "unknown"
    if aws_rpm is not None:
        return aws_rpm, "aws"
    return (None, "unknown") if catalogue_rpm is None else (catalogue_rpm, "catalogue")
