"""Says to the ledger that this worker lives, how many slots it has, and how fast its account may go."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from darkroom_shared.core.errors import LedgerUnavailable
from darkroom_shared.core.quota import PoolQuota, pool_name
from darkroom_shared.models.catalogue import MODELS
from darkroom_shared.settings import Quota, Settings
from darkroom_shared.store import presence
from darkroom_shared.store.redis import AsyncLedger
from darkroom_shared.store.steering import pool_quota

PRESENCE_S = 5.0
"""How often a worker says that it lives, at least: one that died takes its slots with it after three times that."""
QUOTAS_S = 20.0
"""How often it repeats what its account allows: some writes for each model and Region, and producers take its word for a minute."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger("darkroom.registration")


def known_quotas(settings: Settings) -> list[PoolQuota]:
    """The quota of every catalogued model in the worker's Regions. One of which nothing is known is told with each job."""
    regions = dict.fromkeys((settings.region, *settings.regions))
    return [
        pool_quota(settings, model.id, region, model.id, model.requests_per_minute)
        for model in MODELS.values()
        for region in regions
        if model.requests_per_minute is not None or settings.quota(pool_name(region, model.id), model.id) != Quota()
    ]


class Registration:
    """The presence of one process in the ledger."""

    def __init__(self, ledger: AsyncLedger, settings: Settings, worker: str, fields: Mapping[str, str]) -> None:
        self._ledger = ledger
        self._worker = worker
        self._fields = fields
        self._beat_s = min(settings.heartbeat.total_seconds(), PRESENCE_S)
        self._pools = known_quotas(settings)
        self._guardrail = f"{settings.guardrail} {','.join(settings.guardrail_gates)}".rstrip()
        self._pools_due_s = 0.0

    async def announce(self) -> None:
        """Registers for three beats. Raises LedgerUnavailable."""
        now_s = asyncio.get_running_loop().time()
        pools = self._pools if now_s >= self._pools_due_s else []
        ttl_ms = round(self._beat_s * 3000)
        await self._ledger.run(presence.register(self._worker, ttl_ms, self._fields, pools, self._guardrail))
        if pools:
            self._pools_due_s = now_s + QUOTAS_S

    async def leave(self) -> None:
        """Takes the slots away: nothing more is admitted for this process."""
        await self._ledger.run(presence.leave(self._worker))

    async def run(self) -> None:
        """Announces for ever."""
        while True:
            try:
                await self.announce()
            except LedgerUnavailable as error:
                _log.warning("announce_failed", error=str(error))
            await asyncio.sleep(self._beat_s)
