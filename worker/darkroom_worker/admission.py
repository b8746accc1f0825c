"""Lets calls go at the moment their quota allows it.

Asks the ledger, publishes what it admits, and sleeps exactly until it is worth asking again.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from darkroom_shared import failpoints
from darkroom_shared.broker import Publisher
from darkroom_shared.core.errors import LedgerUnavailable
from darkroom_shared.failpoints import Point
from darkroom_shared.settings import Settings
from darkroom_shared.store import ops
from darkroom_shared.store.redis import AsyncLedger

_log: structlog.stdlib.BoundLogger = structlog.get_logger("darkroom.admission")

RECONNECT_S = 1.0


class Admission:
    """The loop of one process. Any number may run at once: the script is atomic, there is no leader."""

    def __init__(self, ledger: AsyncLedger, publisher: Publisher, settings: Settings) -> None:
        self._ledger = ledger
        self._publisher = publisher
        self._floors = settings.class_floors
        self._republish_ms = int(settings.republish.total_seconds() * 1000)
        self._safety_s = settings.reconcile.total_seconds()
        self._changed = asyncio.Event()

    def nudge(self) -> None:
        """Something has changed here (a call ended): ask again now. Many nudges at once cost one question."""
        self._changed.set()

    async def admit(self) -> float:
        """Asks once and publishes.

        Returns:
            Seconds until it is worth asking again, at most the safety interval.
        """
        admission = await self._ledger.run(ops.admit(self._floors, self._republish_ms))
        await self.publish(admission.hints)
        return self._safety_s if admission.next_ms is None else min(self._safety_s, admission.next_ms / 1000)

    async def publish(self, hints: tuple[ops.Hint, ...]) -> None:
        """Sends hints; what does not get through is sent again by the reconciler."""
        if not hints:
            return
        rows = [(hint.call_id, hint.fence, hint.task_name, hint.queue) for hint in hints]
        failpoints.reach(Point.PUBLISH_SENDING)
        sent = await asyncio.to_thread(self._publisher.publish, rows)
        failpoints.reach(Point.PUBLISH_DONE)
        if sent < len(rows):
            _log.warning("publish_failed", admitted=len(rows), sent=sent)

    async def run(self) -> None:
        """Runs for ever; a ledger that is away is tried again every second."""
        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._listen())
                    group.create_task(self._admit_for_ever())
            except* LedgerUnavailable as errors:
                _log.warning("ledger_away", error=str(errors.exceptions[0]))
            await asyncio.sleep(RECONNECT_S)

    async def _listen(self) -> None:
        async with self._ledger.wakes() as wakes:
            self._changed.set()
            while True:
                if await wakes.wait(self._safety_s):
                    self._changed.set()

    async def _admit_for_ever(self) -> None:
        while True:
            self._changed.clear()
            delay_s = await self.admit()
            with suppress(TimeoutError):
                async with asyncio.timeout(delay_s):  # not wait_for: in Python 3.11 it can swallow a cancellation
                    await self._changed.wait()
