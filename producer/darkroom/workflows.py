"""Reading, waiting for, saving and canceling workflows, written once for both colours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from darkroom import watching
from darkroom.effects import Flow, Sources, ask, write_file
from darkroom.watching import Clock, Timeout
from darkroom_shared.contract.views import JobView, WorkflowView
from darkroom_shared.contract.workflow_views import workflow_view
from darkroom_shared.core.errors import StillRunning, UnknownJob
from darkroom_shared.core.ids import WORKFLOW_ID
from darkroom_shared.core.lifecycle import JobState
from darkroom_shared.store import reads, upkeep

_WELL: Final = (JobState.SUCCEEDED, JobState.PARTIAL)
STEP_BLOCK_S: Final = 1.0
"""One blocking read at most where several steps are watched at once and only one can be waited for."""


@dataclass(frozen=True, slots=True)
class StepEvent:
    """One event of a workflow: the step and its job, and what happened there; see `StreamEvent`."""

    step: str
    job_id: str
    sequence: int
    type: str
    data: Mapping[str, object]

    @property
    def is_terminal(self) -> bool:
        """True for the last event that this step will ever have."""
        return self.data.get("terminal") is True


def steps_of(workflow_id: str) -> Flow[dict[str, str]]:
    """Job id by step name, in order. Raises UnknownJob."""
    record = yield from record_of(workflow_id)
    return dict(json.loads(record["steps"]))


def record_of(workflow_id: str) -> Flow[Mapping[str, str]]:
    """The ledger's record. Raises UnknownJob."""
    if not WORKFLOW_ID.fullmatch(workflow_id):
        raise UnknownJob(f"{workflow_id[:80]!r} is no workflow id; one looks like wf_01k… with 26 characters after wf_")
    record = yield from ask(reads.workflow(workflow_id))
    if not record:
        raise watching.gone(workflow_id)
    return record


def status(workflow_id: str) -> Flow[WorkflowView]:
    """The workflow with its steps, calls and attempts. Raises UnknownJob."""
    record = yield from record_of(workflow_id)
    steps: list[JobView] = []
    for job_id in dict(json.loads(record["steps"])).values():
        try:
            steps.append((yield from watching.status(job_id)))
        except UnknownJob:
            continue  # an early step's retention ends before that of the last one
    if not steps:
        raise watching.gone(workflow_id)
    return workflow_view(record, steps)


def wait(sources: Sources, workflow_id: str, timeout: Timeout) -> Flow[WorkflowView]:
    """The workflow once all steps are terminal; see `watching.wait`."""
    clock = Clock(sources, timeout)
    for job_id in (yield from steps_of(workflow_id)).values():
        try:
            yield from _wait_for_step(clock, workflow_id, job_id)
        except UnknownJob:
            continue  # its retention is over, so it has ended; later steps may still run
    return (yield from status(workflow_id))


def _wait_for_step(clock: Clock, workflow_id: str, job_id: str) -> Flow[None]:
    view = yield from watching.brief(job_id)
    while not view.is_terminal:
        if not (yield from watching.until_terminal(clock, job_id, view.sequence)):
            state = (yield from status(workflow_id)).state
            raise StillRunning(workflow_id, state.value, clock.waited_s)
        view = yield from watching.brief(job_id)


def raise_for(view: WorkflowView) -> WorkflowView:
    """The view itself if the workflow gave results, if only some; otherwise what `watching.raise_for` raises, for the first step
    that ended badly by itself."""
    if not view.is_terminal:
        raise StillRunning(view.id, view.state.value, 0)
    if view.state in _WELL:
        return view
    # A step that another one's end canceled tells nothing: the one that ended by itself does.
    own = [step for step in view.steps if step.reason != "dependency"]
    for step in (*own, *view.steps):
        watching.raise_for(step)
    return view


def images(workflow_id: str) -> Flow[list[bytes]]:
    """The pictures of the last step that gave any."""
    return (yield from watching.images_of((yield from _last(workflow_id))))


def text(workflow_id: str) -> Flow[str]:
    """The document of the last step, as text."""
    return (yield from watching.text_of((yield from _last(workflow_id))))


def parsed(workflow_id: str) -> Flow[object]:
    """The document of the last step, as a value."""
    return (yield from watching.parsed_of((yield from _last(workflow_id))))


def _last(workflow_id: str) -> Flow[JobView]:
    view = raise_for((yield from status(workflow_id)))
    return [step for step in view.steps if step.state in _WELL][-1]


def save(workflow_id: str, folder: Path) -> Flow[list[Path]]:
    """Writes each step's results into a folder of its own, and `workflow.json`. Steps that gave none are in the latter only.

    Raises:
        StillRunning: a step is not terminal.
    """
    view = yield from status(workflow_id)
    if not view.is_terminal:
        raise StillRunning(workflow_id, view.state.value, 0)
    written: list[Path] = []
    for number, step in enumerate(view.steps, start=1):
        if step.outputs:
            written += yield from watching.save_view(step, folder / f"{number}_{step.step}")
    written.append((yield from write_file(folder / "workflow.json", watching.story(view))))
    return written


def cancel(workflow_id: str, keep: bool) -> Flow[str]:
    """Cancels every step: `detached` if a paid call goes on, else `prevented` if anything was stopped, else `finished`."""
    steps = yield from steps_of(workflow_id)
    outcomes: set[str] = set()
    for job_id in reversed(steps.values()):  # from the end: so each is canceled by the user, none for the sake of another
        outcomes.add((yield from ask(upkeep.cancel(job_id, discard=not keep)))[0])
    return next((outcome for outcome in ("detached", "prevented") if outcome in outcomes), "finished")


def next_events(steps: Mapping[str, str], seen: dict[str, int], ended: set[str], block_ms: int) -> Flow[list[StepEvent]]:
    """What happened in all open steps; if nothing did, waits for the first one that can move.

    Args:
        seen: last sequence number by step; brought up to date.
        ended: steps that are terminal; brought up to date.
    """
    found: list[StepEvent] = []
    open_steps = [name for name in steps if name not in ended]
    for name in open_steps:
        found += yield from _step_events(name, steps[name], seen, ended, None)
    if found or not open_steps:
        return found
    return (yield from _step_events(open_steps[0], steps[open_steps[0]], seen, ended, block_ms))


def _step_events(name: str, job_id: str, seen: dict[str, int], ended: set[str], block_ms: int | None) -> Flow[list[StepEvent]]:
    try:
        events, over = yield from watching.next_events(job_id, seen[name], block_ms)
    except UnknownJob:
        events, over = [], True  # its retention ended before that of the later steps
    if events:
        seen[name] = events[-1].sequence
    if over:
        ended.add(name)
    return [StepEvent(name, job_id, event.sequence, event.type, event.data) for event in events]
