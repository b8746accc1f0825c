"""Bodies in the shape that AWS documents pass, for every model that can do the task."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator, validate

from darkroom_shared.checking import check_request
from darkroom_shared.models.catalogue import find_model, schema_of, tagged, wire_body
from darkroom_shared.task_types import TASK_TYPES
from tests.support.bodies import JUDGED, SAMPLE_NAMES, TITAN_V1, native_sample, sample
from tests.support.native_bodies import CORE, CORE_BEFORE, NATIVE_SAMPLES

WITHOUT = {(TITAN_V1, "TEXT_IMAGE with conditioning")} | {(model, "STABLE_IMAGE from an image") for model in (CORE, CORE_BEFORE)}
"""Samples that a model cannot do though it can do the task."""
PAIRS = [
    (model.id, name)
    for model in JUDGED
    for name in SAMPLE_NAMES
    if name.split()[0] in model.task_types and (model.id, name) not in WITHOUT
]
NATIVE_PAIRS = [(model, name) for model, name in PAIRS if name in NATIVE_SAMPLES]


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


def test_every_model_of_the_catalogue_has_a_sample() -> None:
    assert {model for model, _ in PAIRS} == {model.id for model in JUDGED}


@pytest.mark.parametrize(("model_id", "name"), NATIVE_PAIRS)
def test_a_native_body_passes_as_it_is_and_goes_out_as_it_came(model_id: str, name: str) -> None:
    body, model = native_sample(name), find_model(model_id)

    assert check_request(body, model_id).problems == ()
    assert tagged(model, body) == sample(name)
    assert wire_body(model, tagged(model, body)) == body


@pytest.mark.parametrize(("model_id", "name"), [pair for pair in PAIRS if pair not in NATIVE_PAIRS])
def test_an_amazon_body_needs_no_tag_and_goes_out_unchanged(model_id: str, name: str) -> None:
    body, model = sample(name), find_model(model_id)

    assert tagged(model, body) == body == wire_body(model, body)
