"""Steps about masks and their edges: mask_from_color, grow, feather."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from darkroom_shared.contract.steps.base import Step, mask
from darkroom_shared.contract.steps.coloring import Colors
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.core.problems import Problem


class MaskFromColor(Step):
    """Makes a mask of colours: what has one of them (a green screen, a painted area) in one colour, the rest in the other.

    Transparent pixels have no colour, and belong to the rest.
    """

    kind: Literal["mask_from_color"] = "mask_from_color"
    colors: Colors
    tolerance: Annotated[int, Field(ge=0, le=255)] = 24
    """How far red, green and blue may each be from the colour."""
    subject: Literal["black", "white"]
    """What a pixel of these colours becomes."""

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        return [mask(inputs[0].width, inputs[0].height)]


class Grow(Step):
    """Grows the black or the white part of a mask by a number of pixels in each direction (so the other part shrinks).

    Greys count as white from 128 on; the result is purely black and white.
    """

    kind: Literal["grow"] = "grow"
    part: Literal["black", "white"]
    pixels: Annotated[int, Field(ge=1, le=256)]

    def _problems(self, inputs: Sequence[ImageFacts]) -> list[Problem]:
        return _no_mask(inputs[0])

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        return [mask(inputs[0].width, inputs[0].height)]


class Feather(Step):
    """Softens the edge of a mask: from black to white it takes about twice `radius` pixels.

    The result has greys, which Titan and Nova Canvas refuse in a mask; Stability's services and `composite` by alpha take them.
    """

    kind: Literal["feather"] = "feather"
    radius: Annotated[int, Field(ge=1, le=256)]

    def _problems(self, inputs: Sequence[ImageFacts]) -> list[Problem]:
        return _no_mask(inputs[0])

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        return [replace(mask(inputs[0].width, inputs[0].height), black_and_white=None)]


def _no_mask(facts: ImageFacts) -> list[Problem]:
    if not facts.transparent:
        return []
    text = "the picture may have transparent pixels, which are neither black nor white"
    return [Problem("", text, "a mask; mask_from_alpha makes one of a cut-out")]
