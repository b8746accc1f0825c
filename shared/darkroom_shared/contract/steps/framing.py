"""Steps that change a picture's size or what lies around it: resize, zoom_out, pad, crop, cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from darkroom_shared.contract.step_sizes import centred, covering, rounded, scaled, within
from darkroom_shared.contract.steps.base import (
    MAX_PIXELS,
    Color,
    Margin,
    Side,
    Step,
    allow_size,
    mask,
    pixels,
    too_large,
)
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.core.problems import Problem, pointer


class Resize(Step):
    """Scales a picture in exactly one of three ways.

    * `width` and `height`: to that size, whatever the proportions were.
    * `longest_side`: to that longer side, proportions kept.
    * `min_side`, `max_side`, `max_pixels`: only if needed, proportions kept: enlarged until the shorter side has `min_side`,
      shrunk until the others hold; where both cannot be had, the upper limits win.

    In the last two ways the sides are rounded down to `multiple_of` (but never to 0). Masks want `resample="nearest"`, which makes
    no greys.
    """

    kind: Literal["resize"] = "resize"
    width: Side | None = None
    height: Side | None = None
    longest_side: Side | None = None
    min_side: Side | None = None
    max_side: Side | None = None
    max_pixels: Annotated[int, Field(ge=1, le=MAX_PIXELS)] | None = None
    multiple_of: Annotated[int, Field(ge=1, le=256)] = 1
    resample: Literal["lanczos", "nearest"] = "lanczos"

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        exact = self.width is not None or self.height is not None
        within = any(limit is not None for limit in (self.min_side, self.max_side, self.max_pixels))
        if [exact, self.longest_side is not None, within].count(True) != 1:
            raise ValueError("give exactly one of: width and height; longest_side; any of min_side, max_side, max_pixels")
        if exact and (self.width is None or self.height is None):
            raise ValueError("width and height go together")
        if exact and self.multiple_of != 1:
            raise ValueError("multiple_of has no meaning beside width and height")
        return self

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The new width and height of a picture of this size, in pixels."""
        if self.width is not None and self.height is not None:
            return self.width, self.height
        if self.longest_side is not None:
            new = scaled(width, height, self.longest_side, max(width, height))
        else:
            new = within(width, height, self.min_side, self.max_side, self.max_pixels)
        return rounded(new[0], self.multiple_of), rounded(new[1], self.multiple_of)

    def _problems(self, inputs: Sequence[ImageFacts]) -> list[Problem]:
        text = too_large(*self.size(inputs[0].width, inputs[0].height))
        return [Problem("", text)] if text else []

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        facts = pixels(*self.size(inputs[0].width, inputs[0].height), inputs[0])
        return [facts if self.resample == "nearest" else replace(facts, black_and_white=None)]


class ZoomOut(Step):
    """Shows a picture smaller, in the middle of a larger canvas, with the mask for painting the rest.

    Gives two pictures: the canvas, and the mask in the polarity of OUTPAINTING: black where the picture lies (kept), white around.
    """

    kind: Literal["zoom_out"] = "zoom_out"
    width: Side
    height: Side
    scale: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The part of the canvas that the picture takes along the side where it fits tightly."""
    background: Color = "#ffffff"

    @model_validator(mode="after")
    def _allowed_size(self) -> Self:
        allow_size(self.width, self.height)
        return self

    @property
    def outputs(self) -> int:
        """The picture and the mask."""
        return 2

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Where a picture of this size lies: left, top, right, bottom, in pixels of the canvas."""
        return centred(width, height, self.width, self.height, self.scale)

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        return [pixels(self.width, self.height, inputs[0], opaque=True), mask(self.width, self.height)]


class Canvas(Step):
    """Puts a picture, as large as it is, on a canvas of a given size. Gives the canvas and the mask of OUTPAINTING, like `pad`.

    What of a picture does not fit onto the canvas is cut off.
    """

    kind: Literal["canvas"] = "canvas"
    width: Side
    height: Side
    place: Literal["center", "top", "bottom", "left", "right"] = "center"
    """Where it lies: in the middle, or in the middle of one edge."""
    background: Color = "#ffffff"

    @model_validator(mode="after")
    def _allowed_size(self) -> Self:
        allow_size(self.width, self.height)
        return self

    @property
    def outputs(self) -> int:
        """The picture and the mask."""
        return 2

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Where a picture of this size lies: left, top, right, bottom, in pixels of the canvas; outside of it is cut off."""
        left = {"left": 0, "right": self.width - width}.get(self.place, (self.width - width) // 2)
        top = {"top": 0, "bottom": self.height - height}.get(self.place, (self.height - height) // 2)
        return left, top, left + width, top + height

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        facts = pixels(self.width, self.height, inputs[0])
        return [replace(facts, black_and_white=None), mask(self.width, self.height)]


class Pad(Step):
    """Adds margins to a picture. Gives the picture and the mask of OUTPAINTING: black where it lies, white on the margins."""

    kind: Literal["pad"] = "pad"
    left: Margin = 0
    right: Margin = 0
    top: Margin = 0
    bottom: Margin = 0
    background: Color = "#ffffff"

    @model_validator(mode="after")
    def _some_margin(self) -> Self:
        if not (self.left or self.right or self.top or self.bottom):
            raise ValueError("at least one of left, right, top and bottom must be above 0")
        return self

    @property
    def outputs(self) -> int:
        """The picture and the mask."""
        return 2

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The new width and height of a picture of this size, in pixels."""
        return self.left + width + self.right, self.top + height + self.bottom

    def _problems(self, inputs: Sequence[ImageFacts]) -> list[Problem]:
        text = too_large(*self.size(inputs[0].width, inputs[0].height))
        return [Problem("", text)] if text else []

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        size = self.size(inputs[0].width, inputs[0].height)
        pure = inputs[0].black_and_white if self.background.lower() in {"#000000", "#ffffff"} else None
        return [replace(pixels(*size, inputs[0]), black_and_white=pure), mask(*size)]


class Crop(Step):
    """Cuts a rectangle out; it must lie inside the picture."""

    kind: Literal["crop"] = "crop"
    x: Margin
    """Pixels left of it."""
    y: Margin
    """Pixels above it."""
    width: Side
    height: Side

    def _problems(self, inputs: Sequence[ImageFacts]) -> list[Problem]:
        picture = inputs[0]
        sides = (("x", self.x, "width", self.width, picture.width), ("y", self.y, "height", self.height, picture.height))
        return [
            Problem(
                pointer([side]),
                f"{start} {offset} and {side} {length} end at {offset + length}, the picture's {side} is {whole} pixels",
                {"minimum": 1, "maximum": max(0, whole - offset)},
            )
            for start, offset, side, length, whole in sides
            if offset + length > whole
        ]

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        return [pixels(self.width, self.height, inputs[0])]


class Cover(Step):
    """Fills exactly a size, proportions kept: scaled until the picture covers it, what sticks out is cut off evenly.

    The side that fits tightly gets its length exactly; the other is scaled alike, rounded half up to whole pixels, and cut to
    length. Where the number of pixels to cut is odd, the right (or lower) side loses one more than the left (or upper).
    Masks want `resample="nearest"`.
    """

    kind: Literal["cover"] = "cover"
    width: Side
    height: Side
    resample: Literal["lanczos", "nearest"] = "lanczos"

    @model_validator(mode="after")
    def _allowed_size(self) -> Self:
        allow_size(self.width, self.height)
        return self

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """The part of a picture of this size that is seen: left, top, right, bottom, in its own pixels (and parts of them)."""
        return covering(width, height, self.width, self.height)

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        facts = pixels(self.width, self.height, inputs[0])
        return [facts if self.resample == "nearest" else replace(facts, black_and_white=None)]
