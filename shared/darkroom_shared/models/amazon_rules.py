"""Checks a body for Titan or Nova Canvas: its JSON Schema, and the rules between fields that Titan and Nova share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from darkroom_shared.core.problems import Problem, pointer
from darkroom_shared.models.body_size import body_size_problems, is_plain_json
from darkroom_shared.models.findings import schema_problems, unsupported_task
from darkroom_shared.models.model import Body, Model, Schema
from darkroom_shared.models.try_on_schema import try_on_problems
from darkroom_shared.task_types import TEXT_IMAGE, VIRTUAL_TRY_ON, TaskType, as_object, task_type_of

CrossCheck = Callable[[TaskType, Body], list[Problem]]


def check_amazon_body(model: Model, body: Body, schemas: Mapping[str, Schema], sizes: CrossCheck) -> list[Problem]:
    """All problems of a body at once. A task the model cannot do is one problem, as nothing else can be judged then; so is a body
    that is no JSON.

    Args:
        schemas: schema of each task the model can do, by name.
        sizes: the family's rule for width and height.
    """
    task = task_type_of(body)
    if task is None or task.name not in schemas:
        return [unsupported_task(model, body)]
    size = body_size_problems(body)
    if size and not is_plain_json(body):
        return size
    return [
        *size,
        *schema_problems(schemas[task.name], body),
        *_one_mask(task, body),
        *_control_needs_image(task, body),
        *(try_on_problems(body) if task is VIRTUAL_TRY_ON else ()),
        *sizes(task, body),
    ]


def _one_mask(task: TaskType, body: Body) -> list[Problem]:
    if task.name not in ("INPAINTING", "OUTPAINTING") or not isinstance(body.get(task.params_key), Mapping):
        return []
    given = [name for name in ("maskPrompt", "maskImage") if name in as_object(body[task.params_key])]
    if len(given) == 1:
        return []
    found = "both are given" if given else "neither is given"
    message = f"{task.name} needs exactly one of maskPrompt and maskImage, {found}"
    return [Problem(pointer((task.params_key,)), message, "exactly one of maskPrompt and maskImage")]


def _control_needs_image(task: TaskType, body: Body) -> list[Problem]:
    params = as_object(body.get(task.params_key))
    if task is not TEXT_IMAGE or "conditionImage" in params:
        return []
    return [
        Problem(pointer((task.params_key, name)), f"{name} needs a conditionImage, and there is none", "only with conditionImage")
        for name in ("controlMode", "controlStrength")
        if name in params
    ]
