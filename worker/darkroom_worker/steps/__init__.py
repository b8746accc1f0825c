"""The free local image steps: which module does which step, and the check that comes before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from darkroom_shared.contract.steps import (
    Canvas,
    Composite,
    ContactSheet,
    Convert,
    Cover,
    Crop,
    Feather,
    Flatten,
    Grow,
    Invert,
    MaskFromAlpha,
    MaskFromColor,
    Pad,
    Palette,
    PaletteTransfer,
    PasteBack,
    Resize,
    Select,
    StepSpec,
    ZoomOut,
)
from darkroom_shared.images import inspect
from darkroom_worker.steps import (
    canvas,
    composite,
    contact_sheet,
    convert,
    cover,
    crop,
    feather,
    flatten,
    grow,
    invert,
    mask_from_alpha,
    mask_from_color,
    pad,
    palette,
    palette_transfer,
    paste_back,
    resize,
    select,
    zoom_out,
)
from darkroom_worker.steps.pixels import LIMITS

Run = Callable[[StepSpec, Sequence[bytes]], list[bytes]]
_S = TypeVar("_S", bound=StepSpec)


def _module(spec_type: type[_S], run: Callable[[_S, Sequence[bytes]], list[bytes]]) -> Run:
    def checked(spec: StepSpec, images: Sequence[bytes]) -> list[bytes]:
        if not isinstance(spec, spec_type):
            raise TypeError(f"{spec_type.__name__} expected, not {type(spec).__name__}")
        return run(spec, images)

    return checked


MODULES: Final[Mapping[str, Run]] = {
    "flatten": _module(Flatten, flatten.run),
    "mask_from_alpha": _module(MaskFromAlpha, mask_from_alpha.run),
    "invert": _module(Invert, invert.run),
    "resize": _module(Resize, resize.run),
    "zoom_out": _module(ZoomOut, zoom_out.run),
    "pad": _module(Pad, pad.run),
    "crop": _module(Crop, crop.run),
    "convert": _module(Convert, convert.run),
    "composite": _module(Composite, composite.run),
    "cover": _module(Cover, cover.run),
    "paste_back": _module(PasteBack, paste_back.run),
    "palette": _module(Palette, palette.run),
    "palette_transfer": _module(PaletteTransfer, palette_transfer.run),
    "select": _module(Select, select.run),
    "mask_from_color": _module(MaskFromColor, mask_from_color.run),
    "grow": _module(Grow, grow.run),
    "feather": _module(Feather, feather.run),
    "contact_sheet": _module(ContactSheet, contact_sheet.run),
    "canvas": _module(Canvas, canvas.run),
}
"""One module a kind; a test names the kind that has none."""


def run_step(spec: StepSpec, images: Sequence[bytes]) -> list[bytes]:
    """Runs a step here and now: CPU work of some 10 to 500 ms a megapixel, so never call it on an asyncio loop (see `runner`).

    Args:
        images: encoded pictures, as many as the step takes (`spec.inputs` to `spec.most_inputs`).

    Returns:
        `spec.outputs` encoded pictures; the same input gives the same bytes.

    Raises:
        ImageRefused: bytes that are no picture that is accepted.
        InvalidRequest: the step cannot work on these pictures (a crop outside of one, a wrong number of them, ...).
    """
    # Raises what is wrong, before the work; the facts themselves are not needed here.
    spec.output_facts([inspect(image, limits=LIMITS) for image in images])
    return MODULES[spec.kind](spec, images)
