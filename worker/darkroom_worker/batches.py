"""Feeds batches: puts their next rows into the ledger as the open ones end. Any number of workers may do it at once.

Whose turn a row is, is decided by the ledger: what another worker has fed meanwhile is simply stale.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, cast

import structlog

from darkroom_shared.core.errors import AssetMissing, DarkroomError, StorageUnavailable, Unavailable
from darkroom_shared.storage.base import AsyncAssetStore
from darkroom_shared.store import batches, ops
from darkroom_shared.store.batches import Due
from darkroom_shared.store.redis import AsyncLedger
from darkroom_worker.admission import Admission

_log: structlog.stdlib.BoundLogger = structlog.get_logger("darkroom.batches")

PAUSE_S: Final = 1.0
LEAST_PAUSE_S: Final = 0.05
"""However many calls end: one look is for all of them."""
AT_ONCE: Final = 100
"""Rows of one batch that one look feeds at most, so that batches take turns."""
CHUNKS_KEPT: Final = 4
STUCK_S: Final = 600
"""A batch whose next row no worker could read for so long is given up."""


class Feeder:
    """The feeder of one process."""

    def __init__(self, ledger: AsyncLedger, store: AsyncAssetStore, admission: Admission) -> None:
        self._ledger = ledger
        self._store = store
        self._admission = admission
        self._chunks: OrderedDict[str, list[bytes]] = OrderedDict()
        self._changed = asyncio.Event()

    async def feed(self) -> int:
        """One look; how many rows it put into the ledger. Raises Unavailable."""
        fed = 0
        for due in await self._ledger.run(batches.due(AT_ONCE)):
            try:
                fed += await self._feed_one(due)
            except (AssetMissing, ValueError, LookupError) as error:
                # One batch whose rows cannot be read must not keep the others waiting. Another worker may be able to read them.
                _log.error("rows_cannot_be_read", batch=due.batch_id, chunk=due.chunk, error=type(error).__name__)
                await self._ledger.run(batches.stuck(due.batch_id, due.row, STUCK_S * 1000))
        return fed

    async def _feed_one(self, due: Due) -> int:
        lines = await self._lines(due.chunk)
        for number in range(due.count):
            line = cast("Mapping[str, object]", json.loads(lines[due.offset + number]))
            accepted = await self._ledger.run(batches.feed(due.batch_id, due.row + number, line))
            if accepted.verdict is not ops.Verdict.ACCEPTED:
                # Another worker feeds it, or the tenant or lane takes nothing at the moment: the next look tells.
                return number
        return due.count

    async def _lines(self, chunk: str) -> list[bytes]:
        found = self._chunks.get(chunk)
        if found is None:
            found = self._chunks[chunk] = (await self._store.get(chunk)).splitlines()
            if len(self._chunks) > CHUNKS_KEPT:
                self._chunks.popitem(last=False)
        return found

    def nudge(self) -> None:
        """A call has ended here: there may be room for a row."""
        self._changed.set()

    async def run(self) -> None:
        """Looks again and again: after a call has ended here, and every now and then for those that ended elsewhere."""
        while True:
            self._changed.clear()
            try:
                if await self.feed():
                    self._admission.nudge()
                    self._changed.set()
            except (Unavailable, StorageUnavailable) as error:
                _log.warning("feeding_waits", error=str(error))
            except DarkroomError as error:
                _log.error("feeding_failed", error=str(error))
            await asyncio.sleep(LEAST_PAUSE_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE_S):
                    await self._changed.wait()
