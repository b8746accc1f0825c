"""The free local image steps: what each may be asked for, and what it makes of the facts of its pictures.

The union `StepSpec` is the registry; the worker has one module a kind beside it. Nothing here opens a picture: `check` and
`output_facts` work on facts alone, so a chain of steps is proven before anything is paid. What they say is exact, with two
exceptions: `size_bytes` of an output is 0 (nobody knows it yet), and `transparent` means "may be": cropping a cut-out may by chance
leave none of its transparent pixels.

Every step writes 8 bits a channel, RGB or RGBA, as PNG (but `convert`), with EXIF orientation applied and without metadata.
Masks are RGB, purely black and white.
"""

from __future__ import annotations

from typing import Annotated, Final, get_args

from pydantic import Field, TypeAdapter, ValidationError

from darkroom_shared.contract.kinds import kind_problems
from darkroom_shared.contract.steps.base import MAX_PIXELS, MAX_SIDE, Step, has_alpha
from darkroom_shared.contract.steps.coloring import Invert, Palette, PaletteTransfer
from darkroom_shared.contract.steps.framing import Canvas, Cover, Crop, Pad, Resize, ZoomOut
from darkroom_shared.contract.steps.layers import Composite, Flatten, MaskFromAlpha, PasteBack
from darkroom_shared.contract.steps.masking import Feather, Grow, MaskFromColor
from darkroom_shared.contract.steps.several import ContactSheet, Select
from darkroom_shared.contract.steps.writing import Convert
from darkroom_shared.core.errors import InvalidRequest

__all__ = [
    "MAX_PIXELS",
    "MAX_SIDE",
    "STEP_KINDS",
    "STEP_TYPES",
    "Canvas",
    "Composite",
    "ContactSheet",
    "Convert",
    "Cover",
    "Crop",
    "Feather",
    "Flatten",
    "Grow",
    "Invert",
    "MaskFromAlpha",
    "MaskFromColor",
    "Pad",
    "Palette",
    "PaletteTransfer",
    "PasteBack",
    "Resize",
    "Select",
    "StepSpec",
    "ZoomOut",
    "has_alpha",
    "parse_step",
]

StepSpec = Annotated[
    Flatten
    | MaskFromAlpha
    | Invert
    | Resize
    | ZoomOut
    | Pad
    | Crop
    | Convert
    | Composite
    | Cover
    | PasteBack
    | Palette
    | PaletteTransfer
    | MaskFromColor
    | Grow
    | Feather
    | Canvas
    | ContactSheet
    | Select,
    Field(discriminator="kind"),
]
"""One local step. A new kind is a class beside this module, its name in this union, and a module of the worker."""

STEP_TYPES: Final[tuple[type[Step], ...]] = get_args(get_args(StepSpec)[0])
STEP_KINDS: Final[tuple[str, ...]] = tuple(step.model_fields["kind"].default for step in STEP_TYPES)
_ADAPTER: Final[TypeAdapter[StepSpec]] = TypeAdapter(StepSpec)
_SPECS: Final = dict(zip(STEP_KINDS, STEP_TYPES, strict=True))


def parse_step(value: object) -> StepSpec:
    """The step that a JSON object describes.

    Raises:
        InvalidRequest: it describes none; all findings at once.
    """
    try:
        return _ADAPTER.validate_python(value)
    except ValidationError as error:
        raise InvalidRequest(kind_problems(error, _SPECS, "a local step")) from error
