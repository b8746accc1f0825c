"""Repairs what crashes leave behind, writes stories that were missed, and removes what its retention is over for."""

from __future__ import annotations

import asyncio
import random
import time

import structlog

from darkroom_shared import failpoints
from darkroom_shared.core.errors import DarkroomError, Unavailable
from darkroom_shared.core.failure import Failure, FailureKind
from darkroom_shared.core.retry import Budget, History, after_doubt
from darkroom_shared.failpoints import Point
from darkroom_shared.settings import Settings
from darkroom_shared.storage.base import AsyncAssetStore
from darkroom_shared.store import ops, reads, upkeep
from darkroom_shared.store.redis import AsyncLedger
from darkroom_worker.admission import Admission
from darkroom_worker.story import tell

_log: structlog.stdlib.BoundLogger = structlog.get_logger("darkroom.maintenance")

SWEEP_S = 6 * 3600
"""How often one worker of the fleet looks through the asset store."""
UNHELD_S = 24 * 3600
"""Pictures that no job holds are removed after this time."""
UNHELD_AT_ONCE = 1000
REMOVE_AGAIN_S = 60
"""A removal that was not reported after this time is handed out again."""


class Maintenance:
    """The reconciler of one process. Any number may run at once."""

    def __init__(self, settings: Settings, ledger: AsyncLedger, store: AsyncAssetStore, admission: Admission) -> None:
        self._settings = settings
        self._ledger = ledger
        self._store = store
        self._admission = admission

    async def repair(self) -> upkeep.Repairs:
        """One look for lost leases, unclaimed calls and passed deadlines."""
        settings = self._settings
        repairs = await self._ledger.run(
            upkeep.reconcile(
                republish_ms=int(settings.republish.total_seconds() * 1000),
                crash_budget=settings.crash_budget,
                gap_ms=int(settings.reconcile.total_seconds() * 3000),
                lease_ms=int(settings.lease.total_seconds() * 1000),
            )
        )
        failpoints.reach(Point.RECONCILE_DONE)
        await self._admission.publish(repairs.republish)
        for suspect in repairs.suspects:
            await self._look_into(suspect)
        if repairs.republish or repairs.suspects or repairs.lost or repairs.expired:
            counts = {"republished": len(repairs.republish), "suspects": len(repairs.suspects), "lost": repairs.lost}
            _log.info("repaired", **counts, expired=repairs.expired)
        return repairs

    async def _look_into(self, suspect: upkeep.Suspect) -> None:
        """Decides about a paid call whose worker was lost: if its answer was stored it is not lost, and not paid again."""
        if await self._store.get_receipt(suspect.receipt) is not None:
            found = upkeep.recover(suspect.call_id, suspect.receipt, fence=suspect.fence, lapsed=True)
            if await self._ledger.run(found):
                _log.info("answer_recovered", call=suspect.call_id, fence=suspect.fence)
            return
        settings = self._settings
        text = "The worker was lost during the call; it may have been billed."
        failure = Failure(FailureKind.UNKNOWN, "worker_lost", text, billed=None)
        after = after_doubt(
            History(suspect.attempts, suspect.unknowns, suspect.snoozes),
            Budget(settings.call_budget, settings.after_unknown, suspect.holds),
        )
        if await self._ledger.run(ops.doubt(suspect.call_id, suspect.fence, failure, after=after, lapsed=True)):
            _log.warning("outcome_unknown", call=suspect.call_id, fence=suspect.fence, then=after.value)

    async def tell_missed_stories(self) -> None:
        """Writes the stories of jobs that ended without a worker at hand (canceled, expired, or the worker died)."""
        for job_id in await self._ledger.run(reads.untold()):
            try:
                await tell(self._ledger, self._store, job_id, tidy=True)
            except Unavailable:
                raise
            except Exception as error:
                # A missing picture, or a record of another version: one story must not keep the others from being written.
                _log.warning("story_incomplete", job=job_id, error=type(error).__name__)
                await self._ledger.run(upkeep.told(job_id))

    async def purge(self) -> None:
        """Removes records whose retention is over, and their stories, receipts and pictures that no other job holds."""
        things = await self._ledger.run(upkeep.purge(REMOVE_AGAIN_S * 1000))
        until = time.monotonic() + REMOVE_AGAIN_S / 2  # later somebody else may be told to, and the bytes stored anew in between
        done: list[upkeep.Thing] = []
        try:
            for thing in things:
                if time.monotonic() > until:
                    break
                await self._remove(thing)
                done.append(thing)
        finally:
            if done:
                await self._ledger.run(upkeep.removed(done))

    async def _remove(self, thing: upkeep.Thing) -> None:
        match thing.kind:
            case "story":
                await self._store.delete_story(thing.name)
            case "receipt":
                await self._store.delete_receipt(thing.name)
            case _:
                await self._store.delete(thing.name)

    async def sweep(self) -> None:
        """Finds what died writers left in the asset store: unfinished files, and pictures that were never recorded."""
        if not await self._ledger.run(upkeep.sweep(SWEEP_S * 1000)):
            return
        stored = await self._store.sweep(UNHELD_S)
        for start in range(0, len(stored), UNHELD_AT_ONCE):
            await self._ledger.run(upkeep.unheld(stored[start : start + UNHELD_AT_ONCE]))

    async def run(self) -> None:
        """Looks every `reconcile` interval, a little jittered so that a fleet does not look in step."""
        while True:
            await asyncio.sleep(self._settings.reconcile.total_seconds() * random.uniform(0.8, 1.2))
            for duty in (self.repair, self.tell_missed_stories, self.purge, self.sweep):
                try:
                    await duty()
                except Unavailable as error:
                    _log.warning("maintenance_failed", duty=duty.__name__, error=str(error))
                except DarkroomError as error:
                    _log.error("maintenance_failed", duty=duty.__name__, error=str(error))
