"""Puts pictures on one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from darkroom_shared.contract.steps import ContactSheet
from darkroom_worker.steps.pixels import color, encoded, on_color, opened

_HEIGHT: Final = 11
"""Of a digit of the only font that Pillow always has, in pixels; it has one size, and looks the same everywhere."""
_PART: Final = 10
"""A number is about one part in so many of a cell high, in whole multiples of the font's height."""


def run(spec: ContactSheet, images: Sequence[bytes]) -> list[bytes]:
    """1 to 100 pictures in, the sheet out."""
    background = color(spec.background)
    columns, _ = spec.grid(len(images))
    sheet = Image.new("RGB", spec.size(len(images)), background)
    for number, data in enumerate(images):
        picture = on_color(opened(data), background)
        picture.thumbnail((spec.cell, spec.cell), Image.Resampling.LANCZOS)
        row, column = divmod(number, columns)
        left, top = (spec.gap + index * (spec.cell + spec.gap) for index in (column, row))
        sheet.paste(picture, (left + (spec.cell - picture.width) // 2, top + (spec.cell - picture.height) // 2))
        if spec.numbers:
            sheet.paste(_label(str(number + 1), spec.cell), (left, top))
    return [encoded(sheet)]


def _label(text: str, cell: int) -> Image.Image:
    """White digits on black, which can be read on any picture."""
    font = ImageFont.load_default_imagefont()
    label = Image.new("RGB", (round(font.getlength(text)) + 4, _HEIGHT + 2))
    ImageDraw.Draw(label).text((2, 1), text, font=font, fill=(255, 255, 255))
    times = max(1, cell // (_PART * _HEIGHT))
    return label.resize((label.width * times, label.height * times), Image.Resampling.NEAREST)
