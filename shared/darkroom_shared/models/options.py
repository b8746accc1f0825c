"""Reads the options of an Amazon body that prices and counts depend on; what is absent or malformed counts as its default."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from darkroom_shared.models.model import Body, Defaults, Facts, Model, Size
from darkroom_shared.models.prices import Bill, PriceBook
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


def amazon_price(model: Model, body: Body, facts: Facts, book: PriceBook, defaults: Defaults) -> Decimal | None:
    """US dollars for the whole call; None where the book does not tell, or where its size is that of a picture without facts."""
    premium = (option(body, "quality") or defaults.quality) == "premium"
    size = output_size(body, facts, defaults)
    quality = "premium" if premium else "standard"
    return book.usd(Bill(model.id, str(body.get("taskType", "")), size, quality, image_count(body)))


def amazon_seed(body: Body, defaults: Defaults) -> int | None:
    """The body's seed, else the service's fixed default; None for tasks that know no seed."""
    task = task_type_of(body)
    if task is None or not task.takes_config:
        return None
    given = option(body, "seed")
    return given if isinstance(given, int) else defaults.seed


def output_size(body: Body, facts: Facts, defaults: Defaults) -> Size | None:
    """Width and height in pixels of the images that come back; None where they are those of a picture without facts."""
    task = task_type_of(body)
    if task is not None and task.name in _OUTPUT_AS_LARGE_AS_INPUT:
        roles: Sequence[str] = ("image", "source")
        input_place = next((place for place in image_places(body) if place.role in roles), None)
        found = None if input_place is None else facts.get(input_place.pointer)
        return None if found is None else (found.width, found.height)
    width = whole_number(option(body, "width"), defaults.width)
    return width, whole_number(option(body, "height"), defaults.height)
