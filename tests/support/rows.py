"""The rows of the catalogue, a model and one of its task types, and the sample bodies of each.

A row without a sample is found by `tests/unit/requests/test_catalogue_rows.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from darkroom_shared.models.catalogue import MODELS, gives_documents
from darkroom_shared.models.model import Model
from tests.support.bodies import SAMPLE_NAMES, TITAN_V1
from tests.support.native_bodies import CORE, CORE_BEFORE

ROWS = [(model, task_type) for model in MODELS.values() for task_type in model.task_types]
PICTURE_ROWS = [(model, task_type) for model, task_type in ROWS if not gives_documents(model)]
"""Those whose result is a picture."""
FLAT_ROWS = [(model, task_type) for model, task_type in ROWS if task_type != "CONVERSE"]
"""Those of whose bodies each limit can be broken by itself. A body of Converse is a tree of alternatives: a change there makes
other mistakes as well, and `test_vision` makes them by hand."""
CANNOT = {(TITAN_V1, "TEXT_IMAGE with conditioning")} | {(model, "STABLE_IMAGE from an image") for model in (CORE, CORE_BEFORE)}
"""Samples that a model refuses though it does the task."""


def sample_names(model: Model, task_type: str) -> list[str]:
    """The samples of a row."""
    return [name for name in SAMPLE_NAMES if name.split(maxsplit=1)[0] == task_type and (model.id, name) not in CANNOT]


def pairs() -> Iterator[tuple[Model, str]]:
    """Every model with every sample that it takes."""
    return ((model, name) for model, task_type in ROWS for name in sample_names(model, task_type))
