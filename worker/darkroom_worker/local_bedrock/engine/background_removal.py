"""BACKGROUND_REMOVAL: the subject on transparency, its edges in its own colours."""

from __future__ import annotations

import numpy as np

from darkroom_worker.local_bedrock.engine.encode import decode, encode
from darkroom_worker.local_bedrock.engine.order import Order, Rendered
from darkroom_worker.local_bedrock.engine.raster import Pixels, to_bytes, to_float
from darkroom_worker.local_bedrock.engine.subject import foreground, subject_alpha


def render_background_removal(order: Order) -> Rendered:
    """One RGBA picture of the input's size, 8 bits a channel."""
    return Rendered((encode(cut_out(decode(order.need("image")))),))


def cut_out(pixels: Pixels) -> Pixels:
    """The subject as RGBA; colour is black where it is fully transparent."""
    alpha = subject_alpha(pixels)
    colour = to_bytes(foreground(to_float(pixels), alpha))
    cover = to_bytes(alpha)
    colour[cover == 0] = 0
    return np.dstack([colour, cover])
