"""Says to the ledger that this worker lives, how many slots it has, and how fast its account may go."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from darkroom_shared.core.errors import LedgerUnavailable
from darkroom_shared.core.quota import lane_name, pool_name
from darkroom_shared.models.catalogue import MODELS
from darkroom_shared.settings import Settings
from darkroom_shared.store import ops
from darkroom_shared.store.redis import AsyncLedger

_log: structlog.stdlib.BoundLogger = structlog.get_logger("darkroom.registration")


def known_quotas(settings: Settings) -> list[ops.PoolQuota]:
    """The pacing of every catalogued model in the worker's region, settings before catalogue."""
    quotas: list[ops.PoolQuota] = []
    for model in MODELS.values():
        lane = lane_name(settings.region, model.id)
        pool = pool_name(settings.account, settings.region, model.id)
        quotas.append(ops.PoolQuota(lane, pool, settings.pace_us(model.id, model.requests_per_minute)))
    return quotas


class Registration:
    """The presence of one process in the ledger."""

    def __init__(self, ledger: AsyncLedger, settings: Settings, worker: str, fields: Mapping[str, str]) -> None:
        self._ledger = ledger
        self._worker = worker
        self._fields = fields
        self._beat_s = settings.heartbeat.total_seconds()
        self._pools = known_quotas(settings)

    async def announce(self) -> None:
        """Registers for three heartbeats. Raises LedgerUnavailable."""
        await self._ledger.run(ops.register(self._worker, round(self._beat_s * 3000), self._fields, self._pools))

    async def leave(self) -> None:
        """Takes the slots away: nothing more is admitted for this process."""
        await self._ledger.run(ops.leave(self._worker))

    async def run(self) -> None:
        """Announces every heartbeat."""
        while True:
            try:
                await self.announce()
            except LedgerUnavailable as error:
                _log.warning("announce_failed", error=str(error))
            await asyncio.sleep(self._beat_s)
