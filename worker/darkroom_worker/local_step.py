"""Runs a free local step: the same claim, gate and commit as a paid call, but no receipt, for it can be computed again."""

from __future__ import annotations

from pydantic import TypeAdapter

from darkroom_shared import failpoints
from darkroom_shared.contract.steps import StepSpec
from darkroom_shared.failpoints import Point
from darkroom_worker.outcomes import LEASE_LOST, tell_if_over
from darkroom_worker.requests import step_images
from darkroom_worker.work import Held, Made, Worker, commit_results, open_gate

_SPEC: TypeAdapter[StepSpec] = TypeAdapter(StepSpec)


async def run_local_step(worker: Worker, held: Held) -> str:
    """Computes the step in a child process and commits its pictures. Raises ImageRefused, AssetMissing, StorageUnavailable."""
    spec = _SPEC.validate_python(held.record.request["step"])
    images = await step_images(held.record.request, held.inputs, worker.store)
    verdict, _ = await open_gate(worker, held)
    if verdict != "go":
        await tell_if_over(worker, held)
        return verdict
    failpoints.reach(Point.GATE_OPENED)
    made = await worker.steps.run(spec, images)
    pictures = [Made("image" if index < spec.images else "mask", data, index) for index, data in enumerate(made)]
    end = {"outcome": "answered", "billed": False}
    committed, state = await commit_results(worker, held, pictures, end_attempt=end)
    failpoints.reach(Point.COMMIT_DONE)
    if committed:
        await tell_if_over(worker, held)
    return state if committed else LEASE_LOST
