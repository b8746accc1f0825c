"""What all local steps share: the limits, the fields that recur, and the check of the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.image_facts import ImageFacts, ImageFormat
from darkroom_shared.core.problems import Problem

MAX_SIDE: Final = 16_384
MAX_PIXELS: Final = 8192 * 4096
"""What a step may write: no more than is accepted when a picture is opened again."""

_ALPHA_MODES: Final = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})

Color = Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$", description="red, green and blue as #RRGGBB")]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE, description="pixels")]
Margin = Annotated[int, Field(ge=0, le=MAX_SIDE, description="pixels")]
Quality = Annotated[int, Field(ge=1, le=100)]


def has_alpha(facts: ImageFacts) -> bool:
    """True if a step keeps an alpha channel of this picture: the mode has one, or a pixel is transparent (palettes)."""
    return facts.mode in _ALPHA_MODES or facts.transparent


def pixels(width: int, height: int, source: ImageFacts, *, opaque: bool = False, written: ImageFormat = "PNG") -> ImageFacts:
    """Facts of a picture of this size that was made of the source's pixels; `opaque` where the step leaves no alpha channel."""
    alpha = has_alpha(source) and not opaque
    # A picture that is not pure may have a pure part: only True can be handed on.
    pure = True if source.black_and_white and not opaque else None
    return ImageFacts(width, height, written, "RGBA" if alpha else "RGB", 0, 8, source.transparent and alpha, pure)


def mask(width: int, height: int) -> ImageFacts:
    """Facts of a mask that a step draws."""
    return ImageFacts(width, height, "PNG", "RGB", 0, 8, False, True)


def too_large(width: int, height: int) -> str | None:
    """What to say of a result of this size, or None if it may be written."""
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        return f"the result would have {width}x{height} pixels; at most {MAX_PIXELS} pixels and {MAX_SIDE} a side are allowed"
    return None


def allow_size(width: int, height: int) -> None:
    """For validators. Raises ValueError if a result of this size would be too large."""
    text = too_large(width, height)
    if text:
        raise ValueError(text)


class Step(BaseModel):
    """A kind of step: its fields, how many pictures go in and come out, and what it makes of their facts."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    inputs: ClassVar[int] = 1
    """How many pictures the step takes, or at least takes."""
    most_inputs: ClassVar[int | None] = None
    """How many it takes at most, where that is another number."""

    @property
    def outputs(self) -> int:
        """How many it gives."""
        return 1

    @property
    def images(self) -> int:
        """How many of the outputs are pictures; those after them are masks."""
        return 1

    def check(self, inputs: Sequence[ImageFacts]) -> list[Problem]:
        """What keeps the step from working on these pictures; pointers are relative to the step. Empty if nothing does."""
        return self.check_number(len(inputs)) or [*self._problems(inputs)]

    def check_number(self, count: int) -> list[Problem]:
        """The part of `check` that asks only how many pictures there are, for those of which nobody knows the facts yet."""
        most = self.most_inputs or self.inputs
        if self.inputs <= count <= most:
            return [*self._number_problems(count)]
        number = str(most) if most == self.inputs else f"{self.inputs} to {most}"
        return [Problem("", f"this step takes {number} pictures, not {count}", {"minimum": self.inputs, "maximum": most})]

    def output_facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        """The facts of the results, in order.

        Raises:
            InvalidRequest: `check` found something.
        """
        problems = self.check(inputs)
        if problems:
            raise InvalidRequest(problems)
        return self._facts(inputs)

    def _number_problems(self, count: int) -> list[Problem]:
        return []

    def _problems(self, inputs: Sequence[ImageFacts]) -> list[Problem]:
        return []

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        raise NotImplementedError
