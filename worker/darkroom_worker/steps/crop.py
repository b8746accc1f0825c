"""Cuts a rectangle out of a picture."""

from __future__ import annotations

from collections.abc import Sequence

from darkroom_shared.contract.steps import Crop
from darkroom_worker.steps.pixels import encoded, opened


def run(spec: Crop, images: Sequence[bytes]) -> list[bytes]:
    """One picture in, one out."""
    return [encoded(opened(images[0]).crop((spec.x, spec.y, spec.x + spec.width, spec.y + spec.height)))]
