"""Batches as methods of the client, in both colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Unpack

from darkroom.batches import following, submitting
from darkroom.batches.following import BatchView
from darkroom.batches.handles import AsyncBatchHandle, BatchHandle
from darkroom.batches.rows import Source
from darkroom.batches.submitting import BatchOptions, BatchPlan
from darkroom.connection import AsyncConnection, Connection
from darkroom.launching import Scene
from darkroom.options import SubmitOptions


class Batchers:
    """The part of `Darkroom` that submits and finds batches."""

    _connection: Connection
    _scene: Scene

    def batch(
        self,
        source: Source,
        *,
        template: Mapping[str, object] | None = None,
        name: str = "",
        parallel: int = 100,
        stop_after_failures: int | None = None,
        budget_usd: float | None = None,
        on_invalid: Literal["abort", "skip"] = "abort",
        **options: Unpack[SubmitOptions],
    ) -> BatchHandle:
        """Submits many jobs as one: every row is checked and priced first, then workers begin them by and by.

        Args:
            source: a `.jsonl` or `.csv` file, a folder of pictures, a grid `{"groups": [{"prompt": [...]}], "repeats": 2}`, or an
                iterable of requests. A row may have a `custom_id`.
            template: a request with `{column}` in its texts, for rows that are columns: CSV, a folder (`{file}`, `{stem}`), a grid.
            name: for people.
            parallel: rows that are open at once, 1 to 1000.
            stop_after_failures: after so many rows without results no more are begun.
            budget_usd: what all calls may cost together, at most.
            on_invalid: `abort`: nothing is begun if a row is wrong; `skip`: the others are.
            options: see `SubmitOptions`; `job_class` is bulk if left out, `finish_by` is for the whole batch.

        Raises:
            InvalidRequest: every wrong row with line and column (the first 1000), wrong options, a budget that is too small.
                Nothing was begun or paid.
            Others as `submit`.
        """
        told = BatchOptions(template, name, parallel, stop_after_failures, budget_usd, on_invalid)
        batch_id, replayed = self._connection.run(submitting.submit(self._scene, source, told, options))
        return BatchHandle(batch_id, self._connection, replayed=replayed)

    def plan_batch(
        self,
        source: Source,
        *,
        template: Mapping[str, object] | None = None,
        budget_usd: float | None = None,
        **options: Unpack[SubmitOptions],
    ) -> BatchPlan:
        """What `batch` would do: rows, what is wrong, price, time. Records nothing."""
        told = BatchOptions(template, budget_usd=budget_usd)
        return self._connection.run(submitting.preview(self._scene, source, told, options))

    def find_batch(self, batch_id: str) -> BatchHandle:
        """A handle from an id. Raises UnknownJob."""
        self._connection.run(following.status(batch_id))
        return BatchHandle(batch_id, self._connection)

    def batches(self, limit: int = 50, tenant: str | None = None) -> list[BatchView]:
        """The newest batches of a tenant, newest first."""
        return self._connection.run(following.every(tenant or self._scene.settings.tenant, limit))


class AsyncBatchers:
    """`Batchers` for asyncio."""

    _connection: AsyncConnection
    _scene: Scene

    async def batch(
        self,
        source: Source,
        *,
        template: Mapping[str, object] | None = None,
        name: str = "",
        parallel: int = 100,
        stop_after_failures: int | None = None,
        budget_usd: float | None = None,
        on_invalid: Literal["abort", "skip"] = "abort",
        **options: Unpack[SubmitOptions],
    ) -> AsyncBatchHandle:
        """See `Darkroom.batch`."""
        told = BatchOptions(template, name, parallel, stop_after_failures, budget_usd, on_invalid)
        batch_id, replayed = await self._connection.run(submitting.submit(self._scene, source, told, options))
        return AsyncBatchHandle(batch_id, self._connection, replayed=replayed)

    async def plan_batch(
        self,
        source: Source,
        *,
        template: Mapping[str, object] | None = None,
        budget_usd: float | None = None,
        **options: Unpack[SubmitOptions],
    ) -> BatchPlan:
        """See `Darkroom.plan_batch`."""
        told = BatchOptions(template, budget_usd=budget_usd)
        return await self._connection.run(submitting.preview(self._scene, source, told, options))

    async def find_batch(self, batch_id: str) -> AsyncBatchHandle:
        """See `Darkroom.find_batch`."""
        await self._connection.run(following.status(batch_id))
        return AsyncBatchHandle(batch_id, self._connection)

    async def batches(self, limit: int = 50, tenant: str | None = None) -> list[BatchView]:
        """See `Darkroom.batches`."""
        return await self._connection.run(following.every(tenant or self._scene.settings.tenant, limit))
