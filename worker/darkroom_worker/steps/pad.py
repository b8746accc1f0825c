"""Adds margins to a picture and draws the mask for painting them."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from darkroom_shared.contract.steps import Pad
from darkroom_worker.steps.pixels import color, encoded, mask, opened


def run(spec: Pad, images: Sequence[bytes]) -> list[bytes]:
    """One picture in; the larger picture and its OUTPAINTING mask (black where the picture lies) out."""
    image = opened(images[0])
    box = (spec.left, spec.top, spec.left + image.width, spec.top + image.height)
    margin = color(spec.background)
    canvas = Image.new(image.mode, spec.size(*image.size), margin if image.mode == "RGB" else (*margin, 255))
    canvas.paste(image, box)
    return [encoded(canvas), encoded(mask(canvas.size, box))]
