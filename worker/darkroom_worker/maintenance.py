"""Repairs what crashes leave behind, writes stories that were missed, and removes what its retention is over for."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable

import structlog

from darkroom_shared import failpoints
from darkroom_shared.core.errors import DarkroomError, StorageUnavailable, Unavailable
from darkroom_shared.core.failure import Failure, FailureKind
from darkroom_shared.core.retry import Budget, History, after_doubt
from darkroom_shared.failpoints import Point
from darkroom_shared.settings import Settings
from darkroom_shared.storage.base import AsyncAssetStore
from darkroom_shared.store import ops, owning, reads, upkeep
from darkroom_shared.store.redis import AsyncLedger
from darkroom_worker.admission import Admission
from darkroom_worker.story import tell

_log: structlog.stdlib.BoundLogger = structlog.get_logger("darkroom.maintenance")

SWEEP_S = 6 * 3600
"""How often one worker of the fleet looks through the asset store."""
UNHELD_AT_ONCE = 1000
OWNER = "owner"
"""Name of the receipt that holds the name of the ledger whose pictures are in the store."""
SHARED = "shared"
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
            try:
                await self._look_into(suspect)
            except StorageUnavailable as error:
                _log.warning(
                    "suspect_waits", call=suspect.call_id, error=str(error)
                )  # until the store says whether it was answered
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
        until = time.monotonic() + REMOVE_AGAIN_S / 2  # later somebody else may be told to, and the bytes stored anew in between
        removals = await self._ledger.run(upkeep.purge(REMOVE_AGAIN_S * 1000))
        done: list[upkeep.Thing] = []
        for thing in removals.things:
            if time.monotonic() > until:
                break
            try:
                await self._remove(thing)
            except StorageUnavailable as error:
                _log.warning("not_removed", thing=str(thing), error=str(error))  # it is handed out again
            else:
                done.append(thing)
        if done:
            await self._ledger.run(upkeep.removed(done, removals.handed_ms))

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
        ledger = await self._ledger.run(upkeep.sweep(SWEEP_S * 1000, secrets.token_hex(16)))
        if not ledger:
            return
        stored = await self._store.sweep(owning.UNHELD_S)
        if not await self._owns_store(ledger, is_new=not stored):
            return
        for start in range(0, len(stored), UNHELD_AT_ONCE):
            await self._ledger.run(upkeep.unheld(stored[start : start + UNHELD_AT_ONCE]))

    async def _owns_store(self, ledger: str, *, is_new: bool) -> bool:
        """Whether the pictures of the asset store are this ledger's alone: another's would look as if nobody held them."""
        written = await self._store.get_receipt(OWNER)
        if written is None and is_new:
            await self._store.put_receipt(OWNER, ledger.encode())
            return True
        if written is not None and written.decode() not in (ledger, SHARED):
            await self._store.put_receipt(OWNER, SHARED.encode())  # the other ledger must stop as well
        if written is None or written.decode() != ledger:
            _log.warning("store_is_not_swept", reason="it holds pictures of another ledger, or did before this one began")
            return False
        return True

    async def run(self) -> None:
        """Looks every `reconcile` interval, a little jittered so that a fleet does not look in step.

        Repairs have a loop of their own: a long removal must not keep a lost call waiting.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(self.repair))
            group.create_task(self._repeat(self.tell_missed_stories, self.purge, self.sweep))

    async def _repeat(self, *duties: Callable[[], Awaitable[object]]) -> None:
        while True:
            await asyncio.sleep(self._settings.reconcile.total_seconds() * random.uniform(0.8, 1.2))
            for duty in duties:
                name = getattr(duty, "__name__", "")
                try:
                    await duty()
                except Unavailable as error:
                    _log.warning("maintenance_failed", duty=name, error=str(error))
                except DarkroomError as error:
                    _log.error("maintenance_failed", duty=name, error=str(error))
