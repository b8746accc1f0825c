"""The fleet in the ledger: which workers live, how many slots they have, which lanes they serve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from darkroom_shared.core.quota import PoolQuota
from darkroom_shared.store.answers import items, loads, record
from darkroom_shared.store.operation import Script


def register(worker: str, ttl_ms: int, fields: Mapping[str, str], pools: Sequence[PoolQuota], guardrail: str = "") -> Script[bool]:
    """Announces a worker for `ttl_ms`; repeat before that is over.

    Args:
        guardrail: what it holds calls against that name nothing else: `ID:VERSION`, a blank, and its gates joined by commas.
    """
    args = {
        "worker": worker,
        "ttl_ms": ttl_ms,
        "fields": dict(fields),
        "pools": [pool.as_json() for pool in pools],
        "guardrail": guardrail,
    }
    return Script("register", args, lambda raw: raw == 1)


def leave(worker: str) -> Script[bool]:
    """Takes a worker's slots away."""
    return Script("leave", {"worker": worker}, lambda raw: raw == 1)


def fleet() -> Script[list[dict[str, str]]]:
    """The live workers: `worker`, `slots`, `host`, `pid`, `started_ms`, `queue`, `lanes`, all text."""

    def parse(raw: object) -> list[dict[str, str]]:
        return [record(row) for row in items(loads(raw))]

    return Script("fleet", {}, parse)
