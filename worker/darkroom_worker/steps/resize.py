"""Scales a picture to the size that its specification computes."""

from __future__ import annotations

from collections.abc import Sequence

from darkroom_shared.contract.steps import Resize
from darkroom_worker.steps.pixels import METHODS, encoded, opened


def run(spec: Resize, images: Sequence[bytes]) -> list[bytes]:
    """One picture in, one out."""
    image = opened(images[0])
    size = spec.size(*image.size)
    if image.size == size:
        return [encoded(image)]
    return [encoded(image.resize(size, METHODS[spec.resample]))]
