"""Softens the edge of a mask."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import ImageFilter

from darkroom_shared.contract.steps import Feather
from darkroom_worker.steps.pixels import encoded, opened


def run(spec: Feather, images: Sequence[bytes]) -> list[bytes]:
    """A mask in, one with greys along its edge out."""
    soft = opened(images[0]).convert("L")
    for _ in range(2):  # twice a box makes an even slope without corners
        soft = soft.filter(ImageFilter.BoxBlur(spec.radius / 2))
    return [encoded(soft.convert("RGB"))]
