"""Grows one part of a mask at the cost of the other."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import ImageChops

from darkroom_shared.contract.steps import Grow
from darkroom_worker.steps.pixels import encoded, grown, opened, part_of


def run(spec: Grow, images: Sequence[bytes]) -> list[bytes]:
    """A mask in, the changed mask out."""
    part = grown(part_of(opened(images[0]), spec.part), spec.pixels)
    made = part if spec.part == "white" else ImageChops.invert(part)
    return [encoded(made.convert("RGB"))]
