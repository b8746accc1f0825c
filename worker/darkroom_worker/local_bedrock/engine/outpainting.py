"""OUTPAINTING: keeps the black area of the mask and paints around it.

A rectangle that is kept is a picture to be continued (zoom-out): its surroundings grow out of it, and farther away become what the
text says. Any other shape is a subject on a new background. PRECISE keeps the black area's very bits; DEFAULT may soften a few
pixels on both sides of the edge.
"""

from __future__ import annotations

import numpy as np

from darkroom_worker.local_bedrock.engine.encode import decode, encode, encode_mask
from darkroom_worker.local_bedrock.engine.fill import fill_hole, put_back
from darkroom_worker.local_bedrock.engine.insertion import paint_surroundings
from darkroom_worker.local_bedrock.engine.masks import named_area
from darkroom_worker.local_bedrock.engine.order import Order, Rendered
from darkroom_worker.local_bedrock.engine.raster import (
    Canvas,
    Mask,
    Pixels,
    Plane,
    blur,
    bounds,
    depth,
    grid,
    grow,
    mix,
    shrink,
    smoothstep,
    to_bytes,
    to_float,
)
from darkroom_worker.local_bedrock.engine.subject import on_background, subject_mask

_RECTANGLE = 0.97
_LEAST_TO_CONTINUE = 0.06
_TEXT_AGAINST_PICTURE = 0.85


def render_outpainting(order: Order) -> Rendered:
    """All pictures of an OUTPAINTING order, each of the input's size."""
    pixels = decode(order.need("image"))
    kept = named_area(order, pixels)
    precise = order.params.get("outPaintingMode") == "PRECISE"
    images = tuple(encode(_around(order, pixels, kept, order.seed_of(index), precise=precise)) for index in range(order.count))
    return Rendered(images, encode_mask(kept) if order.wants_mask else None)


def _around(order: Order, pixels: Pixels, kept: Mask, seed: int, *, precise: bool) -> Pixels:
    if kept.all():
        return pixels
    if not order.text:
        return continued(pixels, kept, seed, precise=precise)
    scene = paint_surroundings(to_float(pixels), ~kept, order.text, order.negative, seed, fine=order.fine)
    if _is_picture(kept):
        grown = continued(pixels, kept, seed, precise=precise)
        return put_back(mix(to_float(grown), scene, freedom(kept, _TEXT_AGAINST_PICTURE)), grown, ~kept)
    scene = _grounded(scene, kept)
    painted = on_background(to_float(pixels), _cover(kept, precise=precise), scene)
    return put_back(painted, pixels, ~kept) if precise else to_bytes(painted)


def _is_picture(kept: Mask) -> bool:
    """True if the kept area is one rectangle with enough in it to go on from."""
    box = bounds(kept)
    if box is None or kept.mean() < _LEAST_TO_CONTINUE:
        return False
    left, top, right, bottom = box
    return bool(kept[top:bottom, left:right].mean() > _RECTANGLE)


def continued(pixels: Pixels, kept: Mask, seed: int, *, precise: bool) -> Pixels:
    """The picture in the kept area grown over the rest of the frame; its subject is not repeated there."""
    seam = 0 if precise else max(2, round(min(kept.shape) * 0.006))
    inner = shrink(np.pad(kept, 1, constant_values=True), seam)[1:-1, 1:-1] if seam else kept
    if not inner.any():
        inner = kept
    subject = subject_mask(pixels) & inner
    filled = fill_hole(pixels, ~inner, seed, keep_out=subject if 0.01 < subject.mean() < 0.5 * inner.mean() else None)
    if precise:
        return filled
    return to_bytes(mix(to_float(filled), to_float(pixels), blur(inner.astype(np.float32), seam / 2) * kept))


def freedom(kept: Mask, creativity: float) -> Plane:
    """0 beside a kept picture, 1 where the new part is free of it: the more creative, the nearer that begins."""
    away = depth(~kept)
    share = away / np.float32(max(float(away.max()), 1.0))
    begin = (1 - creativity) * 0.9
    return smoothstep(begin, begin + 0.5 - 0.25 * creativity, share) * ~kept


def _cover(kept: Mask, *, precise: bool) -> Plane:
    """Coverage of the kept area: a pixel of softness outside it, or a few on both sides."""
    plane = kept.astype(np.float32)
    if precise:
        return np.maximum(plane, blur(plane, 0.7) * grow(kept, 2)).astype(np.float32)
    softness = max(1.0, min(kept.shape) * 0.0025)
    return blur(shrink(kept, max(1, round(softness * 0.7))).astype(np.float32), softness)


def _grounded(scene: Canvas, kept: Mask) -> Canvas:
    """A soft shadow under a subject that stands inside the frame."""
    box = bounds(kept)
    if box is None or box[3] > 0.97 * kept.shape[0]:
        return scene
    left, _, right, bottom = box
    height, width = kept.shape
    feet = np.flatnonzero(kept[max(0, bottom - max(2, height // 40)) : bottom].any(axis=0))
    middle, half = (float(feet[0]) + float(feet[-1])) / 2, max((float(feet[-1]) - float(feet[0])) / 2, (right - left) * 0.2)
    x, y = grid(width, height)
    flat = half * 0.16 + 3
    near = np.exp(-(((x - middle) / (half * 1.1)) ** 2 + ((y - bottom + flat * 0.2) / flat) ** 2) * 1.4)
    wide = np.exp(-(((x - middle) / (half * 1.7)) ** 2 + ((y - bottom) / (flat * 2.4)) ** 2))
    return mix(scene, (0.03, 0.03, 0.04), np.clip(near * 0.5 + wide * 0.25, 0, 0.7).astype(np.float32))
