"""What the families of embedding models share: vectors come instead of pictures, seeds and sizes there are none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from darkroom_shared.core.problems import Problem
from darkroom_shared.models.answers import Reading
from darkroom_shared.models.body_size import resolved_size_problems
from darkroom_shared.models.image_limits import ImageLimits
from darkroom_shared.models.image_rules import all_picture_problems
from darkroom_shared.models.model import Body, Facts, Family, Model, Schema
from darkroom_shared.models.native_rules import native_price
from darkroom_shared.task_types import image_values
from darkroom_shared.task_types.places import value_at

REFERENCES = ("asset:", "$steps.")
"""How strings begin that stand for a picture; they are never on the wire."""


@dataclass(frozen=True, slots=True)
class EmbeddingRules:
    """Where the families differ; the names mean what they mean in `Family`."""

    check_body: Callable[[Model, Body], list[Problem]]
    check_images: Callable[[Model, Body, Facts], list[Problem]]
    schemas: Callable[[Model], Mapping[str, Schema]]
    read_answer: Callable[[Mapping[str, object], int, Body], Reading]


def embedding_family(name: str, models: tuple[Model, ...], rules: EmbeddingRules, *, native: bool = False) -> Family:
    """A family whose answers are vectors, all of one call in one document."""
    return Family(
        name=name,
        models=models,
        check_body=rules.check_body,
        check_images=rules.check_images,
        schemas=rules.schemas,
        price_usd=native_price,
        seed_of=lambda _, __: None,
        output_size=lambda _, __, ___: None,
        read_answer=rules.read_answer,
        mask_polarity={},
        images_a_call=1,
        native=native,
        documents=True,
    )


def one_of(fields: Body, names: Sequence[str], *, at: str = "", at_least: bool = False) -> list[Problem]:
    """The problem of a body that has none of these fields, or more than one of them.

    Args:
        at: JSON pointer of the object that they stand in.
        at_least: whether several may be given.
    """
    given = [name for name in names if name in fields]
    if len(given) == 1 or (at_least and given):
        return []
    how = "at least" if at_least else "exactly"
    found = f"{' and '.join(given)} are given" if given else "none is given"
    return [Problem(at, f"{how} one of {', '.join(names)} is needed, and {found}", f"{how} one of {', '.join(names)}")]


def check_embedded_pictures(body: Body, facts: Facts, limits: ImageLimits) -> list[Problem]:
    """Every picture by itself, and whether all of them together are too much for one body."""
    return all_picture_problems(body, facts, limits) + resolved_size_problems(body, facts)


def format_problems(body: Body, facts: Facts | None = None) -> list[Problem]:
    """The problem of a picture whose format is not named, or is not the one that is named.

    Without facts: where the picture itself stands, the format must stand beside it, as the service has it. A reference needs none:
    it is filled in when the picture takes its place.
    """
    found: list[Problem] = []
    for place, value in image_values(body).items():
        if not place.format_at:
            continue
        named = value_at(body, tuple(place.format_at.split("/")[1:]))
        if facts is None:
            if named is None and isinstance(value, str) and not value.startswith(REFERENCES):
                found.append(Problem(place.format_at, "format is required and missing", ["png", "jpeg", "gif", "webp"]))
        elif place.pointer in facts and isinstance(named, str):
            is_there = facts[place.pointer].format.lower()
            if named != is_there:
                found.append(Problem(place.format_at, f"format is {named}, but the picture is a {is_there} file", [is_there]))
    return found
