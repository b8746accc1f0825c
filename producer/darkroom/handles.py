"""Handles: what submit gives back. A handle is an id and a client; it can be made again from the id at any time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Unpack

from darkroom import explaining, watching, workflows
from darkroom.connection import Connection
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


class JobHandle:
    """One job.

    Attributes:
        id: `job_…`; `Darkroom.job(id)` gives an equal handle.
        replayed: True if submit found the job under the same idempotency key instead of making it.
    """

    def __init__(self, job_id: str, connection: Connection, sources: Sources, *, replayed: bool = False) -> None:
        self.id = watching.checked_job(job_id)
        self.replayed = replayed
        self._connection = connection
        self._sources = sources

    def __repr__(self) -> str:
        return f"JobHandle({self.id!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JobHandle) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def status(self) -> JobView:
        """How the job stands now, with its calls and attempts. Raises UnknownJob once its retention is over."""
        return self._connection.run(watching.status(self.id))

    def explain(self) -> Explanation:
        """Why the job waits, what would free it, and when it may be expected to start. Raises UnknownJob."""
        return self._connection.run(explaining.explain(self._connection.settings.class_floors, self.id))

    def wait(self, timeout: Timeout = None) -> JobView:
        """Waits until the job ended, well or badly.

        Args:
            timeout: seconds or a timedelta; None for as long as it takes.

        Raises:
            StillRunning: the time is over. The job goes on and the handle stays usable.
        """
        return self._connection.run(watching.wait(self._sources, self.id, timeout))

    def result(self, timeout: Timeout = None) -> JobView:
        """Like `wait`, but a job without results raises JobFailed, JobRejected, JobCanceled or JobExpired."""
        return watching.raise_for(self.wait(timeout))

    def images(self) -> list[bytes]:
        """The pictures (not the masks), byte for byte as Bedrock returned them; does not wait.

        Raises:
            StillRunning: the job has not ended.
            JobFailed: it ended without results; as JobRejected, JobCanceled or JobExpired where one of these is why.
            WrongResult: its result is a document.
        """
        return self._connection.run(watching.images(self.id))

    def text(self) -> str:
        """The words of a job whose result is a document; of JSON its text. Does not wait.

        Raises:
            WrongResult: the job gave pictures.
            StillRunning, JobFailed: as `images`.
        """
        return self._connection.run(watching.text(self.id))

    def json(self) -> object:
        """The value of a job whose result is JSON, or vectors; does not wait. Raises as `text`, and WrongResult for mere words."""
        return self._connection.run(watching.parsed(self.id))

    def embedding(self) -> list[float]:
        """The vector of an embedding job; does not wait. Raises as `text`, and WrongResult if there are several."""
        return self._connection.run(watching.embedding(self.id))

    def embeddings(self) -> list[list[float]]:
        """The vectors of an embedding job, in the order of its inputs; does not wait. Raises as `text`.

        They are of the first type of numbers that was asked for; `json()` has all.
        """
        return self._connection.run(watching.embeddings(self.id))

    def save(self, folder: str | PathLike[str]) -> list[Path]:
        """Writes `0.png`, `1.png`, … (`mask.png` for a mask, `0.txt` or `0.json` for a document) and `job.json`; does not wait.

        Args:
            folder: made if it is not there; files of these names in it are replaced.

        Returns:
            The files, `job.json` last.

        Raises:
            StillRunning, JobFailed: as `images`.
        """
        return self._connection.run(watching.save(self.id, Path(folder)))

    def cancel(self, *, keep: bool = True) -> str:
        """Cancels the job; safe to repeat.

        Args:
            keep: False if the pictures of a call that is paid already are not wanted either.

        Returns:
            `prevented`: no call goes on for it. `detached`: a paid call is under way and cannot be recalled. `finished`: too late.
        """
        return self._connection.run(watching.cancel(self.id, keep))

    def events(self, after: int = 0, timeout: Timeout = None) -> Iterator[StreamEvent]:
        """The job's events as they happen, up to the last one.

        Args:
            after: sequence number of the last event that is known already.
            timeout: for the whole iteration.

        Raises:
            StillRunning: the time is over before the last event.
        """
        clock, seen = Clock(self._sources, timeout), after
        while True:
            block_ms = clock.next_block_ms()
            events, over = self._connection.run(watching.next_events(self.id, seen, block_ms))
            for event in events:
                seen = event.sequence
                yield event
            if over:
                return
            if block_ms is None:
                raise StillRunning(self.id, self.status().state.value, clock.waited_s)


class WorkflowHandle:
    """One workflow.

    Attributes:
        id: `wf_…`; `Darkroom.workflow(id)` gives an equal handle.
        steps: a handle for each step by its name, in order, the inserted ones included.
        replayed: True if chain found it under the same idempotency key.
    """

    def __init__(
        self, workflow_id: str, jobs: Mapping[str, str], connection: Connection, sources: Sources, *, replayed: bool = False
    ) -> None:
        self.id = workflow_id
        self.replayed = replayed
        self.steps: Mapping[str, JobHandle] = {name: JobHandle(job_id, connection, sources) for name, job_id in jobs.items()}
        self._connection = connection
        self._sources = sources
        self._scene = Scene(connection.settings, sources)

    def __repr__(self) -> str:
        return f"WorkflowHandle({self.id!r}, steps={list(self.steps)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WorkflowHandle) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def status(self) -> WorkflowView:
        """How the workflow and its steps stand now."""
        return self._connection.run(workflows.status(self.id))

    def wait(self, timeout: Timeout = None) -> WorkflowView:
        """Waits until every step ended; see `JobHandle.wait`."""
        return self._connection.run(workflows.wait(self._sources, self.id, timeout))

    def result(self, timeout: Timeout = None) -> WorkflowView:
        """Like `wait`, but raises the error of the first step that ended badly, if the workflow gave no results because of it."""
        return workflows.raise_for(self.wait(timeout))

    def images(self) -> list[bytes]:
        """The pictures of the last step that gave results; see `JobHandle.images`."""
        return self._connection.run(workflows.images(self.id))

    def text(self) -> str:
        """The last step's words; see `JobHandle.text`."""
        return self._connection.run(workflows.text(self.id))

    def json(self) -> object:
        """The last step's value; see `JobHandle.json`."""
        return self._connection.run(workflows.parsed(self.id))

    def save(self, folder: str | PathLike[str]) -> list[Path]:
        """Writes a folder `<number>_<step>` for each step that gave results, and `workflow.json`; see `JobHandle.save`.

        A workflow that failed is saved as far as it came.

        Raises:
            StillRunning: a step has not ended.
        """
        return self._connection.run(workflows.save(self.id, Path(folder)))

    def cancel(self, *, keep: bool = True) -> str:
        """Cancels all steps that have not ended; pictures of finished ones stay. See `JobHandle.cancel`."""
        return self._connection.run(workflows.cancel(self.id, keep))

    def resume(
        self, changes: Changes | None = None, *, budget_usd: float | None = None, **options: Unpack[SubmitOptions]
    ) -> WorkflowHandle:
        """Runs what is missing of a workflow that has ended: the steps that gave no results, and those that wait for them.

        Steps that ended well are not paid again, unless one before them is changed. The id stays the same.

        Args:
            changes: by step what to change in its request, as a JSON merge patch (RFC 7396).
            budget_usd: a new budget for the whole, what was spent included; the old one if left out.
            options: as for `submit`; left out, they are those of the workflow.

        Raises:
            NothingToDecide: it has not ended, nothing is missing, or somebody else goes on with it already.
            Others as `Darkroom.submit`.
        """
        again = Again(changes or {}, budget_usd)
        done = self._connection.run(resuming.resume(self._scene, self.id, again, options))
        return WorkflowHandle(done.id, done.jobs, self._connection, self._sources, replayed=done.replayed)

    def fork(
        self,
        after: str | None = None,
        changes: Changes | None = None,
        *,
        budget_usd: float | None = None,
        **options: Unpack[SubmitOptions],
    ) -> WorkflowHandle:
        """Starts a new workflow that begins with what this one has finished, and leaves this one as it is.

        Args:
            after: a step that gave results; everything that comes after it runs anew. None: only what is missing or changed.
            changes, budget_usd, options: as for `resume`; the budget is for the new steps alone.

        Raises:
            InvalidRequest: no such step, or nothing would run.
            Others as `Darkroom.submit`.
        """
        again = Again(changes or {}, budget_usd, after)
        done = self._connection.run(resuming.fork(self._scene, self.id, again, options))
        return WorkflowHandle(done.id, done.jobs, self._connection, self._sources, replayed=done.replayed)

    def gates(self) -> list[GateView]:
        """The steps at which a person decides, with the pictures that they show and a token for whoever is to decide."""
        return self._connection.run(approving.gates(self._sources, self.id))

    def approve(self, step: str, *, choose: Sequence[int] | None = None, by: str = "", note: str = "") -> None:
        """Lets the workflow go on from a gate; see `Darkroom.approve`."""
        self._connection.run(approving.decide_step(self.id, step, Word(True, choose, by, note)))

    def reject(self, step: str, *, by: str = "", note: str = "") -> None:
        """Ends the workflow at a gate; see `Darkroom.approve`."""
        self._connection.run(approving.decide_step(self.id, step, Word(False, None, by, note)))

    def events(self, after: int = 0, timeout: Timeout = None) -> Iterator[StepEvent]:
        """The events of all steps as they happen, in order within each step; see `JobHandle.events`.

        Args:
            after: each step counts its own events; of every step those up to this number are left out.
            timeout: for the whole iteration.
        """
        clock, ended = Clock(self._sources, timeout), set[str]()
        jobs = {name: step.id for name, step in self.steps.items()}
        seen = dict.fromkeys(jobs, after)
        while len(ended) < len(jobs):
            block_ms = clock.next_block_ms(STEP_BLOCK_S)
            if block_ms is None:
                raise StillRunning(self.id, self.status().state.value, clock.waited_s)
            yield from self._connection.run(workflows.next_events(jobs, seen, ended, block_ms))
