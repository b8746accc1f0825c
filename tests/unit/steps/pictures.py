"""Pictures for the step tests, made in memory."""

from __future__ import annotations

import io
import random

from PIL import Image


def png(image: Image.Image) -> bytes:
    """A picture's PNG bytes."""
    return encoded(image, "PNG")


def encoded(image: Image.Image, file_format: str, **options: object) -> bytes:
    """A picture's bytes in a format."""
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()


def decoded(data: bytes) -> Image.Image:
    """The picture in these bytes."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def noise(width: int, height: int, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """A picture of random pixels, the same for the same seed."""
    bands = len(Image.new(mode, (1, 1)).getbands())
    return Image.frombytes(mode, (width, height), random.Random(seed).randbytes(width * height * bands))


def cut_out() -> Image.Image:
    """A cut-out of 8x6 pixels: a red subject (alpha 255) at 2,1 - 4,3, a soft edge (alpha 100) right of it, nothing elsewhere."""
    image = Image.new("RGBA", (8, 6), (0, 255, 0, 0))
    image.paste((255, 0, 0, 255), (2, 1, 5, 4))
    image.paste((255, 0, 0, 100), (5, 1, 6, 4))
    return image
