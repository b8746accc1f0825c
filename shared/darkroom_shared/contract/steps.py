"""The free local image steps: what each may be asked for, and what it makes of the facts of its pictures.

The union `StepSpec` is the registry; the worker has one module a kind beside it. Nothing here opens a picture: `check` and
`output_facts` work on facts alone, so a chain of steps is proven before anything is paid. What they say is exact, with two
exceptions: `size_bytes` of an output is 0 (nobody knows it yet), and `transparent` means "may be": cropping a cut-out may by chance
leave none of its transparent pixels.

Every step writes 8 bits a channel, RGB or RGBA, as PNG (but `convert`), with EXIF orientation applied and without metadata.
Masks are RGB, purely black and white.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Final, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from darkroom_shared.contract.step_sizes import centred, rounded, scaled, within
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.image_facts import ImageFacts, ImageFormat
from darkroom_shared.core.problems import Problem, pointer

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


def _pixels(width: int, height: int, source: ImageFacts, *, opaque: bool = False, written: ImageFormat = "PNG") -> ImageFacts:
    alpha = has_alpha(source) and not opaque
    # A picture that is not pure may have a pure part: only True can be handed on.
    pure = True if source.black_and_white and not opaque else None
    return ImageFacts(width, height, written, "RGBA" if alpha else "RGB", 0, 8, source.transparent and alpha, pure)


def _mask(width: int, height: int) -> ImageFacts:
    return ImageFacts(width, height, "PNG", "RGB", 0, 8, False, True)


def _too_large(width: int, height: int) -> str | None:
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        return f"the result would have {width}x{height} pixels; at most {MAX_PIXELS} pixels and {MAX_SIDE} a side are allowed"
    return None


class _Step(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    inputs: ClassVar[int] = 1
    """How many pictures the step takes."""
    outputs: ClassVar[int] = 1
    """How many it gives."""
    images: ClassVar[int] = 1
    """How many of the outputs are pictures; those after them are masks."""

    def check(self, inputs: Sequence[ImageFacts]) -> list[Problem]:
        """What keeps the step from working on these pictures; pointers are relative to the step. Empty if nothing does."""
        if len(inputs) != self.inputs:
            wanted = {"minimum": self.inputs, "maximum": self.inputs}
            return [Problem("", f"this step takes {self.inputs} pictures, not {len(inputs)}", wanted)]
        return [*self._problems(inputs)]

    def output_facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        """The facts of the results, in order.

        Raises:
            InvalidRequest: `check` found something.
        """
        problems = self.check(inputs)
        if problems:
            raise InvalidRequest(problems)
        return self._facts(inputs)

    def _problems(self, inputs: Sequence[ImageFacts]) -> list[Problem]:
        return []

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        raise NotImplementedError


class Flatten(_Step):
    """Puts a picture on a plain colour, so that no pixel is transparent any more."""

    kind: Literal["flatten"] = "flatten"
    background: Color = "#ffffff"

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        pure = True if inputs[0].black_and_white and not has_alpha(inputs[0]) else None
        return [replace(_pixels(inputs[0].width, inputs[0].height, inputs[0], opaque=True), black_and_white=pure)]


class MaskFromAlpha(_Step):
    """Makes a mask of a cut-out: its subject in one colour, the rest in the other.

    With `subject="black"` the mask fits Titan's and Nova's OUTPAINTING, which keeps black; INPAINTING would edit the subject.
    """

    kind: Literal["mask_from_alpha"] = "mask_from_alpha"
    threshold: Annotated[int, Field(ge=1, le=255)] = 128
    """The lowest alpha value (0 transparent, 255 opaque) that belongs to the subject."""
    subject: Literal["black", "white"]

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        return [_mask(inputs[0].width, inputs[0].height)]


class Invert(_Step):
    """Exchanges black and white of a mask; of a picture, every colour for its opposite. Alpha stays."""

    kind: Literal["invert"] = "invert"

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        return [_pixels(inputs[0].width, inputs[0].height, inputs[0])]


class Resize(_Step):
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
        too_large = _too_large(*self.size(inputs[0].width, inputs[0].height))
        return [Problem("", too_large)] if too_large else []

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        facts = _pixels(*self.size(inputs[0].width, inputs[0].height), inputs[0])
        return [facts if self.resample == "nearest" else replace(facts, black_and_white=None)]


class ZoomOut(_Step):
    """Shows a picture smaller, in the middle of a larger canvas, with the mask for painting the rest.

    Gives two pictures: the canvas, and the mask in the polarity of OUTPAINTING: black where the picture lies (kept), white around.
    """

    outputs: ClassVar[int] = 2

    kind: Literal["zoom_out"] = "zoom_out"
    width: Side
    height: Side
    scale: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The part of the canvas that the picture takes along the side where it fits tightly."""
    background: Color = "#ffffff"

    @model_validator(mode="after")
    def _allowed_size(self) -> Self:
        too_large = _too_large(self.width, self.height)
        if too_large:
            raise ValueError(too_large)
        return self

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Where a picture of this size lies: left, top, right, bottom, in pixels of the canvas."""
        return centred(width, height, self.width, self.height, self.scale)

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        return [_pixels(self.width, self.height, inputs[0], opaque=True), _mask(self.width, self.height)]


class Pad(_Step):
    """Adds margins to a picture. Gives the picture and the mask of OUTPAINTING: black where it lies, white on the margins."""

    outputs: ClassVar[int] = 2

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

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The new width and height of a picture of this size, in pixels."""
        return self.left + width + self.right, self.top + height + self.bottom

    def _problems(self, inputs: Sequence[ImageFacts]) -> list[Problem]:
        too_large = _too_large(*self.size(inputs[0].width, inputs[0].height))
        return [Problem("", too_large)] if too_large else []

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        size = self.size(inputs[0].width, inputs[0].height)
        pure = inputs[0].black_and_white if self.background.lower() in {"#000000", "#ffffff"} else None
        return [replace(_pixels(*size, inputs[0]), black_and_white=pure), _mask(*size)]


class Crop(_Step):
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
        return [_pixels(self.width, self.height, inputs[0])]


class Convert(_Step):
    """Writes a picture in another format. The content credentials of a generated picture stay with the original only."""

    kind: Literal["convert"] = "convert"
    format: Literal["png", "jpeg", "webp"]
    quality: Quality | None = None
    """1-100 for jpeg (95 if left out, without colour subsampling) and webp (90; 100 is lossless); png has none."""

    @model_validator(mode="after")
    def _quality_where_it_means_something(self) -> Self:
        if self.format == "png" and self.quality is not None:
            raise ValueError("quality has no meaning for png, which keeps every pixel")
        return self

    def _problems(self, inputs: Sequence[ImageFacts]) -> list[Problem]:
        if self.format == "jpeg" and inputs[0].transparent:
            return [
                Problem(
                    "/format",
                    "jpeg has no transparency and the picture may have transparent pixels; flatten it first",
                    ["png", "webp"],
                )
            ]
        if self.format == "webp" and max(inputs[0].width, inputs[0].height) > 16_383:
            return [
                Problem(
                    "/format",
                    f"webp holds at most 16383 pixels a side, not {max(inputs[0].width, inputs[0].height)}",
                    ["png", "jpeg"],
                )
            ]
        return []

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        written: ImageFormat = "PNG" if self.format == "png" else "JPEG" if self.format == "jpeg" else "WEBP"
        # A WebP file has an alpha channel only where a pixel is transparent.
        opaque = self.format == "jpeg" or (self.format == "webp" and not inputs[0].transparent)
        facts = _pixels(inputs[0].width, inputs[0].height, inputs[0], opaque=opaque, written=written)
        return [facts if self.format == "png" else replace(facts, black_and_white=None)]


class Composite(_Step):
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
        return [replace(_pixels(inputs[0].width, inputs[0].height, inputs[0]), black_and_white=None)]


StepSpec = Annotated[
    Flatten | MaskFromAlpha | Invert | Resize | ZoomOut | Pad | Crop | Convert | Composite,
    Field(discriminator="kind"),
]
"""One local step. A new kind is a class here, its name in this union, and a module of the worker."""

STEP_TYPES: Final[tuple[type[_Step], ...]] = get_args(get_args(StepSpec)[0])
STEP_KINDS: Final[tuple[str, ...]] = tuple(step.model_fields["kind"].default for step in STEP_TYPES)
_ADAPTER: Final[TypeAdapter[StepSpec]] = TypeAdapter(StepSpec)


def parse_step(value: object) -> StepSpec:
    """The step that a JSON object describes.

    Raises:
        InvalidRequest: it describes none; all findings at once.
    """
    try:
        return _ADAPTER.validate_python(value)
    except ValidationError as error:
        raise InvalidRequest([_problem(item["loc"], item["msg"]) for item in error.errors(include_input=False)]) from error


def _problem(location: Sequence[int | str], message: str) -> Problem:
    if message.startswith(("Input tag", "Unable to extract tag")):
        return Problem("/kind", "kind must name a local step", list(STEP_KINDS))
    # The first part is the union's tag, which is no part of the document.
    parts = location[1:] if location and location[0] in STEP_KINDS else location
    return Problem(pointer(parts), message.removeprefix("Value error, "))
