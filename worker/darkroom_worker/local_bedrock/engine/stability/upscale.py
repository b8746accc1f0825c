"""FAST_UPSCALE (exactly four times), CONSERVATIVE_UPSCALE and CREATIVE_UPSCALE (to about 4K): larger, the content kept.

Everything works on bytes and single planes: a 4096 x 4096 canvas of floats would be 200 MB for each step.
"""

from __future__ import annotations

import numpy as np

from darkroom_worker.local_bedrock.engine.noise import generator
from darkroom_worker.local_bedrock.engine.raster import Pixels, Plane, blur, luma, resize_pixels, sharpened, to_float
from darkroom_worker.local_bedrock.engine.stability.ask import Ask
from darkroom_worker.local_bedrock.engine.stability.presets import preset_over
from darkroom_worker.local_bedrock.sizes import upscaled_size

_FAST_FACTOR = 4
_CONSERVATIVE, _CREATIVE = 0.35, 0.3
_CONSERVATIVE_DETAIL, _CREATIVE_DETAIL = 0.4, 1.4
_DETAIL_CAP = 0.05


def paint_fast_upscale(ask: Ask) -> Pixels:
    """Four times as wide and as high."""
    pixels = ask.pixels()
    height, width = pixels.shape[:2]
    return _larger(pixels, width * _FAST_FACTOR, height * _FAST_FACTOR, 0.35)


def paint_conservative_upscale(ask: Ask) -> Pixels:
    """About 4K (see `upscaled_size`), hardly any detail added."""
    return _detailed(ask, ask.pixels(), ask.number("creativity", _CONSERVATIVE) * _CONSERVATIVE_DETAIL)


def paint_creative_upscale(ask: Ask) -> Pixels:
    """About 4K, with invented fine detail where the picture has some."""
    return _detailed(ask, preset_over(ask.pixels(), ask.preset, ask.seed), ask.number("creativity", _CREATIVE) * _CREATIVE_DETAIL)


def _larger(pixels: Pixels, width: int, height: int, sharpness: float) -> Pixels:
    factor = width / pixels.shape[1]
    return sharpened(resize_pixels(pixels, width, height, "lanczos"), max(0.6, factor * 0.45), sharpness)


def _detailed(ask: Ask, pixels: Pixels, amount: float) -> Pixels:
    width, height = upscaled_size(pixels.shape[1], pixels.shape[0])
    large = _larger(pixels, width, height, 0.3 + 0.25 * amount)
    strength = _busyness(pixels) * np.float32(amount)
    fine = _grain(ask, width, height, width / pixels.shape[1])
    rows = 512
    for top in range(0, height, rows):  # in bands: the steps of a whole picture would need gigabytes
        band = np.s_[top : min(top + rows, height)]
        level = _band_of(strength, width, height, top, min(top + rows, height))
        change = np.round(fine[band] * level * 255).astype(np.int16)[..., None]
        large[band] = np.clip(large[band].astype(np.int16) + change, 0, 255).astype(np.uint8)
    return large


def _busyness(pixels: Pixels) -> Plane:
    """How much fine structure there is around each pixel, 0 to _DETAIL_CAP."""
    light = luma(to_float(pixels))
    return np.minimum(blur(np.abs(light - blur(light, 2.0)), 2.5), np.float32(_DETAIL_CAP))


def _band_of(plane: Plane, width: int, height: int, top: int, bottom: int) -> Plane:
    """Rows top to bottom of the plane at the large size."""
    x = (np.arange(width, dtype=np.float32) + np.float32(0.5)) * np.float32(plane.shape[1] / width)
    y = (np.arange(top, bottom, dtype=np.float32) + np.float32(0.5)) * np.float32(plane.shape[0] / height)
    columns = np.minimum(x.astype(np.int32), plane.shape[1] - 1)
    lines = np.minimum(y.astype(np.int32), plane.shape[0] - 1)
    return np.asarray(plane[lines[:, None], columns[None, :]], dtype=np.float32)


def _grain(ask: Ask, width: int, height: int, factor: float) -> Plane:
    """Noise finer than the input's pixels: it cancels out when the picture is made small again."""
    rng = generator("upscale", ask.prompt, ask.negative, ask.seed)
    tile = rng.standard_normal((min(height, 1024), min(width, 1024)), dtype=np.float32)
    fine = blur(tile, max(0.5, factor * 0.22)) - blur(tile, max(1.0, factor * 0.7))
    fine /= np.float32(max(float(fine.std()), 1e-6))
    rows, columns = -(-height // fine.shape[0]), -(-width // fine.shape[1])
    mirrored = np.concatenate([np.concatenate([fine, fine[:, ::-1]], 1), np.concatenate([fine[::-1], fine[::-1, ::-1]], 1)])
    return np.tile(mirrored, (-(-rows // 2), -(-columns // 2)))[:height, :width]
