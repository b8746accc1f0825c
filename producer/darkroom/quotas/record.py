"""Quotas in the ledger: what stands there, what of it a list from AWS changes, and the writing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from darkroom.connection import ledger_of
from darkroom.quotas.known import PoolRecord
from darkroom.quotas.names import Measure, Reading
from darkroom_shared.core.quota import split_pool
from darkroom_shared.models.catalogue import MODELS
from darkroom_shared.settings import Settings
from darkroom_shared.store.answers import record as fields_of
from darkroom_shared.store.answers import texts
from darkroom_shared.store.operation import Command
from darkroom_shared.store.steering import SyncedQuota, synced_quotas

_AWS: Final[Mapping[Measure, str]] = {
    "requests_per_minute": "aws_rpm",
    "concurrency": "aws_concurrency",
    "tokens_per_minute": "aws_tpm",
}


def pool_record(lane: str, pool: str, fields: Mapping[str, str]) -> PoolRecord:
    """The record that a hash holds."""
    aws: dict[Measure, float] = {measure: float(fields[name]) for measure, name in _AWS.items() if name in fields}
    numbers = {name: float(fields[name]) for name in ("settings_rpm", "catalogue_rpm") if name in fields}
    return PoolRecord(
        pool,
        lane,
        aws,
        int(float(fields["aws_ms"])) if "aws_ms" in fields else None,
        "share" in fields,
        numbers.get("settings_rpm"),
        numbers.get("catalogue_rpm"),
        "unknown" in fields,
        "off" in fields,
    )


def pool_records(settings: Settings) -> dict[str, PoolRecord]:
    """The pools of the catalogue's models and of the settings' fine-tuned ones, by name.

    Raises:
        LedgerUnavailable: Redis is away.
    """
    with ledger_of(settings) as ledger:
        named = {pool: model for model in (*MODELS, *settings.custom_models) for pool in ledger.run(_pools(model))}
        return {pool: pool_record(lane, pool, ledger.run(_hash(pool))) for pool, lane in named.items()}


def changes(reading: Reading, regions: Iterable[str], before: Mapping[str, PoolRecord]) -> list[SyncedQuota]:
    """What the ledger is to be told: one row a pool.

    A quota that AWS no longer names is taken back; one whose value AWS could not say this time stays as it was.
    """
    told: dict[tuple[str, str], dict[Measure, float]] = {}
    for quota in reading.quotas:
        told.setdefault((quota.meaning.model.id, quota.route), {})[quota.meaning.measure] = quota.value
    asked = set(regions)
    for old in before.values():
        if old.aws and split_pool(old.pool)[0] in asked:
            now = told.setdefault((old.lane, old.pool), {})
            now |= {measure: value for measure, value in old.aws.items() if (old.pool, measure) in reading.unreadable}
    return [
        SyncedQuota(
            lane, pool, values.get("requests_per_minute"), _whole(values.get("concurrency")), values.get("tokens_per_minute")
        )
        for (lane, pool), values in told.items()
    ]


def record(settings: Settings, rows: Sequence[SyncedQuota]) -> int:
    """Writes them; how many pools have another quota now.

    Raises:
        LedgerUnavailable: Redis is away, full or read-only. Doing it again is safe.
    """
    with ledger_of(settings) as ledger:
        return ledger.run(synced_quotas(rows))


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _pools(lane: str) -> Command[list[str]]:
    return Command(lambda keys: ("SORT", f"{keys.prefix}pools:{lane}", "ALPHA"), texts)


def _hash(pool: str) -> Command[dict[str, str]]:
    return Command(lambda keys: ("HGETALL", keys.pool(pool)), fields_of)
