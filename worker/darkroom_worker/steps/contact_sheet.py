"""Puts pictures on one sheet."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from darkroom_shared.contract.steps import ContactSheet
from darkroom_worker.steps.pixels import color, encoded, on_color, opened


def run(spec: ContactSheet, images: Sequence[bytes]) -> list[bytes]:
    """1 to 100 pictures in, the sheet out."""
    background = color(spec.background)
    columns, _ = spec.grid(len(images))
    sheet = Image.new("RGB", spec.size(len(images)), background)
    for number, data in enumerate(images):
        picture = on_color(opened(data), background)
        picture.thumbnail((spec.cell, spec.cell), Image.Resampling.LANCZOS)
        row, column = divmod(number, columns)
        left = spec.gap + column * (spec.cell + spec.gap) + (spec.cell - picture.width) // 2
        top = spec.gap + row * (spec.cell + spec.gap) + (spec.cell - picture.height) // 2
        sheet.paste(picture, (left, top))
    return [encoded(sheet)]
