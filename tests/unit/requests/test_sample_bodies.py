"""Bodies in the shape that AWS documents pass, for every model that can do the task."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator, validate

from darkroom_shared.checking import check_request
from darkroom_shared.models.catalogue import MODELS, find_model, schema_of
from darkroom_shared.task_types import TASK_TYPES
from tests.support.bodies import SAMPLE_NAMES, TITAN_V1, sample

PAIRS = [
    (model.id, name)
    for model in MODELS.values()
    for name in SAMPLE_NAMES
    if name.split()[0] in model.task_types and not (model.id == TITAN_V1 and "conditioning" in name)
]


@pytest.mark.parametrize(("model_id", "name"), PAIRS)
def test_a_documented_body_passes(model_id: str, name: str) -> None:
    checked = check_request(sample(name), model_id)

    assert checked.problems == ()
    assert set(checked.images) == set(checked.facts)
    assert checked.model is find_model(model_id)


@pytest.mark.parametrize(("model_id", "name"), PAIRS)
def test_the_published_schema_is_a_schema_and_agrees(model_id: str, name: str) -> None:
    body = sample(name)
    schema = schema_of(find_model(model_id), body["taskType"])

    validate(body, dict(schema), cls=Draft202012Validator)  # checks the schema itself first


def test_there_is_a_sample_of_every_task_type() -> None:
    assert {name.split()[0] for name in SAMPLE_NAMES} == set(TASK_TYPES)
