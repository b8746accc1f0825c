"""Scales a picture to the size that its specification computes."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from darkroom_shared.contract.steps import Resize
from darkroom_worker.steps.pixels import encoded, opened


def run(spec: Resize, images: Sequence[bytes]) -> list[bytes]:
    """One picture in, one out."""
    image = opened(images[0])
    size = spec.size(*image.size)
    if image.size == size:
        return [encoded(image)]
    # Pillow premultiplies RGBA for Lanczos, so no colour bleeds out of transparent pixels.
    method = Image.Resampling.LANCZOS if spec.resample == "lanczos" else Image.Resampling.NEAREST
    return [encoded(image.resize(size, method))]
