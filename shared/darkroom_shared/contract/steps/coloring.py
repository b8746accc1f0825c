"""Steps about colours: invert, palette, palette_transfer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from darkroom_shared.contract.steps.base import MAX_SIDE, Color, Side, Step, allow_size, pixels
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.core.problems import Problem


def _one_is_a_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Colors = Annotated[
    Sequence[Color],
    Field(min_length=1, max_length=10),
    BeforeValidator(_one_is_a_list),
    AfterValidator(tuple[str, ...]),
    PlainSerializer(list[str], return_type=list[str]),
]
"""1 to 10 colours as `#RRGGBB`, as many as COLOR_GUIDED_GENERATION takes; one alone may stand without a list."""


class Invert(Step):
    """Exchanges black and white of a mask; of a picture, every colour for its opposite. Alpha stays."""

    kind: Literal["invert"] = "invert"

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        return [pixels(inputs[0].width, inputs[0].height, inputs[0])]


class Palette(Step):
    """Draws colours as upright bands of equal width, in the order given: a picture to refer to for a style. Takes no picture.

    Where the width is no multiple of the number of colours, some bands are one pixel wider.
    """

    inputs: ClassVar[int] = 0

    kind: Literal["palette"] = "palette"
    colors: Colors
    width: Side = 1024
    height: Side = 1024

    @model_validator(mode="after")
    def _allowed_size(self) -> Self:
        allow_size(self.width, self.height)
        return self

    def _problems(self, inputs: Sequence[ImageFacts]) -> list[Problem]:
        if self.width >= len(self.colors):
            return []
        text = f"{len(self.colors)} bands do not fit into a width of {self.width}"
        return [Problem("/width", text, {"minimum": len(self.colors), "maximum": MAX_SIDE})]

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        pure = {color.lower() for color in self.colors} <= {"#000000", "#ffffff"}
        return [ImageFacts(self.width, self.height, "PNG", "RGB", 0, black_and_white=pure)]


class PaletteTransfer(Step):
    """Moves a picture's colours towards those of a palette; how light each place is stays, and so does alpha.

    Each pixel takes hue and chroma of the palette's colours nearest to it, several mixed where they are about as near. What is
    almost black or white stays so: no strong colour is that dark or light.
    """

    kind: Literal["palette_transfer"] = "palette_transfer"
    colors: Colors
    strength: Annotated[float, Field(ge=0, le=1)] = 0.8
    """0 changes no pixel, 1 leaves nothing of the picture's own hue and chroma; in between, that part of the way."""

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        facts = pixels(inputs[0].width, inputs[0].height, inputs[0])
        return [facts if self.strength == 0 else replace(facts, black_and_white=None)]
