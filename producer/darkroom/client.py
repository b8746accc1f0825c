"""The client in both colours: thin methods over the flows, which hold all the logic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self, Unpack, overload

from darkroom import decisions, flows, watching, workflows
from darkroom.access import audited, here
from darkroom.administrators import Administrators, AsyncAdministrators
from darkroom.async_handles import AsyncJobHandle, AsyncWorkflowHandle
from darkroom.batches.batchers import AsyncBatchers, Batchers
from darkroom.connection import REAL_SOURCES, AsyncConnection, Connection, complete_settings
from darkroom.decisions import Decision, told
from darkroom.graphs.builder import Graph, start
from darkroom.handles import JobHandle, WorkflowHandle
from darkroom.keepers import AsyncKeepers, Keepers
from darkroom.launching import Scene
from darkroom.mappers import AsyncMappers, Mappers
from darkroom.notifiers import AsyncNotifiers, Notifiers
from darkroom.operators import AsyncOperators, Operators
from darkroom.options import SubmitOptions
from darkroom.plans import Plan
from darkroom.requests import NamedStep, Request
from darkroom.runners import AsyncRunners, Runners
from darkroom.search.searchers import AsyncSearchers, Searchers
from darkroom.watching import WorkerView
from darkroom_shared.contract.views import JobView
from darkroom_shared.core.problems import Problem
from darkroom_shared.settings import Settings
from darkroom_shared.task_types import ImageSource

Image = ImageSource | Sequence[ImageSource] | None


class Darkroom(Administrators, Batchers, Keepers, Mappers, Notifiers, Operators, Runners, Searchers):
    """Submits image work and looks after it. Threads may share one; `close` it, or use it in a `with` block.

    Args:
        url: the ledger, `redis://`, `rediss://` or `unix://`; left out, the settings' one, else the stack that `darkroom up` runs.
        settings: left out, they are read from the environment (`DARKROOM_…`).

    Raises:
        Misconfigured: there is no ledger to be found, or an address has a scheme that is not supported.
    """

    def __init__(self, url: str | None = None, *, settings: Settings | None = None) -> None:
        self.settings = complete_settings(url, settings)
        self._scene = Scene(self.settings, REAL_SOURCES)
        self._connection = Connection(self.settings)

    def submit(self, request: Request, **options: Unpack[SubmitOptions]) -> JobHandle:
        """Submits one job. When this returns, the job is recorded and will end in exactly one terminal state.

        Args:
            request: a typed request like `TextImage("a red sailboat")`, or Bedrock's own body as a dict.
            options: see `SubmitOptions`.

        Raises:
            InvalidRequest: the request breaks limits of the model; holds every finding. Nothing was stored or paid.
            UnknownModel: the catalogue has no such model.
            NoRoute: no model may do it, by its life cycle, its Regions or the option `substitute`; says why of each.
            AssetMissing: an `asset:` reference has no bytes.
            IdempotencyConflict: the key was used before with another request.
            LedgerUnavailable, StorageUnavailable: try again. Nothing was recorded, unless the connection broke just before the
                answer: give an `idempotency_key` if submitting again must never make a second job.
        """
        done = self._connection.run(flows.submit(self._scene, request, options))
        return JobHandle(done.id, self._connection, REAL_SOURCES, replayed=done.replayed)

    def chain(self, *steps: NamedStep, image: Image = None, **options: Unpack[SubmitOptions]) -> WorkflowHandle:
        """Submits a workflow in which each step works on the pictures of the one before it.

        Args:
            steps: typed requests, dicts, local steps like `ZoomOut(…)`, `LocalStep(…)`, or pairs of a name and one of these.
            image: one picture or several for the first step, if it names none itself.
            options: see `SubmitOptions`; the model is that of all steps.

        Raises:
            InvalidRequest: every finding about every step, pointers under `/steps/<name>`. Nothing was stored or paid.
            Others as `submit`.
        """
        done = self._connection.run(flows.chain(self._scene, steps, image, options))
        return WorkflowHandle(done.id, done.jobs, self._connection, REAL_SOURCES, replayed=done.replayed)

    def plan(self, *steps: NamedStep, image: Image = None, **options: Unpack[SubmitOptions]) -> Plan:
        """What `chain` would do: all steps with the inserted ones, sizes, price. Records nothing; raises as `chain`."""
        return self._connection.run(flows.preview(self._scene, steps, image, options))

    def validate(self, body: Request, model: str | None = None) -> list[Problem]:
        """Everything that `submit` would refuse; empty for a valid request. Raises UnknownModel and AssetMissing."""
        return self._connection.run(flows.problems_of(self._scene, body, model))

    def job(self, job_id: str) -> JobHandle:
        """A handle from an id, without asking the ledger. Raises UnknownJob for a text that is no job id."""
        return JobHandle(job_id, self._connection, REAL_SOURCES)

    @overload
    def workflow(self, workflow_id: str) -> WorkflowHandle: ...

    @overload
    def workflow(self, *, image: Image = None) -> Graph: ...

    def workflow(self, workflow_id: str | None = None, *, image: Image = None) -> WorkflowHandle | Graph:
        """A handle from an id; without one, the beginning of a workflow that is written with `|` and submitted by `run`.

        Args:
            image: for a new one, one picture or several for its first step.

        Raises:
            UnknownJob: there is no workflow of that id.
        """
        if workflow_id is None:
            return start(image)
        jobs = self._connection.run(workflows.steps_of(workflow_id))
        return WorkflowHandle(workflow_id, jobs, self._connection, REAL_SOURCES)

    def find(self, identity: str) -> JobHandle | WorkflowHandle:
        """The job or workflow of an id. Raises UnknownJob."""
        if identity.startswith("wf_"):
            return self.workflow(identity)
        handle = self.job(identity)
        self._connection.run(watching.brief(handle.id))
        return handle

    def jobs(self, limit: int = 50, tenant: str | None = None) -> list[JobView]:
        """The newest jobs, newest first, without their calls."""
        return self._connection.run(watching.jobs(limit, tenant))

    def cancel(self, identity: str, *, keep: bool = True) -> str:
        """Cancels a job or workflow; see `JobHandle.cancel`. Raises UnknownJob."""
        if identity.startswith("wf_"):
            return self._connection.run(workflows.cancel(identity, keep))
        return self._connection.run(watching.cancel(identity, keep))

    def dead_letters(self, limit: int = 50, tenant: str | None = None) -> list[JobView]:
        """Jobs that gave up and wait for a person, newest first, with every attempt.

        They are kept until `replay` or `discard`, at most for the settings' `dead_letter_retention`.
        """
        return self._connection.run(decisions.dead_letters(limit, tenant))

    def replay(self, job_id: str, changes: Mapping[str, object] | None = None, **options: Unpack[SubmitOptions]) -> JobHandle:
        """Submits a dead letter again, as a new job: `status().replays` names the old one, whose `replaced_by` names the new one.

        A step of a workflow is replayed on its own, with the pictures of the steps before it; the steps after it stay canceled.

        Args:
            changes: what to change in the request, as a JSON merge patch (RFC 7396): objects are merged, None takes a field away.
            options: as for `submit`; left out, model, Region, tenant, class and metadata are those of the old job.

        Raises:
            NothingToDecide: the job did not fail, or was replayed or discarded before.
            Others as `submit`.
        """
        done = self._connection.run(
            audited(decisions.replay(self._scene, job_id, changes or {}, options), here(), "dead_letter.replay", job_id)
        )
        return JobHandle(done.id, self._connection, REAL_SOURCES, replayed=done.replayed)

    def discard(self, job_id: str) -> None:
        """Takes a job off the dead letters; its retention begins. Raises UnknownJob, NothingToDecide."""
        self._connection.run(audited(decisions.discard(job_id), here(), "dead_letter.discard", job_id))

    def held(self, limit: int = 50) -> list[JobView]:
        """Jobs submitted with `on_unknown="hold"` of which a call waits for `resolve`, the longest waiting first."""
        return self._connection.run(decisions.held(limit))

    def resolve(self, job_id: str, decision: Decision | bytes, *, billed: bool | None = None) -> list[str]:
        """Decides about the held calls of a job, whose last attempt may have been billed.

        Args:
            decision: `retry` makes one more call, `give_up` ends them as failed. Bytes are the answer itself (the JSON that Bedrock
                sent, found in an invocation log, say): it is delivered, and nothing is paid again.
            billed: whether the lost attempt was billed, if that has become known; it moves its price in the job's cost.

        Returns:
            Ids of the calls that were decided about.

        Raises:
            UnknownJob; NothingToDecide: none is held (any more); InvalidRequest: no such decision, or the bytes hold no pictures.
        """
        return self._connection.run(
            audited(decisions.resolve(job_id, decision, billed), here(), "call.resolve", job_id, told(decision))
        )

    def workers(self) -> list[WorkerView]:
        """Workers that have registered and not left; one that died shows for up to 15 seconds."""
        return self._connection.run(watching.workers())

    def close(self) -> None:
        """Gives the connections back. Jobs go on; handles of this client are of no more use."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class AsyncDarkroom(
    AsyncAdministrators, AsyncBatchers, AsyncKeepers, AsyncMappers, AsyncNotifiers, AsyncOperators, AsyncRunners, AsyncSearchers
):
    """`Darkroom` for asyncio: the same names, awaited. Belongs to the event loop that first uses it; see `Darkroom`."""

    def __init__(self, url: str | None = None, *, settings: Settings | None = None) -> None:
        self.settings = complete_settings(url, settings)
        self._scene = Scene(self.settings, REAL_SOURCES)
        self._connection = AsyncConnection(self.settings)

    async def submit(self, request: Request, **options: Unpack[SubmitOptions]) -> AsyncJobHandle:
        """See `Darkroom.submit`."""
        done = await self._connection.run(flows.submit(self._scene, request, options))
        return AsyncJobHandle(done.id, self._connection, REAL_SOURCES, replayed=done.replayed)

    async def chain(self, *steps: NamedStep, image: Image = None, **options: Unpack[SubmitOptions]) -> AsyncWorkflowHandle:
        """See `Darkroom.chain`."""
        done = await self._connection.run(flows.chain(self._scene, steps, image, options))
        return AsyncWorkflowHandle(done.id, done.jobs, self._connection, REAL_SOURCES, replayed=done.replayed)

    async def plan(self, *steps: NamedStep, image: Image = None, **options: Unpack[SubmitOptions]) -> Plan:
        """See `Darkroom.plan`."""
        return await self._connection.run(flows.preview(self._scene, steps, image, options))

    async def validate(self, body: Request, model: str | None = None) -> list[Problem]:
        """See `Darkroom.validate`."""
        return await self._connection.run(flows.problems_of(self._scene, body, model))

    def job(self, job_id: str) -> AsyncJobHandle:
        """See `Darkroom.job`; not awaited, for nothing is asked."""
        return AsyncJobHandle(job_id, self._connection, REAL_SOURCES)

    @overload
    async def workflow(self, workflow_id: str) -> AsyncWorkflowHandle: ...

    @overload
    async def workflow(self, *, image: Image = None) -> Graph: ...

    async def workflow(self, workflow_id: str | None = None, *, image: Image = None) -> AsyncWorkflowHandle | Graph:
        """See `Darkroom.workflow`."""
        if workflow_id is None:
            return start(image)
        jobs = await self._connection.run(workflows.steps_of(workflow_id))
        return AsyncWorkflowHandle(workflow_id, jobs, self._connection, REAL_SOURCES)

    async def find(self, identity: str) -> AsyncJobHandle | AsyncWorkflowHandle:
        """See `Darkroom.find`."""
        if identity.startswith("wf_"):
            return await self.workflow(identity)
        handle = self.job(identity)
        await self._connection.run(watching.brief(handle.id))
        return handle

    async def jobs(self, limit: int = 50, tenant: str | None = None) -> list[JobView]:
        """See `Darkroom.jobs`."""
        return await self._connection.run(watching.jobs(limit, tenant))

    async def cancel(self, identity: str, *, keep: bool = True) -> str:
        """See `Darkroom.cancel`."""
        if identity.startswith("wf_"):
            return await self._connection.run(workflows.cancel(identity, keep))
        return await self._connection.run(watching.cancel(identity, keep))

    async def dead_letters(self, limit: int = 50, tenant: str | None = None) -> list[JobView]:
        """See `Darkroom.dead_letters`."""
        return await self._connection.run(decisions.dead_letters(limit, tenant))

    async def replay(
        self, job_id: str, changes: Mapping[str, object] | None = None, **options: Unpack[SubmitOptions]
    ) -> AsyncJobHandle:
        """See `Darkroom.replay`."""
        done = await self._connection.run(
            audited(decisions.replay(self._scene, job_id, changes or {}, options), here(), "dead_letter.replay", job_id)
        )
        return AsyncJobHandle(done.id, self._connection, REAL_SOURCES, replayed=done.replayed)

    async def discard(self, job_id: str) -> None:
        """See `Darkroom.discard`."""
        await self._connection.run(audited(decisions.discard(job_id), here(), "dead_letter.discard", job_id))

    async def held(self, limit: int = 50) -> list[JobView]:
        """See `Darkroom.held`."""
        return await self._connection.run(decisions.held(limit))

    async def resolve(self, job_id: str, decision: Decision | bytes, *, billed: bool | None = None) -> list[str]:
        """See `Darkroom.resolve`."""
        return await self._connection.run(
            audited(decisions.resolve(job_id, decision, billed), here(), "call.resolve", job_id, told(decision))
        )

    async def workers(self) -> list[WorkerView]:
        """See `Darkroom.workers`."""
        return await self._connection.run(watching.workers())

    async def close(self) -> None:
        """See `Darkroom.close`."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()
