"""The one asyncio loop of a worker process, in a thread of its own, and everything that lives on it."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

import structlog

from darkroom_shared import failpoints
from darkroom_shared.broker import Publisher
from darkroom_shared.contract.messages import CallMessage
from darkroom_shared.core.errors import LedgerUnavailable
from darkroom_shared.settings import Settings
from darkroom_shared.storage.registry import open_async_store
from darkroom_shared.store.redis import AsyncLedger
from darkroom_worker.admission import Admission
from darkroom_worker.batches import Feeder
from darkroom_worker.bedrock.client import BedrockClient
from darkroom_worker.execution import execute
from darkroom_worker.lease import LeaseKeeper
from darkroom_worker.maintenance import Maintenance
from darkroom_worker.notifications.delivering import Notifier
from darkroom_worker.registration import Registration
from darkroom_worker.steps.runner import StepRunner
from darkroom_worker.work import Worker

_log: structlog.stdlib.BoundLogger = structlog.get_logger("darkroom.runtime")
T = TypeVar("T")

STOP_S = 10.0
LOOP_PAUSE_S = 1.0


class Runtime:
    """Everything one process shares: a loop, an aioboto3 client per region, ledger, store, leases, and the background loops.

    Celery's threads hand their message to `run` and wait; all else is asyncio, in one colour.
    """

    def __init__(self, settings: Settings, publisher: Publisher, name: str) -> None:
        self.settings = settings
        self.name = name
        self._publisher = publisher
        # Not uvloop, which takes up to a tenth off a call's way: there a write to a connection that was reset is a
        # RuntimeError, which redis-py does not take for a lost connection, and calls failed for it (4 of 10 under cuts).
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="darkroom-loop", daemon=True)
        self._tasks: list[asyncio.Task[None]] = []
        self._draining = False

    def start(self) -> None:
        """Starts the loop and registers the worker; a ledger that is away is waited for in the background.

        Raises:
            Misconfigured: a setting or the installation is wrong.
        """
        failpoints.arm(self.settings.failpoints)
        self._thread.start()
        self._await(self._start())

    def _await(self, work: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    async def _start(self) -> None:
        settings = self.settings
        self._ledger = AsyncLedger(settings.redis_url, settings.key_prefix)
        self._store = open_async_store(settings.store_url)
        self._leases = LeaseKeeper(self._ledger, _ms(settings.lease.total_seconds()), settings.heartbeat.total_seconds())
        self._admission = Admission(self._ledger, self._publisher, settings)
        fields = {
            "slots": str(settings.slots),
            "host": socket.gethostname(),
            "pid": str(os.getpid()),
            "started_ms": str(_ms(time.time())),
            "queue": settings.queue,
        }
        if settings.lanes:
            fields["lanes"] = ",".join(sorted(settings.lanes))
        self._registration = Registration(self._ledger, settings, self.name, fields)
        self._worker = Worker(
            settings,
            self.name,
            self._ledger,
            self._store,
            BedrockClient(settings),
            StepRunner(workers=settings.step_processes),
            self._leases,
        )
        # Before the first call is let go for this worker: one that is sent late comes too near to the next.
        for region in dict.fromkeys((settings.region, *settings.regions)):
            await self._worker.bedrock.warm(region)
        self._feeder = Feeder(self._ledger, self._store, self._admission)
        maintenance = Maintenance(settings, self._ledger, self._store, self._admission)
        try:
            await self._registration.announce()
        except LedgerUnavailable as error:
            _log.warning("ledger_away", error=str(error))  # the registration loop announces as soon as there is one
        notifier = Notifier(settings, self._ledger)
        for loop in (self._leases, self._admission, self._feeder, maintenance, notifier, self._registration):
            self._tasks.append(asyncio.create_task(_for_ever(loop), name=type(loop).__name__))
        _log.info("started", worker=self.name, slots=settings.slots)

    def run(self, message: CallMessage) -> str:
        """Runs one call to its end; called from Celery's threads. Never raises for what can happen to a call."""
        return self._await(self._run(message))

    async def _run(self, message: CallMessage) -> str:
        try:
            return await execute(self._worker, message)
        except LedgerUnavailable as error:
            # The lease runs out and the reconciler of any worker takes over; a stored receipt is adopted without paying again.
            _log.warning("ledger_away", call=message.call_id, error=str(error))
            return "ledger_away"
        finally:
            self._admission.nudge()
            self._feeder.nudge()

    def drain(self) -> None:
        """Takes this worker's slots out of the fleet at once; does not wait."""
        asyncio.run_coroutine_threadsafe(self._drain(), self._loop)

    async def _drain(self) -> None:
        self._draining = True
        for task in self._tasks:
            if task.get_name() == "Registration":  # admission goes on: a slot freed here lets a call go to another worker
                task.cancel()
        try:
            await self._registration.leave()
        except LedgerUnavailable as error:
            _log.warning("leave_failed", error=str(error))
        _log.info("draining", worker=self.name, calls_in_work=self._leases.held)

    def stop(self) -> None:
        """Ends the loop; call it after the last call has ended. May be repeated."""
        if not self._thread.is_alive():
            return
        self._await(self._stop(), STOP_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_S)

    async def _stop(self) -> None:
        if not self._draining:
            await self._drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._worker.bedrock.close()
        await self._worker.steps.close()
        await self._store.close()
        await self._ledger.close()
        _log.info("stopped", worker=self.name)


class _Loop(Protocol):
    async def run(self) -> None: ...


async def _for_ever(loop: _Loop) -> None:
    """A background loop that fails in a way nobody thought of is told of and started again: without it the worker is deaf."""
    while True:
        try:
            await loop.run()
        except Exception:
            _log.exception("loop_failed", loop=type(loop).__name__)
        await asyncio.sleep(LOOP_PAUSE_S)


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
