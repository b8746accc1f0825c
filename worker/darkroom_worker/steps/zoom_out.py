"""Shrinks a picture onto a larger canvas and draws the mask for painting around it."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from darkroom_shared.contract.steps import ZoomOut
from darkroom_worker.steps.pixels import color, encoded, mask, on_color, opened


def run(spec: ZoomOut, images: Sequence[bytes]) -> list[bytes]:
    """One picture in; the canvas and its OUTPAINTING mask (black where the picture lies) out."""
    image = opened(images[0])
    box = spec.box(*image.size)
    inner = image.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.LANCZOS)
    background = color(spec.background)
    canvas = Image.new("RGB", (spec.width, spec.height), background)
    canvas.paste(on_color(inner, background), box)
    return [encoded(canvas), encoded(mask(canvas.size, box))]
