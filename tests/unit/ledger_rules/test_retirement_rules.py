"""Which failures mean that a model is retired, and how an answer of the way before is read."""

from __future__ import annotations

import json

import pytest

from darkroom_shared.contract.job_record import JobRecord
from darkroom_shared.models.catalogue import find_model
from darkroom_shared.store.retirement import Mark
from darkroom_worker.bedrock.errors import classify
from darkroom_worker.rerouting import as_answered, as_retirement

NOVA, CORE = "amazon.nova-canvas-v1:0", "stability.stable-image-core-v1:1"
WRONG_ID = "The provided model identifier is invalid."
BY_AWS, BY_WORKER = {CORE: Mark(1, "aws", "gone")}, {CORE: Mark(1, "worker", "gone")}


@pytest.mark.parametrize(
    ("model", "marks", "code"),
    [
        (NOVA, {}, "model_retired"),
        (CORE, {}, "model_not_found"),
        (CORE, BY_AWS, "model_retired"),
        (CORE, BY_WORKER, "model_not_found"),
        (
            "stability.stable-image-inpaint-v1:0",
            {"us.stability.stable-image-inpaint-v1:0": Mark(1, "aws", "gone")},
            "model_retired",
        ),
    ],
)
@pytest.mark.parametrize(
    ("name", "status", "text"), [("ValidationException", 400, WRONG_ID), ("ResourceNotFoundException", 404, "Could not be found.")]
)
def test_a_wrong_id_of_a_model_that_is_past_its_end_or_gone_at_aws_is_a_retirement(
    model: str, marks: dict[str, Mark], code: str, name: str, status: int, text: str
) -> None:
    failure = classify(name, text, status, "req-1")
    assert failure.code == "model_not_found"
    found = as_retirement(failure, find_model(model), marks)
    assert (found.code, found.kind, found.message, found.request_id, found.billed) == (code, "permanent", text, "req-1", False)


def job(**fields: object) -> dict[str, str]:
    """A job's record."""
    record = {"kind": "bedrock", "task_type": "T", "task_name": "t", "request": {}, "lane": "l", "tenant": "t", "retention_ms": 1}
    return JobRecord.model_validate({**record, **fields}).as_fields()


def call(receipt: str) -> dict[str, str]:
    """A call that was on two ways before, until its fences 2 and 5."""
    way = {"request": "{}", "lane": "l", "images_per_call": "3"}
    ways = [{"fence": fence, "fields": {**way, "model": model}} for fence, model in ((2, "first"), (5, "second"))]
    return {"receipt": receipt, "ways": json.dumps(ways)}


@pytest.mark.parametrize(
    ("receipt", "model", "images", "lost"),
    [
        ("job_a.0:1", "first", 3, []),
        ("job_a.0:2", "first", 3, []),
        ("job_a.0:3", "second", 3, []),
        ("job_a.0:5", "second", 3, []),
        ("job_a.0:6", "third", 1, ["x"]),
        ("receipt", "third", 1, ["x"]),
    ],
)
def test_an_answer_is_read_by_the_way_on_which_it_was_asked_for(receipt: str, model: str, images: int, lost: list[str]) -> None:
    now = job(model="third", images_per_call=1, lost=["x"], tenant="mine")
    found = JobRecord.from_fields(as_answered(now, call(receipt)))
    assert (found.model, found.images_per_call, found.lost, found.tenant) == (model, images, lost, "mine")


def test_a_job_that_was_never_put_on_another_way_is_read_as_it_is() -> None:
    assert as_answered(job(model="m"), {"receipt": "job_a.0:1"}) == job(model="m")
