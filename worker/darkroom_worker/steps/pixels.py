"""Opens and writes the pictures of the local steps: always 8 bits, RGB or RGBA, and the same bytes for the same pixels."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Final, Literal

from PIL import Image, ImageChops, ImageFilter

from darkroom_shared.core.errors import ImageRefused
from darkroom_shared.images import OpenLimits, upright

LIMITS: Final = OpenLimits(max_bytes=150_000_000)
"""As for pictures from outside but for the file's size: a step must open what the step before wrote, and RGBA noise of
the largest size takes 134 MB as PNG."""
FORMATS: Final = ("PNG", "JPEG", "WEBP")
PNG_LEVEL: Final = 6
"""zlib's usual compromise; fixed, because the asset's name depends on the bytes."""
METHODS: Final[Mapping[Literal["lanczos", "nearest"], Image.Resampling]] = {
    "lanczos": Image.Resampling.LANCZOS,
    "nearest": Image.Resampling.NEAREST,
}
"""Pillow premultiplies RGBA for Lanczos, so no colour bleeds out of transparent pixels."""
BLACK: Final = (0, 0, 0)
WHITE: Final = (255, 255, 255)
_WHITE_FROM: Final = 128
_GROWN_AT_ONCE: Final = 60
"""Of at most 121 pixels in a row one alone still counts 2 of 255; of more, it would round to nothing."""


def opened(data: bytes) -> Image.Image:
    """The decoded picture, upright, RGB or (where it has an alpha channel or a transparent pixel) RGBA.

    Raises:
        ImageRefused: the bytes are no picture that is accepted.
    """
    # As a mask: what has to be turned is kept without loss.
    image = Image.open(io.BytesIO(upright(data, mask=True, limits=LIMITS)), formats=FORMATS)
    image.load()
    if image.mode.startswith("I"):
        # Pillow clips 16 bits when it converts; the upper byte is the 8 bit value. In mode I the values are 16 bit as well (PNG).
        return image.convert("I").point(lambda value: value / 256).convert("L").convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    alpha = image.convert("RGBA")
    if image.mode in {"RGBA", "LA", "PA"} or alpha.getchannel("A").getextrema() != (255, 255):
        return alpha
    return alpha.convert("RGB")


def color(text: str) -> tuple[int, int, int]:
    """Red, green and blue of `#RRGGBB`."""
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue


def on_color(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """The picture as RGB on a plain colour."""
    if image.mode == "RGB":
        return image
    canvas = Image.new("RGBA", image.size, (*background, 255))
    return Image.alpha_composite(canvas, image).convert("RGB")


def mask(size: tuple[int, int], black: tuple[int, int, int, int]) -> Image.Image:
    """A white mask with a black rectangle (left, top, right, bottom)."""
    made = Image.new("RGB", size, WHITE)
    made.paste(BLACK, black)
    return made


def part_of(mask: Image.Image, part: Literal["black", "white"]) -> Image.Image:
    """255 where the mask has that colour, 0 elsewhere; greys count as white from 128 on."""
    white = mask.convert("L").point([0] * _WHITE_FROM + [255] * (256 - _WHITE_FROM))
    return white if part == "white" else ImageChops.invert(white)


def grown(part: Image.Image, by: int) -> Image.Image:
    """255 for every pixel that has one of 255 within so many columns and rows; the others, and all before, are 0 or 255."""
    left = by
    while left > 0:
        step = min(left, _GROWN_AT_ONCE)
        # One axis at a time, for the same reason as `_GROWN_AT_ONCE`.
        for radius in ((step, 0), (0, step)):
            part = part.filter(ImageFilter.BoxBlur(radius)).point([0] + [255] * 255)
        left -= step
    return part


def encoded(image: Image.Image, file_format: Literal["PNG", "JPEG", "WEBP"] = "PNG", quality: int | None = None) -> bytes:
    """The file's bytes: no metadata, fixed settings.

    Args:
        quality: for JPEG (default 95, no colour subsampling) and WebP (default 90; 100 is lossless).
    """
    bare = Image.new(image.mode, image.size)
    bare.paste(image)
    out = io.BytesIO()
    if file_format == "JPEG":
        bare.convert("RGB").save(out, "JPEG", quality=quality or 95, subsampling=0)
    elif file_format == "WEBP":
        bare.save(out, "WEBP", quality=quality or 90, lossless=quality == 100, exact=True, method=4)
    else:
        bare.save(out, "PNG", compress_level=PNG_LEVEL)
    return out.getvalue()


def refuse(reason: str) -> ImageRefused:
    """The error for pictures that a step cannot work on."""
    return ImageRefused(reason)
