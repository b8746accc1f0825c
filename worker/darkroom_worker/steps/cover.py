"""Fills a size with a picture, proportions kept."""

from __future__ import annotations

from collections.abc import Sequence

from darkroom_shared.contract.steps import Cover
from darkroom_worker.steps.pixels import METHODS, encoded, opened


def run(spec: Cover, images: Sequence[bytes]) -> list[bytes]:
    """One picture in, one of exactly the size asked for out."""
    image = opened(images[0])
    left, top, right, bottom = box = spec.box(*image.size)
    if (right - left, bottom - top) == (spec.width, spec.height):
        return [encoded(image.crop((int(left), int(top), int(right), int(bottom))))]
    # Scaled and cut in one go: of a long strip, the scaled whole could be larger than any memory.
    return [encoded(image.resize((spec.width, spec.height), METHODS[spec.resample], box))]
