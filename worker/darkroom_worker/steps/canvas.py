"""Puts a picture on a canvas of a given size and draws the mask for painting what is around it."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from darkroom_shared.contract.steps import Canvas
from darkroom_worker.steps.pixels import color, encoded, mask, opened


def run(spec: Canvas, images: Sequence[bytes]) -> list[bytes]:
    """One picture in; the canvas and its OUTPAINTING mask (black where the picture lies) out."""
    image = opened(images[0])
    box = spec.box(*image.size)
    around = color(spec.background)
    canvas = Image.new(image.mode, (spec.width, spec.height), around if image.mode == "RGB" else (*around, 255))
    canvas.paste(image, box)
    return [encoded(canvas), encoded(mask(canvas.size, box))]
