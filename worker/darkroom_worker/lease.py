"""Keeps the leases of the calls that this process works on: one script for all of them, every heartbeat."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

import structlog

from darkroom_shared.core.errors import LedgerUnavailable
from darkroom_shared.store import ops
from darkroom_shared.store.redis import AsyncLedger

_log: structlog.stdlib.BoundLogger = structlog.get_logger("darkroom.lease")


class LeaseKeeper:
    """Knows which calls are held, and renews them.

    A lost lease is only logged: the gate and every write check the fence themselves, so a late worker can neither start a paid call
    nor overwrite a newer result.
    """

    def __init__(self, ledger: AsyncLedger, lease_ms: int, heartbeat_s: float) -> None:
        self._ledger = ledger
        self._lease_ms = lease_ms
        self._heartbeat_s = heartbeat_s
        self._held: dict[str, int] = {}

    @property
    def held(self) -> int:
        """Number of calls in work."""
        return len(self._held)

    @contextmanager
    def hold(self, call_id: str, fence: int) -> Generator[None]:
        """Renews the call's lease for the length of a `with` block."""
        self._held[call_id] = fence
        try:
            yield
        finally:
            if self._held.get(call_id) == fence:  # not a newer lease of the same call in this process
                del self._held[call_id]

    async def renew_once(self) -> None:
        """One heartbeat. Raises LedgerUnavailable."""
        calls = list(self._held.items())
        if not calls:
            return
        for (call_id, fence), answer in zip(calls, await self._ledger.run(ops.renew(calls, self._lease_ms)), strict=True):
            if answer == "lost" and self._held.get(call_id) == fence:
                _log.warning("lease_lost", call=call_id, fence=fence)

    async def run(self) -> None:
        """Renews for ever; a ledger that is away is tried again at the next beat."""
        while True:
            await asyncio.sleep(self._heartbeat_s)
            try:
                await self.renew_once()
            except LedgerUnavailable as error:
                _log.warning("heartbeat_failed", error=str(error), held=self.held)
