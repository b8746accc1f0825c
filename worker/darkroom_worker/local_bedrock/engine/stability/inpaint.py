"""STABLE_INPAINT, ERASE_OBJECT and SEARCH_AND_REPLACE: something else, or nothing, where the mask or the words say."""

from __future__ import annotations

import numpy as np

from darkroom_worker.local_bedrock.engine.inpainting import edited, remove
from darkroom_worker.local_bedrock.engine.masks import prompted_area
from darkroom_worker.local_bedrock.engine.raster import Mask, Pixels, blur, grow, to_bytes, to_float
from darkroom_worker.local_bedrock.engine.stability.areas import GROW_MASK, edited_by, masked
from darkroom_worker.local_bedrock.engine.stability.ask import Ask
from darkroom_worker.local_bedrock.engine.stability.presets import preset_over


def paint_inpaint(ask: Ask) -> Pixels:
    """The prompt's content in the masked area, of the image's size."""
    pixels, weight = masked(ask)
    return edited_by(pixels, weight, lambda small, area: _replaced(ask, small, area))


def paint_erased(ask: Ask) -> Pixels:
    """The masked area filled from its surroundings, of the image's size."""
    pixels, weight = masked(ask)
    return edited_by(pixels, weight, lambda small, area: _erased(small, area, ask.seed))


def paint_search_replace(ask: Ask) -> Pixels:
    """The prompt's content where `search_prompt` finds something, of the image's size."""
    pixels = ask.pixels()
    found = grow(prompted_area(pixels, ask.text("search_prompt")), round(ask.number("grow_mask", GROW_MASK)))
    return edited_by(pixels, found.astype(np.float32), lambda small, area: _replaced(ask, small, area))


def _replaced(ask: Ask, pixels: Pixels, area: Mask) -> Pixels:
    new = edited(pixels, area, ask.prompt, ask.negative, ask.seed)
    return preset_over(new, ask.preset, ask.seed)


def _erased(pixels: Pixels, area: Mask, seed: int) -> Pixels:
    if area.all():  # nothing is left to copy from
        return to_bytes(blur(to_float(pixels), min(area.shape) * 0.2))
    return remove(pixels, area, seed)
