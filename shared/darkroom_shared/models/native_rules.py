"""What the native families share: bodies whose fields stand at their top, under a tag that is darkroom's own.

Bedrock's Stability models know no `taskType`: the model's id says what is done. Inside darkroom each body carries one, so that its
pictures are found and its task has a name: `{"taskType": "ERASE_OBJECT", "image": ..., "mask": ...}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from darkroom_shared.core.problems import Problem
from darkroom_shared.models.body_size import body_size_problems, is_plain_json
from darkroom_shared.models.findings import schema_problems, unsupported_task
from darkroom_shared.models.model import Body, Facts, Model, Schema, Size
from darkroom_shared.models.prices import Bill, PriceBook
from darkroom_shared.models.schema import record
from darkroom_shared.task_types import image_places

CrossCheck = Callable[[Model, Body], list[Problem]]
"""The rules between the fields of a body, which no schema says."""


def native_schema(model: Model, fields: Mapping[str, Schema], required: tuple[str, ...]) -> Mapping[str, Schema]:
    """The schema of a tagged body for the one task of a model, by the task's name."""
    (task_name,) = model.task_types
    return {task_name: record({"taskType": {"const": task_name}, **fields}, ("taskType", *required))}


def check_native_body(model: Model, body: Body, schemas: Mapping[str, Schema], between: CrossCheck) -> list[Problem]:
    """All problems of a tagged body at once. A wrong tag is one problem, as nothing else can be judged then."""
    (task_name,) = model.task_types
    if body.get("taskType") != task_name:
        return [unsupported_task(model, body)]
    size = body_size_problems(body)
    if size and not is_plain_json(body):
        return size
    return [*size, *schema_problems(schemas[task_name], body), *between(model, body)]


def native_seed(_: Model, body: Body) -> int | None:
    """The seed that a call uses; None for a random one, which is what 0 or none means to Stability."""
    seed = body.get("seed")
    return seed if isinstance(seed, int) and not isinstance(seed, bool) and seed > 0 else None


def native_price(model: Model, _: Body, __: Facts, book: PriceBook) -> Decimal | None:
    """US dollars for a call to a model whose images have one price each; None where the book does not tell it."""
    return book.usd(Bill(model.id, model.task_types[0]))


def size_of_image(body: Body, facts: Facts) -> Size | None:
    """Size of the picture that a body works on, None without facts about it."""
    place = next((place for place in image_places(body) if place.role == "image"), None)
    found = None if place is None else facts.get(place.pointer)
    return None if found is None else (found.width, found.height)


def wants(body: Body, name: str, needed: str) -> list[Problem]:
    """The problem of a field that says nothing without another one."""
    if name not in body or needed in body:
        return []
    return [Problem(f"/{name}", f"{name} needs {needed}, and there is none", f"only with {needed}")]
