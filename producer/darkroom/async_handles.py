"""The handles for asyncio; `darkroom.handles` has the words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Unpack

from darkroom import explaining, watching, workflows
from darkroom.connection import AsyncConnection
from darkroom.effects import Sources
from darkroom.explaining import Explanation
from darkroom.graphs import approving, resuming
from darkroom.graphs.approving import GateView, Word
from darkroom.graphs.resuming import Again, Changes
from darkroom.launching import Scene
from darkroom.options import SubmitOptions
from darkroom.watching import Clock, Timeout
from darkroom.workflows import STEP_BLOCK_S, StepEvent
from darkroom_shared.contract.views import JobView, WorkflowView
from darkroom_shared.core.errors import StillRunning
from darkroom_shared.store.reads import StreamEvent


class AsyncJobHandle:
    """`JobHandle` for asyncio: the same names, awaited."""

    def __init__(self, job_id: str, connection: AsyncConnection, sources: Sources, *, replayed: bool = False) -> None:
        self.id = watching.checked_job(job_id)
        self.replayed = replayed
        self._connection = connection
        self._sources = sources

    def __repr__(self) -> str:
        return f"AsyncJobHandle({self.id!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AsyncJobHandle) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    async def status(self) -> JobView:
        """See `JobHandle.status`."""
        return await self._connection.run(watching.status(self.id))

    async def explain(self) -> Explanation:
        """See `JobHandle.explain`."""
        return await self._connection.run(explaining.explain(self._connection.settings.class_floors, self.id))

    async def wait(self, timeout: Timeout = None) -> JobView:
        """See `JobHandle.wait`."""
        return await self._connection.run(watching.wait(self._sources, self.id, timeout))

    async def result(self, timeout: Timeout = None) -> JobView:
        """See `JobHandle.result`."""
        return watching.raise_for(await self.wait(timeout))

    async def images(self) -> list[bytes]:
        """See `JobHandle.images`."""
        return await self._connection.run(watching.images(self.id))

    async def text(self) -> str:
        """See `JobHandle.text`."""
        return await self._connection.run(watching.text(self.id))

    async def json(self) -> object:
        """See `JobHandle.json`."""
        return await self._connection.run(watching.parsed(self.id))

    async def embedding(self) -> list[float]:
        """See `JobHandle.embedding`."""
        return await self._connection.run(watching.embedding(self.id))

    async def embeddings(self) -> list[list[float]]:
        """See `JobHandle.embeddings`."""
        return await self._connection.run(watching.embeddings(self.id))

    async def save(self, folder: str | PathLike[str]) -> list[Path]:
        """See `JobHandle.save`."""
        return await self._connection.run(watching.save(self.id, Path(folder)))

    async def cancel(self, *, keep: bool = True) -> str:
        """See `JobHandle.cancel`."""
        return await self._connection.run(watching.cancel(self.id, keep))

    async def events(self, after: int = 0, timeout: Timeout = None) -> AsyncIterator[StreamEvent]:
        """See `JobHandle.events`."""
        clock, seen = Clock(self._sources, timeout), after
        while True:
            block_ms = clock.next_block_ms()
            events, over = await self._connection.run(watching.next_events(self.id, seen, block_ms))
            for event in events:
                seen = event.sequence
                yield event
            if over:
                return
            if block_ms is None:
                raise StillRunning(self.id, (await self.status()).state.value, clock.waited_s)


class AsyncWorkflowHandle:
    """`WorkflowHandle` for asyncio: the same names, awaited."""

    def __init__(
        self, workflow_id: str, jobs: Mapping[str, str], connection: AsyncConnection, sources: Sources, *, replayed: bool = False
    ) -> None:
        self.id = workflow_id
        self.replayed = replayed
        self.steps: Mapping[str, AsyncJobHandle] = {
            name: AsyncJobHandle(job_id, connection, sources) for name, job_id in jobs.items()
        }
        self._connection = connection
        self._sources = sources
        self._scene = Scene(connection.settings, sources)

    def __repr__(self) -> str:
        return f"AsyncWorkflowHandle({self.id!r}, steps={list(self.steps)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AsyncWorkflowHandle) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    async def status(self) -> WorkflowView:
        """See `WorkflowHandle.status`."""
        return await self._connection.run(workflows.status(self.id))

    async def wait(self, timeout: Timeout = None) -> WorkflowView:
        """See `WorkflowHandle.wait`."""
        return await self._connection.run(workflows.wait(self._sources, self.id, timeout))

    async def result(self, timeout: Timeout = None) -> WorkflowView:
        """See `WorkflowHandle.result`."""
        return workflows.raise_for(await self.wait(timeout))

    async def images(self) -> list[bytes]:
        """See `WorkflowHandle.images`."""
        return await self._connection.run(workflows.images(self.id))

    async def text(self) -> str:
        """See `WorkflowHandle.text`."""
        return await self._connection.run(workflows.text(self.id))

    async def json(self) -> object:
        """See `WorkflowHandle.json`."""
        return await self._connection.run(workflows.parsed(self.id))

    async def save(self, folder: str | PathLike[str]) -> list[Path]:
        """See `WorkflowHandle.save`."""
        return await self._connection.run(workflows.save(self.id, Path(folder)))

    async def cancel(self, *, keep: bool = True) -> str:
        """See `WorkflowHandle.cancel`."""
        return await self._connection.run(workflows.cancel(self.id, keep))

    async def resume(
        self, changes: Changes | None = None, *, budget_usd: float | None = None, **options: Unpack[SubmitOptions]
    ) -> AsyncWorkflowHandle:
        """See `WorkflowHandle.resume`."""
        again = Again(changes or {}, budget_usd)
        done = await self._connection.run(resuming.resume(self._scene, self.id, again, options))
        return AsyncWorkflowHandle(done.id, done.jobs, self._connection, self._sources, replayed=done.replayed)

    async def fork(
        self,
        after: str | None = None,
        changes: Changes | None = None,
        *,
        budget_usd: float | None = None,
        **options: Unpack[SubmitOptions],
    ) -> AsyncWorkflowHandle:
        """See `WorkflowHandle.fork`."""
        again = Again(changes or {}, budget_usd, after)
        done = await self._connection.run(resuming.fork(self._scene, self.id, again, options))
        return AsyncWorkflowHandle(done.id, done.jobs, self._connection, self._sources, replayed=done.replayed)

    async def gates(self) -> list[GateView]:
        """See `WorkflowHandle.gates`."""
        return await self._connection.run(approving.gates(self._sources, self.id))

    async def approve(self, step: str, *, choose: Sequence[int] | None = None, by: str = "", note: str = "") -> None:
        """See `WorkflowHandle.approve`."""
        await self._connection.run(approving.decide_step(self.id, step, Word(True, choose, by, note)))

    async def reject(self, step: str, *, by: str = "", note: str = "") -> None:
        """See `WorkflowHandle.reject`."""
        await self._connection.run(approving.decide_step(self.id, step, Word(False, None, by, note)))

    async def events(self, after: int = 0, timeout: Timeout = None) -> AsyncIterator[StepEvent]:
        """See `WorkflowHandle.events`."""
        clock, ended = Clock(self._sources, timeout), set[str]()
        jobs = {name: step.id for name, step in self.steps.items()}
        seen = dict.fromkeys(jobs, after)
        while len(ended) < len(jobs):
            block_ms = clock.next_block_ms(STEP_BLOCK_S)
            if block_ms is None:
                raise StillRunning(self.id, (await self.status()).state.value, clock.waited_s)
            for event in await self._connection.run(workflows.next_events(jobs, seen, ended, block_ms)):
                yield event
