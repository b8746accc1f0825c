"""Reads the options of an Amazon body that prices and counts depend on; what is absent or malformed counts as its default."""

from __future__ import annotations

from collections.abc import Sequence

from darkroom_shared.models.model import Body, Defaults, Facts
from darkroom_shared.task_types import as_object, image_places, task_type_of

_OUTPUT_AS_LARGE_AS_INPUT = frozenset(("INPAINTING", "OUTPAINTING", "BACKGROUND_REMOVAL", "VIRTUAL_TRY_ON"))


def option(body: Body, name: str) -> object:
    """A value of `imageGenerationConfig`, None where it is absent."""
    return as_object(body.get("imageGenerationConfig")).get(name)


def whole_number(value: object, default: int) -> int:
    """The value if it is a positive whole number, else the default."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else default


def image_count(body: Body) -> int:
    """How many images one call with this body is asked for, at least 1; bodies without such an option get one image a call."""
    return whole_number(option(body, "numberOfImages"), 1)


def is_premium(body: Body, defaults: Defaults) -> bool:
    """Whether the call is priced as premium."""
    return (option(body, "quality") or defaults.quality) == "premium"


def output_size(body: Body, facts: Facts, defaults: Defaults) -> tuple[int, int] | None:
    """Width and height in pixels of the images that come back; None where they are those of a picture without facts."""
    task = task_type_of(body)
    if task is not None and task.name in _OUTPUT_AS_LARGE_AS_INPUT:
        roles: Sequence[str] = ("image", "source")
        input_place = next((place for place in image_places(body) if place.role in roles), None)
        found = None if input_place is None else facts.get(input_place.pointer)
        return None if found is None else (found.width, found.height)
    width = whole_number(option(body, "width"), defaults.width)
    return width, whole_number(option(body, "height"), defaults.height)
