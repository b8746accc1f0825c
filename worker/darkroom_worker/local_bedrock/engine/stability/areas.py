"""Which pixels an edit of the image services may change, and the edit itself.

Polarity (Stability): white is changed, black is kept, a grey is changed in part. A mask of another size is resized. Without a mask
the image's own alpha decides: what is transparent is changed. `grow_mask` widens the area by so many pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from darkroom_worker.local_bedrock.engine.encode import decode, decode_with_alpha
from darkroom_worker.local_bedrock.engine.fill import put_back
from darkroom_worker.local_bedrock.engine.raster import Mask, Pixels, Plane, grow_plane, luma, mix, to_float
from darkroom_worker.local_bedrock.engine.stability.ask import Ask
from darkroom_worker.local_bedrock.engine.stability.frames import enlarged_to, mask_at, plane_at, reduced

GROW_MASK = 5
"""AWS's default of grow_mask, in pixels."""


def masked(ask: Ask) -> tuple[Pixels, Plane]:
    """The image of an ask, and how far each of its pixels may change: 0 not at all, 1 fully."""
    if ask.has("mask"):
        pixels = ask.pixels()
        weight = luma(to_float(decode(ask.need("mask"))))
    else:
        pixels, alpha = decode_with_alpha(ask.need("image"))
        weight = np.asarray(1 - alpha, np.float32)
    weight = plane_at(weight, pixels.shape[1], pixels.shape[0])
    return pixels, grow_plane(weight, round(ask.number("grow_mask", GROW_MASK)))


def edited_by(pixels: Pixels, weight: Plane, edit: Callable[[Pixels, Mask], Pixels]) -> Pixels:
    """The picture with an edit in it, as far as the weight allows; where that is 0 the very bits stay.

    Args:
        edit: gets the picture at working size and the area to change (True), and gives the changed picture.
    """
    area = weight > 0
    if not area.any():
        return pixels
    small = reduced(pixels)
    height, width = pixels.shape[:2]
    new = edit(small, mask_at(area, small.shape[1], small.shape[0]))
    return put_back(mix(to_float(pixels), to_float(enlarged_to(new, width, height)), weight), pixels, area)
