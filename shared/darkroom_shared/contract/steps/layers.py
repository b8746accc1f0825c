"""Steps about what lies over what, and about the masks that say so: flatten, mask_from_alpha, composite, paste_back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from darkroom_shared.contract.steps.base import Color, Margin, Step, has_alpha, mask, pixels
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.core.problems import Problem


class Flatten(Step):
    """Puts a picture on a plain colour, so that no pixel is transparent any more."""

    kind: Literal["flatten"] = "flatten"
    background: Color = "#ffffff"

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        pure = True if inputs[0].black_and_white and not has_alpha(inputs[0]) else None
        return [replace(pixels(inputs[0].width, inputs[0].height, inputs[0], opaque=True), black_and_white=pure)]


class MaskFromAlpha(Step):
    """Makes a mask of a cut-out: its subject in one colour, the rest in the other.

    With `subject="black"` the mask fits Titan's and Nova's OUTPAINTING, which keeps black; INPAINTING would edit the subject.
    """

    kind: Literal["mask_from_alpha"] = "mask_from_alpha"
    threshold: Annotated[int, Field(ge=1, le=255)] = 128
    """The lowest alpha value (0 transparent, 255 opaque) that belongs to the subject."""
    subject: Literal["black", "white"]

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        return [mask(inputs[0].width, inputs[0].height)]


class Composite(Step):
    """Lays the second picture over the first, which gives the size; the second's alpha decides what shows through."""

    inputs: ClassVar[int] = 2

    kind: Literal["composite"] = "composite"
    x: Margin = 0
    """Where the foreground's left edge lies on the background, in pixels."""
    y: Margin = 0

    def _problems(self, inputs: Sequence[ImageFacts]) -> list[Problem]:
        back, front = inputs
        if self.x + front.width <= back.width and self.y + front.height <= back.height:
            return []
        text = (
            f"the foreground of {front.width}x{front.height} pixels at {self.x},{self.y} does not lie inside the background "
            f"of {back.width}x{back.height}"
        )
        return [Problem("", text)]

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        return [replace(pixels(inputs[0].width, inputs[0].height, inputs[0]), black_and_white=None)]


class PasteBack(Step):
    """Lays the kept part of an original exactly over a new picture: takes the new picture, the original and a mask, in this order.

    Models redraw the part of a picture that a mask keeps, nearly but not quite as it was. Here every pixel whose place has the
    `kept` colour in the mask is the original's again, with its alpha; the others are those of the new picture. The result has the
    original's size: the new picture is scaled to it (Lanczos), and so is the mask (nearest). Greys of a mask count as white from
    128 on.
    """

    inputs: ClassVar[int] = 3

    kind: Literal["paste_back"] = "paste_back"
    kept: Literal["black", "white"]
    """`black` for masks of INPAINTING and OUTPAINTING, which paint what is white."""
    feather: Annotated[int, Field(ge=0, le=64, description="pixels")] = 0
    """How far, beyond the kept part, the original passes over into the new picture; kept pixels stay exact."""

    def _problems(self, inputs: Sequence[ImageFacts]) -> list[Problem]:
        if not inputs[2].transparent:
            return []
        text = "the third picture is the mask, and it may have transparent pixels, which are neither black nor white"
        return [Problem("", text, "a mask without transparent pixels; mask_from_alpha makes one of a cut-out")]

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        new, original, _ = inputs
        source = replace(original, transparent=new.transparent or original.transparent)
        facts = pixels(original.width, original.height, source)
        return [replace(facts, mode="RGBA" if has_alpha(new) or has_alpha(original) else "RGB", black_and_white=None)]
