"""The examples that the API's description shows are right for every model that can do the task."""

from __future__ import annotations

import pytest

from darkroom.examples import EXAMPLES, SHOWN, example
from darkroom_shared.models.catalogue import MODELS, check_body
from darkroom_shared.task_types import TASK_TYPES, image_values

ABLE = [(name, model) for name in EXAMPLES for model in MODELS.values() if name in model.task_types]


def test_every_task_type_has_an_example() -> None:
    assert set(EXAMPLES) == set(TASK_TYPES) == set(SHOWN)


@pytest.mark.parametrize(("name", "model"), ABLE, ids=lambda value: str(getattr(value, "id", value)))
def test_an_example_breaks_no_rule_of_a_model(name: str, model: object) -> None:
    assert check_body(model, example(name)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_pictures_of_an_example_are_named_not_sent(name: str) -> None:
    assert all(str(value).startswith("asset:") for value in image_values(example(name)).values())
