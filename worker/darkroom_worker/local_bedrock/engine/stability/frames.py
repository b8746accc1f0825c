"""Working sizes: painters that invent pixels work on a reduced picture and enlarge the outcome."""

from __future__ import annotations

from math import sqrt

from darkroom_worker.local_bedrock.engine.raster import Mask, Pixels, Plane, resize, resize_pixels

WORK_PIXELS = 2_000_000
"""Most pixels of a reduced picture; 9 MP would take some painters a minute and gigabytes."""


def working_size(width: int, height: int, most: int = WORK_PIXELS) -> tuple[int, int]:
    """The size to work at: the same, or smaller in the same proportion with at most so many pixels."""
    factor = min(1.0, sqrt(most / (width * height)))
    return max(8, round(width * factor)), max(8, round(height * factor))


def reduced(pixels: Pixels, most: int = WORK_PIXELS) -> Pixels:
    """The picture at its working size."""
    return resize_pixels(pixels, *working_size(pixels.shape[1], pixels.shape[0], most), "area")


def enlarged_to(pixels: Pixels, width: int, height: int) -> Pixels:
    """What was painted at working size at its full size."""
    return resize_pixels(pixels, width, height, "lanczos")


def plane_at(plane: Plane, width: int, height: int) -> Plane:
    """A plane at another size, averaged where it shrinks."""
    return resize(plane, width, height, "area" if width < plane.shape[1] else "linear")


def mask_at(mask: Mask, width: int, height: int) -> Mask:
    """A mask at another size; a pixel that it touches at all belongs to it."""
    return plane_at(mask.astype("float32"), width, height) > 0
