"""Decides which free local steps make a picture fit for a model: another size, no transparency, another format, and its mask.

What a model accepts is asked of the catalogue's own rules, never repeated here, so a new family needs no line in this module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from darkroom_shared.contract.steps import MAX_SIDE, Convert, Flatten, Invert, MaskFromAlpha, Resize, StepSpec
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.core.problems import Problem
from darkroom_shared.models.catalogue import MaskPolarity
from darkroom_shared.models.model import Model
from darkroom_shared.plan.fitting import picture_problems

Judge = Callable[[ImageFacts], Sequence[Problem]]
"""What a model has against a picture."""

_GRID: Final = tuple(round(64 * 1.25**step) for step in range(25))
"""Longer sides that are tried first when a legal one is looked for: 64 to 13 553 pixels, each a quarter more than the last."""


@dataclass(frozen=True, slots=True)
class Repair:
    """A step to insert, and why, in words for a person."""

    spec: StepSpec
    reason: str


def judge(model: Model, body: dict[str, object], place: str) -> Judge:
    """What the model has against a picture at this place of this body (the mask's size is not looked at)."""
    return lambda facts: [found for found in picture_problems(model, body, {place: facts}) if found.pointer == place]


def repairs(judged: Judge, facts: ImageFacts, model: str) -> list[Repair]:
    """The steps that make a picture acceptable, in order; none if it is already, or if nothing helps.

    Args:
        judged: what the model has against a picture.
        facts: of the picture as it is.
        model: its name, for the reasons.
    """
    if not judged(facts):
        return []
    plain = _as_png(facts)
    opaque = replace(plain, transparent=False, mode="RGB")
    found: list[Repair] = []
    if judged(opaque):
        size = legal_size(judged, opaque)
        if size is None:
            return []
        reason = f"{model} does not take {facts.width}x{facts.height} pixels"
        found.append(Repair(Resize(width=size[0], height=size[1]), reason))
        plain, opaque = (replace(seen, width=size[0], height=size[1]) for seen in (plain, opaque))
    if judged(plain):
        found.append(Repair(Flatten(), f"{model} takes no transparent pixels"))
    return found or _converted(judged, facts, model)


def _as_png(facts: ImageFacts) -> ImageFacts:
    """The facts as any step would leave them: PNG of 8 bits, of unknown length."""
    return replace(facts, format="PNG", bits_per_channel=8, size_bytes=0)


def _converted(judged: Judge, facts: ImageFacts, model: str) -> list[Repair]:
    if judged(replace(facts, size_bytes=0)):
        deep = not judged(replace(facts, size_bytes=0, bits_per_channel=8))
        reason = "takes 8 bits per channel" if deep else "does not take this file format"
        return [Repair(Convert(format="png"), f"{model} {reason}")]
    return [Repair(Convert(format="jpeg", quality=90), f"{model} does not take files of {facts.size_bytes:,} bytes")]


def legal_size(judged: Judge, facts: ImageFacts) -> tuple[int, int] | None:
    """The acceptable width and height nearest to the picture's own, proportions kept; None if there is none.

    Args:
        judged: what the model has against a picture; only sizes may matter for these facts.
    """

    def size(longest: int) -> tuple[int, int]:
        return Resize(longest_side=longest).size(facts.width, facts.height)

    def legal(longest: int) -> bool:
        wide, high = size(longest)
        return min(wide, high) > 0 and not judged(replace(facts, width=wide, height=high))

    now = max(facts.width, facts.height)
    candidates = [longest for longest in _GRID if longest <= MAX_SIDE and legal(longest)]
    if not candidates:
        return None
    good = min(candidates, key=lambda longest: max(longest, now) / min(longest, now))
    bad = now
    while abs(good - bad) > 1:  # `good` is legal and `bad` is not: the border between them is the nearest legal size
        middle = (good + bad) // 2
        if legal(middle):
            good = middle
        else:
            bad = middle
    return size(good)


def mask_of_cutout(polarity: MaskPolarity) -> Repair:
    """The step that makes a mask of a cut-out so that the model changes the background and keeps the subject."""
    kept: Literal["black", "white"] = "black" if polarity == "white_is_edited" else "white"
    return Repair(MaskFromAlpha(subject=kept), f"the cut-out's outline is the mask: its subject is {kept}, which is kept")


def mask_of_canvas(polarity: MaskPolarity) -> Repair | None:
    """What to do to the mask of an enlarged canvas (white around the picture) so that the new area is changed; None for nothing."""
    if polarity == "white_is_edited":
        return None
    return Repair(Invert(), "here black marks what is changed, and the new area is white in the canvas's mask")


def resized_mask(width: int, height: int) -> Repair:
    """A mask follows its picture to another size; nearest keeps it pure black and white."""
    return Repair(Resize(width=width, height=height, resample="nearest"), "the mask must have the size of its picture")
