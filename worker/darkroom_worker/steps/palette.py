"""Draws the bands of a palette."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from darkroom_shared.contract.steps import Palette
from darkroom_worker.steps.pixels import color, encoded


def run(spec: Palette, images: Sequence[bytes]) -> list[bytes]:
    """No picture in, one out."""
    made = Image.new("RGB", (spec.width, spec.height))
    bands = len(spec.colors)
    for index, text in enumerate(spec.colors):
        made.paste(color(text), (index * spec.width // bands, 0, (index + 1) * spec.width // bands, spec.height))
    return [encoded(made)]
