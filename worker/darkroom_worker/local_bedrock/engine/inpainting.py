"""INPAINTING: replaces the black area of the mask, or removes what is there if no text is given.

Pixels outside the black area keep the very bits of the input, always.
"""

from __future__ import annotations

import numpy as np

from darkroom_worker.local_bedrock.engine.encode import decode, encode, encode_mask
from darkroom_worker.local_bedrock.engine.fill import around, blended, fill_hole, inner_feather, put_back
from darkroom_worker.local_bedrock.engine.insertion import has_its_middle, is_surroundings, paint_surroundings, paint_thing
from darkroom_worker.local_bedrock.engine.masks import named_area
from darkroom_worker.local_bedrock.engine.order import Order, Rendered
from darkroom_worker.local_bedrock.engine.raster import Mask, Pixels, grow, to_float
from darkroom_worker.local_bedrock.engine.subject import subject_mask
from darkroom_worker.local_bedrock.engine.vision import read_prompt

_WITHIN_SUBJECT = 0.45


def render_inpainting(order: Order) -> Rendered:
    """All pictures of an INPAINTING order, each of the input's size."""
    pixels = decode(order.need("image"))
    hole = named_area(order, pixels)
    images = tuple(encode(_edited(order, pixels, hole, order.seed_of(index))) for index in range(order.count))
    return Rendered(images, encode_mask(hole) if order.wants_mask else None)


def _edited(order: Order, pixels: Pixels, hole: Mask, seed: int) -> Pixels:
    return edited(pixels, hole, order.text, order.negative, seed, fine=order.fine)


def edited(pixels: Pixels, hole: Mask, text: str, negative: str, seed: int, *, fine: bool = False) -> Pixels:
    """The picture with what the text names in the hole, or with the hole's content removed where there is no text."""
    if not hole.any():
        return pixels
    vision = read_prompt(text, negative)
    if text and is_surroundings(hole) and not (vision.things and not vision.named and has_its_middle(hole)):
        return _with_scene(pixels, hole, text, negative, seed, fine=fine)
    filled = remove(pixels, hole, seed)
    if not text:
        return filled
    if vision.things:
        painted = paint_thing(to_float(filled), hole, vision.things[0], text, seed)
        if painted is not None:
            return put_back(painted, pixels, hole)
    return _with_scene(filled, hole, text, negative, seed, fine=fine)


def remove(pixels: Pixels, hole: Mask, seed: int) -> Pixels:
    """The hole filled from its surroundings; a subject beside it is never copied into it, unless the hole lies in that subject."""
    subject = subject_mask(pixels)
    ring = around(hole, max(4, min(hole.shape) // 24))
    within = bool(ring.any() and subject[ring].mean() > _WITHIN_SUBJECT)
    others = subject & ~grow(hole, max(2, min(hole.shape) // 60))
    keep_out = others if others.mean() > 0.01 and not within else None
    return fill_hole(pixels, hole, seed, keep_out=keep_out)


def _with_scene(pixels: Pixels, hole: Mask, text: str, negative: str, seed: int, *, fine: bool) -> Pixels:
    scene = paint_surroundings(to_float(pixels), hole, text, negative, seed, fine=fine)
    width = 2.0 if is_surroundings(hole) else min(hole.shape) * 0.03
    weight = inner_feather(hole, width)
    return put_back(blended(pixels, scene, np.asarray(weight, np.float32)), pixels, hole)
