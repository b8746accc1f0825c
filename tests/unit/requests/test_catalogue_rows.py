"""Every row of the catalogue: its sample bodies pass, each limit of its published schema refuses one, and it has a picture.

A row that is added without a sample, or with a limit that no sample can break, fails here; so does one without a scene.
"""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator, validate

from darkroom_shared.checking import check_request
from darkroom_shared.core.problems import Problem
from darkroom_shared.models.catalogue import FAMILIES, MODELS, find_model, schema_of, tagged, wire_body
from darkroom_shared.models.model import Model
from darkroom_shared.plan.choosing import PLACEHOLDER
from darkroom_shared.task_types import TASK_TYPES, image_places, replace_at
from tests.support.bodies import SAMPLE_NAMES, Body, sample
from tests.support.limits import Change, breaches, on_limits
from tests.support.native_bodies import NATIVE_SAMPLES
from tests.support.rows import FLAT_ROWS, ROWS, pairs, sample_names

each_row = pytest.mark.parametrize(("model", "task_type"), ROWS, ids=lambda value: getattr(value, "id", value))
each_flat_row = pytest.mark.parametrize(("model", "task_type"), FLAT_ROWS, ids=lambda value: getattr(value, "id", value))
SIZES = ("/imageGenerationConfig/width", "/imageGenerationConfig/height")
"""Whether a side may be as long as its limit depends on the other one: `test_request_limits` tries pairs."""


def test_every_task_type_every_model_and_every_row_has_a_sample() -> None:
    assert {name.split(maxsplit=1)[0] for name in SAMPLE_NAMES} == set(TASK_TYPES)
    assert {model.id for model, _ in pairs()} == set(MODELS)
    assert [(model.id, task_type) for model, task_type in ROWS if not sample_names(model, task_type)] == []


@each_row
def test_a_sample_passes_agrees_with_the_schema_and_goes_out_as_it_came(model: Model, task_type: str) -> None:
    for name in sample_names(model, task_type):
        body = sample(name)
        sent = {key: value for key, value in body.items() if key != "taskType"} if name in NATIVE_SAMPLES else body
        validate(body, dict(schema_of(model, task_type)), cls=Draft202012Validator)  # checks the schema itself first
        for given in (body, sent):
            checked = check_request(given, model.id)
            assert checked.problems == ()
            assert set(checked.images) == set(checked.facts) == {place.pointer for place in image_places(body)}
            assert checked.model is find_model(model.id)
            assert tagged(model, given) == body
        assert wire_body(model, body) == sent


@each_flat_row
def test_each_limit_of_the_schema_refuses_a_body_just_beyond_it_there_and_tells_what_is_allowed(
    model: Model, task_type: str
) -> None:
    bodies = _bodies(model, task_type)
    changes = [change for change in breaches(schema_of(model, task_type), model.task_types) if not _is_own_tag(model, change)]
    tried = [(change, _tried(model, bodies, change)) for change in changes]

    assert [one for one in tried if not _is_refused(*one)] == []
    assert tried


@each_flat_row
def test_a_value_on_a_limit_of_the_schema_is_accepted(model: Model, task_type: str) -> None:
    bodies = _bodies(model, task_type)
    changes = [change for change in on_limits(schema_of(model, task_type)) if change.pointer not in SIZES]
    tried = [(change, _tried(model, bodies, change)) for change in changes]

    assert [(change, said) for change, said in tried if [] not in said] == []


def _bodies(model: Model, task_type: str) -> list[Body]:
    """The samples with references in place of pictures, which cost nothing to look at."""
    return [_referring(sample(name)) for name in sample_names(model, task_type)]


def _referring(body: Body) -> Body:
    return dict(replace_at(body, {place.pointer: PLACEHOLDER for place in image_places(body)}))


def _tried(model: Model, bodies: list[Body], change: Change) -> list[list[Problem]]:
    """What is said of each sample that the change can be made to; of one that lacks an optional field anyway, nothing."""
    changed = [change.on(body) for body in bodies]
    tried = [list(check_request(body, model, allow_references=True).problems) for body in changed if body is not None]
    return [*tried, []] if change.keyword == "optional" and None in changed else tried


def _is_refused(change: Change, outcomes: list[list[Problem]]) -> bool:
    """Whether one sample with the change has exactly one problem, and that is it."""
    alone = [found[0] for found in outcomes if len(found) == 1]
    return any(found.pointer == change.pointer and change.is_told_by(found.message, found.allowed) for found in alone)


def _is_own_tag(model: Model, change: Change) -> bool:
    """Whether it takes away the tag of a native body, which its model tells as well."""
    return FAMILIES[model.family].native and (change.keyword, change.pointer) == ("required", "/taskType")
