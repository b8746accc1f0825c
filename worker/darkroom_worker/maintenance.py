"""Repairs what crashes leave behind, writes stories that were missed, and removes what its retention is over for."""

from __future__ import annotations

import asyncio
import random

import structlog

from darkroom_shared import failpoints
from darkroom_shared.core.errors import DarkroomError, Unavailable
from darkroom_shared.failpoints import Point
from darkroom_shared.settings import Settings
from darkroom_shared.storage.base import AsyncAssetStore
from darkroom_shared.store import ops, reads
from darkroom_shared.store.redis import AsyncLedger
from darkroom_worker.admission import Admission
from darkroom_worker.story import tell

_log: structlog.stdlib.BoundLogger = structlog.get_logger("darkroom.maintenance")


class Maintenance:
    """The reconciler of one process. Any number may run at once."""

    def __init__(self, settings: Settings, ledger: AsyncLedger, store: AsyncAssetStore, admission: Admission) -> None:
        self._settings = settings
        self._ledger = ledger
        self._store = store
        self._admission = admission

    async def repair(self) -> ops.Repairs:
        """One look for lost leases, unclaimed calls and passed deadlines."""
        settings = self._settings
        repairs = await self._ledger.run(
            ops.reconcile(
                republish_ms=int(settings.republish.total_seconds() * 1000),
                call_budget=settings.call_budget,
                after_unknown=settings.after_unknown,
                crash_budget=settings.crash_budget,
                gap_ms=int(settings.reconcile.total_seconds() * 3000),
                lease_ms=int(settings.lease.total_seconds() * 1000),
            )
        )
        failpoints.reach(Point.RECONCILE_DONE)
        await self._admission.publish(repairs.republish)
        if repairs.republish or repairs.lost or repairs.doubted or repairs.expired:
            counts = {"republished": len(repairs.republish), "lost": repairs.lost, "doubted": repairs.doubted}
            _log.info("repaired", **counts, expired=repairs.expired)
        return repairs

    async def tell_missed_stories(self) -> None:
        """Writes the stories of jobs that ended without a worker at hand (canceled, expired, or the worker died)."""
        for job_id in await self._ledger.run(reads.untold()):
            try:
                await tell(self._ledger, self._store, job_id)
            except Unavailable:
                raise
            except Exception as error:
                # A missing picture, or a record of another version: one story must not keep the others from being written.
                _log.warning("story_incomplete", job=job_id, error=type(error).__name__)
                await self._ledger.run(ops.told(job_id))

    async def purge(self) -> None:
        """Removes records whose retention is over, the receipts kept, and the pictures that no other job holds."""
        for gone in await self._ledger.run(ops.purge()):
            await self._store.delete_story(gone.job_id)
            for name in gone.receipts:
                await self._store.delete_receipt(name)
            for sha256 in gone.assets:
                await self._store.delete(sha256)

    async def run(self) -> None:
        """Looks every `reconcile` interval, a little jittered so that a fleet does not look in step."""
        while True:
            await asyncio.sleep(self._settings.reconcile.total_seconds() * random.uniform(0.8, 1.2))
            for duty in (self.repair, self.tell_missed_stories, self.purge):
                try:
                    await duty()
                except Unavailable as error:
                    _log.warning("maintenance_failed", duty=duty.__name__, error=str(error))
                except DarkroomError as error:
                    _log.error("maintenance_failed", duty=duty.__name__, error=str(error))
