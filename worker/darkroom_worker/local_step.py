"""Runs a free local step: the same claim, gate and commit as a paid call, but no receipt, for it can be computed again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import TypeAdapter

from darkroom_shared import failpoints
from darkroom_shared.contract.steps import Select, StepSpec
from darkroom_shared.failpoints import Point
from darkroom_worker.outcomes import LEASE_LOST, tell_if_over
from darkroom_worker.requests import step_documents, step_images
from darkroom_worker.steps.select import chosen, parsed
from darkroom_worker.work import NO_REMARKS, Held, Made, Remarks, Worker, commit_results, open_gate

NOTHING_SELECTED: Final = "nothing_selected"
"""Reason of a step that chooses, if no picture counted."""
_SPEC: TypeAdapter[StepSpec] = TypeAdapter(StepSpec)


async def run_local_step(worker: Worker, held: Held) -> str:
    """Computes the step in a child process and commits its pictures. Raises ImageRefused, AssetMissing, StorageUnavailable."""
    spec = _SPEC.validate_python(held.record.request["step"])
    images = await step_images(held.record.request, held.inputs, worker.store)
    answers = await step_documents(held.record.request, held.inputs, worker.store)
    verdict, _ = await open_gate(worker, held)
    if verdict != "go":
        await tell_if_over(worker, held)
        return verdict
    failpoints.reach(Point.GATE_OPENED)
    remarks = NO_REMARKS
    if isinstance(spec, Select):
        pictures = _selected(spec, images, answers)
        remarks = NO_REMARKS if pictures else Remarks(reason=NOTHING_SELECTED)
    else:
        made = await worker.steps.run(spec, [data for data in images if data is not None])
        pictures = [Made("image" if index < spec.images else "mask", data, index) for index, data in enumerate(made)]
    end = {"outcome": "answered", "billed": False}
    committed, state = await commit_results(worker, held, pictures, remarks, end_attempt=end)
    failpoints.reach(Point.COMMIT_DONE)
    if committed:
        await tell_if_over(worker, held)
    return state if committed else LEASE_LOST


def _selected(spec: Select, images: Sequence[bytes | None], answers: Sequence[bytes | None]) -> list[Made]:
    """The best pictures, byte for byte as they came."""
    told = [None if data is None or images[number] is None else parsed(data) for number, data in enumerate(answers[: len(images)])]
    kept = [data for number in chosen(spec, told) if (data := images[number]) is not None]
    return [Made("image", data, index) for index, data in enumerate(kept)]
