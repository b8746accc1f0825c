"""Makes pictures small enough for a model that looks at them: which free steps go before the call, and what that loses.

Only for families that name `sent_limits`. The steps are ordinary ones, and sure to be enough: how large a file they give at most is
known beforehand, so that nothing has to be tried out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from darkroom_shared.contract.steps import Convert, Flatten, Resize, StepSpec
from darkroom_shared.contract.steps.base import has_alpha
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.core.problems import Problem
from darkroom_shared.models.catalogue import FAMILIES, check_images
from darkroom_shared.models.image_limits import ImageLimits
from darkroom_shared.models.model import Body, Facts, Model
from darkroom_shared.task_types import has_value, image_values, replace_at

_QUALITY: Final = 90
_JPEG_BYTES_A_PIXEL: Final = 2.6
"""Most that a step's JPEG of this quality takes: measured with the worst of noises, 2.3."""
_PNG_BYTES_A_PIXEL: Final = 4.1
"""A PNG of RGBA noise, which cannot be compressed at all."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """What is done to one picture before it is sent.

    Attributes:
        specs: free steps, in order.
        note: what that means, in a sentence for a person.
    """

    specs: tuple[StepSpec, ...]
    note: str


def fitting(model: Model, facts: ImageFacts) -> Fitting | None:
    """How a picture is made to fit; None if it can be sent as it is."""
    limits = FAMILIES[model.family].sent_limits
    if limits is None or not _is_beyond(facts, limits):
        return None
    specs = _specs(facts, limits)
    after = facts
    for spec in specs:
        after = spec.output_facts([after])[0]
    flat = ", what is transparent in it laid on white" if has_alpha(facts) and not has_alpha(after) else ""
    return Fitting(
        specs,
        f"A picture of {facts.width}x{facts.height} pixels and {facts.size_bytes / 1e6:.1f} MB is sent as {after.format} of "
        f"{after.width}x{after.height}{flat}: {model.label} takes at most {_words(limits)}.",
    )


def _is_beyond(facts: ImageFacts, limits: ImageLimits) -> bool:
    too_long = limits.max_side is not None and max(facts.width, facts.height) > limits.max_side
    too_large = limits.max_bytes is not None and facts.size_bytes > limits.max_bytes
    return too_long or too_large or facts.format not in limits.formats


def _specs(facts: ImageFacts, limits: ImageLimits) -> tuple[StepSpec, ...]:
    shorter = Resize(max_side=limits.max_side) if limits.max_side is not None else None
    width, height = (facts.width, facts.height) if shorter is None else shorter.size(facts.width, facts.height)
    small = limits.max_bytes is None or width * height * _PNG_BYTES_A_PIXEL <= limits.max_bytes
    if small:  # without loss, and with its transparency
        return (Convert(format="png"),) if shorter is None or (width, height) == (facts.width, facts.height) else (shorter,)
    assert limits.max_bytes is not None
    resize = Resize(max_side=limits.max_side, max_pixels=int(limits.max_bytes / _JPEG_BYTES_A_PIXEL))
    found: list[StepSpec] = [Flatten()] if has_alpha(facts) else []
    found += [resize] if resize.size(facts.width, facts.height) != (facts.width, facts.height) else []
    return (*found, Convert(format="jpeg", quality=_QUALITY))


def _words(limits: ImageLimits) -> str:
    told = [f"{limits.max_bytes / 1e6:g} MB"] if limits.max_bytes is not None else []
    return " and ".join([*told, *([f"{limits.max_side} pixels a side"] if limits.max_side is not None else [])])


def fittings(model: Model, body: Body, facts: Facts) -> dict[str, Fitting]:
    """What is done to the pictures of a body, by JSON pointer; those without facts are looked at when they are there."""
    if FAMILIES[model.family].sent_limits is None:
        return {}
    found = {place.pointer: fitting(model, facts[place.pointer]) for place in image_values(body) if place.pointer in facts}
    return {where: one for where, one in found.items() if one is not None}


def sent_facts(model: Model, body: Body, facts: Facts) -> Mapping[str, ImageFacts]:
    """The facts of the pictures as they will be sent."""
    found = dict(facts)
    for where, one in fittings(model, body, facts).items():
        for spec in one.specs:
            found[where] = spec.output_facts([found[where]])[0]
        # How many bytes it will have only the picture itself can tell: what is known is that they are few enough.
        found[where] = replace(found[where], size_bytes=0)
    return found


def sent_body(body: Body, found: Mapping[str, Fitting]) -> Body:
    """The body as it will be sent: where it names the format of a picture that is written anew, it names the new one."""
    formats: dict[str, object] = {}
    for where, one in found.items():
        last = one.specs[-1]
        formats[where.removesuffix("/source/bytes") + "/format"] = last.format if isinstance(last, Convert) else "png"
    known = {where: value for where, value in formats.items() if has_value(body, where)}
    return replace_at(body, known) if known else body


def picture_problems(model: Model, body: Body, facts: Facts) -> list[Problem]:
    """What the model has against the pictures of a body, once they are made small enough for it."""
    found = fittings(model, body, facts)
    return (
        check_images(model, sent_body(body, found), sent_facts(model, body, facts)) if found else check_images(model, body, facts)
    )
