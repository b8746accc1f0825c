"""Exchanges black and white, or every colour for its opposite."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageOps

from darkroom_shared.contract.steps import Invert
from darkroom_worker.steps.pixels import encoded, opened


def run(spec: Invert, images: Sequence[bytes]) -> list[bytes]:
    """One picture in, one out; alpha stays as it is."""
    image = opened(images[0])
    inverted = ImageOps.invert(image.convert("RGB"))
    if image.mode == "RGBA":
        return [encoded(Image.merge("RGBA", (*inverted.split(), image.getchannel("A"))))]
    return [encoded(inverted)]
