"""Fills holes in photographs with what surrounds them (PatchMatch), and matches new pixels to old ones."""

from __future__ import annotations

import logging

import cv2
import numpy as np
from patchmatch import inpaint, patchmatch_available, set_random_seed

from darkroom_worker.local_bedrock.engine.noise import generator
from darkroom_worker.local_bedrock.engine.oklab import from_lab, to_lab
from darkroom_worker.local_bedrock.engine.raster import (
    Canvas,
    Mask,
    Pixels,
    Plane,
    blur,
    depth,
    grow,
    luma,
    mix,
    resize,
    resize_pixels,
    smoothstep,
    to_bytes,
    to_float,
)

_log = logging.getLogger(__name__)
# PatchMatch's time grows with the number of pixels in the hole (about 15 us each with radius 3 on an idle core): it works on a
# reduced copy, which looks the same once enlarged, and the copy gets smaller as the hole gets larger.
_WORK_SIDE = 640
_HOLE_PIXELS = 30_000
_HOLE_PIXELS_OF_SURROUNDINGS = 24_000
_HOLE_SHARE = 0.08
_BIG_HOLE = 0.4
_PATCH_RADIUS = 3


def fill_hole(pixels: Pixels, hole: Mask, seed: int, *, keep_out: Mask | None = None) -> Pixels:
    """The picture with the hole filled from its surroundings; all other pixels are the same bits.

    Args:
        hole: True where to fill.
        keep_out: pixels that must not be copied from (a subject that would otherwise appear twice).
    """
    if not hole.any() or hole.all():
        return pixels
    height, width = hole.shape
    factor = min(1.0, _WORK_SIDE / max(width, height), float(np.sqrt(_affordable(hole) / hole.sum())))
    small_size = max(8, round(width * factor)), max(8, round(height * factor))
    # The hole is widened a little before shrinking, so that no pixel of the old content bleeds into the fill.
    small_hole = resize(grow(hole, max(1, round(1 / factor))).astype(np.float32), *small_size, "area") > 0.01
    filled = _patched(resize_pixels(pixels, *small_size), small_hole, _out(keep_out, small_hole, small_size), seed)
    large = resize(to_float(filled), width, height, "cubic")
    large = _softened_far_out(large, hole) if hole.mean() >= _BIG_HOLE else large
    large = _with_grain(large, to_float(pixels), hole, seed) if factor < 1 else large
    out = to_bytes(large)
    out[~hole] = pixels[~hole]
    return out


def _out(keep_out: Mask | None, hole: Mask, size: tuple[int, int]) -> Mask | None:
    """The protected area at working size; None if so little else is left that there would be nothing to copy."""
    if keep_out is None:
        return None
    small = resize(keep_out.astype(np.float32), *size, "area") > 0.3
    free = ~(grow(small, 2) | hole)
    return (grow(small, 2) & ~hole) if free.mean() > 0.08 else None


def _patched(pixels: Pixels, hole: Mask, keep_out: Mask | None, seed: int) -> Pixels:
    if not patchmatch_available:
        _log.warning("the PatchMatch library failed to load: holes are filled by diffusion, which smears")
        return np.asarray(cv2.inpaint(pixels, hole.astype(np.uint8), 3, cv2.INPAINT_TELEA), dtype=np.uint8)
    set_random_seed(seed)
    guard = None if keep_out is None else keep_out.astype(np.uint8)
    return np.asarray(inpaint(pixels, hole.astype(np.uint8), global_mask=guard, patch_size=_PATCH_RADIUS), dtype=np.uint8)


def _affordable(hole: Mask) -> float:
    """How many pixels of the hole the reduced copy may have; a small picture has to be quick too."""
    most = _HOLE_PIXELS if hole.mean() < _BIG_HOLE else _HOLE_PIXELS_OF_SURROUNDINGS
    return float(min(most, max(9_000, hole.size * _HOLE_SHARE)))


def _softened_far_out(filled: Canvas, hole: Mask) -> Canvas:
    """Far from everything that was kept PatchMatch leaves speckles in calm areas: there the picture goes out of focus."""
    side = min(hole.shape)
    far = smoothstep(0.03, 0.32, depth(hole) / np.float32(side))
    return mix(filled, blur(filled, side * 0.009), far * np.float32(0.9))


def _with_grain(filled: Canvas, original: Canvas, hole: Mask, seed: int) -> Canvas:
    """Adds the fine noise that enlarging lost, as strong as it is around the hole."""
    ring = grow(hole, 24) & ~hole
    if not ring.any():
        return filled
    fine = luma(original - blur(original, 1.0))
    strength = min(0.02, float(np.median(np.abs(fine[ring]))) * 1.2)
    grain = generator("grain", seed).standard_normal(hole.shape, dtype=np.float32) * np.float32(strength)
    return np.clip(filled + grain[..., None], 0, 1).astype(np.float32)


def inner_feather(area: Mask, width: float) -> Plane:
    """1 deep inside the area, falling to 0 at its border and 0 outside: new pixels fade in without touching old ones."""
    return smoothstep(0.0, max(width, 1.0), depth(area)) * area


def match_tone(new: Canvas, old: Canvas, ring: Mask, amount: float = 0.6) -> Canvas:
    """New pixels moved towards the lightness, contrast and cast of the old ones in the ring."""
    if int(ring.sum()) < 16:
        return new
    lab, target = to_lab(to_bytes(new)), to_lab(to_bytes(old))[ring]
    for channel, share in ((0, amount), (1, amount * 0.5), (2, amount * 0.5)):
        plane = lab[..., channel]
        mean, goal = float(plane.mean()), float(target[:, channel].mean())
        plane += np.float32((goal - mean) * share)
        if channel == 0:
            spread = float(target[:, 0].std() / max(float(plane.std()), 1e-3))
            factor = 1 + (min(max(spread, 0.6), 1.3) - 1) * amount * 0.6
            centre = np.float32(plane.mean())
            plane[:] = centre + (plane - centre) * np.float32(factor)
    return from_lab(lab)


def around(area: Mask, width: int) -> Mask:
    """The ring of kept pixels around an area."""
    return grow(area, width) & ~area


def put_back(new: Canvas, original: Pixels, changed: Mask) -> Pixels:
    """New pixels inside `changed`, the original's very bits outside: the one line every edit ends with."""
    out = to_bytes(new)
    out[~changed] = original[~changed]
    return out


def blended(original: Pixels, new: Canvas, weight: Plane) -> Canvas:
    """The original and new pixels mixed by a weight 0-1."""
    return mix(to_float(original), new, weight)
