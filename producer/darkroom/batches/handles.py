"""Handles of batches, in both colours: thin methods over the flows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from os import PathLike
from pathlib import Path

from darkroom.batches import following, repeating, saving
from darkroom.batches.following import BatchView, RowResult
from darkroom.batches.repeating import RetryOptions
from darkroom.connection import REAL_SOURCES, AsyncConnection, Connection
from darkroom.launching import Scene
from darkroom.watching import Clock, Timeout
from darkroom_shared.contract.job_record import JobClass


class BatchHandle:
    """One batch.

    Attributes:
        id: `bt_…`; `Darkroom.find_batch(id)` gives an equal handle.
        replayed: True if it was there already under the same idempotency key.
    """

    def __init__(self, batch_id: str, connection: Connection, *, replayed: bool = False) -> None:
        self.id = batch_id
        self.replayed = replayed
        self._connection = connection
        self._scene = Scene(connection.settings, REAL_SOURCES)

    def __repr__(self) -> str:
        return f"BatchHandle({self.id!r})"

    def status(self) -> BatchView:
        """How the batch stands. Raises UnknownJob."""
        return self._connection.run(following.status(self.id))

    def wait(self, timeout: Timeout = None) -> BatchView:
        """Waits until no row is open and none will be begun. Raises StillRunning; the batch goes on without anybody waiting."""
        return self._connection.run(following.wait(self._scene, self.id, timeout))

    def progress(self, timeout: Timeout = None) -> Iterator[BatchView]:
        """How it stands, every half second, up to its end. Raises StillRunning."""
        clock = Clock(REAL_SOURCES, timeout)
        while True:
            view = self._connection.run(following.look(clock, self.id))
            yield view
            if view.is_terminal:
                return

    def results(self, first: int = 1) -> Iterator[RowResult]:
        """What came of the rows, in the order of the source, as far as it is known; rows that are open show their state.

        Args:
            first: number of the row to begin with, from 1.
        """
        while some := self._connection.run(following.page(self.id, first)):
            yield from some
            first += len(some)

    def errors(self) -> Iterator[RowResult]:
        """The rows that gave no results: they failed, were canceled, or never begun."""
        return (row for row in self.results() if not row.is_good)

    def save(self, folder: str | PathLike[str]) -> list[Path]:
        """Writes `results.jsonl` and `errors.jsonl` in the order of the source, `manifest.csv`, `pictures.zip` and `sheet.png`.

        Raises:
            StillRunning: it has not ended.
        """
        return self._connection.run(saving.save(self.id, Path(folder)))

    def cancel(self) -> str:
        """Begins no more rows, and cancels those that are open; see `JobHandle.cancel`."""
        return self._connection.run(following.cancel(self.id))

    def retry_failed(
        self, *, budget_usd: float | None = None, parallel: int | None = None, job_class: JobClass | None = None
    ) -> BatchHandle:
        """Begins a new batch of the rows that gave no results, as they were planned; `status().retry_of` names this one.

        The old deadlines do not count any more. Asked again, it gives the same new batch: `replayed` is True then.

        Args:
            budget_usd, parallel, job_class: for the new batch; parallel and class of the old one if left out, and no budget.

        Raises:
            NothingToDecide: it has not ended, or every row gave results.
        """
        told = RetryOptions(budget_usd, parallel, job_class)
        new, replayed = self._connection.run(repeating.retry_failed(self._scene, self.id, told))
        return BatchHandle(new, self._connection, replayed=replayed)


class AsyncBatchHandle:
    """`BatchHandle` for asyncio."""

    def __init__(self, batch_id: str, connection: AsyncConnection, *, replayed: bool = False) -> None:
        self.id = batch_id
        self.replayed = replayed
        self._connection = connection
        self._scene = Scene(connection.settings, REAL_SOURCES)

    def __repr__(self) -> str:
        return f"AsyncBatchHandle({self.id!r})"

    async def status(self) -> BatchView:
        """See `BatchHandle.status`."""
        return await self._connection.run(following.status(self.id))

    async def wait(self, timeout: Timeout = None) -> BatchView:
        """See `BatchHandle.wait`."""
        return await self._connection.run(following.wait(self._scene, self.id, timeout))

    async def progress(self, timeout: Timeout = None) -> AsyncIterator[BatchView]:
        """See `BatchHandle.progress`."""
        clock = Clock(REAL_SOURCES, timeout)
        while True:
            view = await self._connection.run(following.look(clock, self.id))
            yield view
            if view.is_terminal:
                return

    async def results(self, first: int = 1) -> AsyncIterator[RowResult]:
        """See `BatchHandle.results`."""
        while some := await self._connection.run(following.page(self.id, first)):
            for row in some:
                yield row
            first += len(some)

    async def errors(self) -> AsyncIterator[RowResult]:
        """See `BatchHandle.errors`."""
        async for row in self.results():
            if not row.is_good:
                yield row

    async def save(self, folder: str | PathLike[str]) -> list[Path]:
        """See `BatchHandle.save`."""
        return await self._connection.run(saving.save(self.id, Path(folder)))

    async def cancel(self) -> str:
        """See `BatchHandle.cancel`."""
        return await self._connection.run(following.cancel(self.id))

    async def retry_failed(
        self, *, budget_usd: float | None = None, parallel: int | None = None, job_class: JobClass | None = None
    ) -> AsyncBatchHandle:
        """See `BatchHandle.retry_failed`."""
        told = RetryOptions(budget_usd, parallel, job_class)
        new, replayed = await self._connection.run(repeating.retry_failed(self._scene, self.id, told))
        return AsyncBatchHandle(new, self._connection, replayed=replayed)
