"""Grows one part of a mask at the cost of the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageChops, ImageFilter

from darkroom_shared.contract.steps import Grow
from darkroom_worker.steps.pixels import encoded, opened

_AT_ONCE: Final = 60
"""Of at most 121 pixels in a row one alone still counts 2 of 255; of more, it would round to nothing."""
_WHITE_FROM: Final = 128


def run(spec: Grow, images: Sequence[bytes]) -> list[bytes]:
    """A mask in, the changed mask out."""
    white = opened(images[0]).convert("L").point([0] * _WHITE_FROM + [255] * (256 - _WHITE_FROM))
    part = white if spec.part == "white" else ImageChops.invert(white)
    left = spec.pixels
    while left > 0:
        step = min(left, _AT_ONCE)
        part = _grown(part, step)
        left -= step
    made = part if spec.part == "white" else ImageChops.invert(part)
    return [encoded(made.convert("RGB"))]


def _grown(part: Image.Image, pixels: int) -> Image.Image:
    """Every pixel that has one of the part within so many columns and rows. One axis at a time: see `_AT_ONCE`."""
    for radius in ((pixels, 0), (0, pixels)):
        part = part.filter(ImageFilter.BoxBlur(radius)).point([0] + [255] * 255)
    return part
