"""Gives one picture the palette, the contrast and the fineness of another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from darkroom_worker.local_bedrock.engine.oklab import from_lab, to_lab
from darkroom_worker.local_bedrock.engine.raster import (
    Canvas,
    Pixels,
    blur,
    luma,
    mix,
    resize_pixels,
    to_bytes,
    to_float,
    transform,
)

Matrix = NDArray[np.float64]

_SAMPLE_SIDE = 256
_FLOOR = np.diag([4e-4, 6e-5, 6e-5])
_BANDS = (1.0, 2.5, 6.0)


def graded(canvas: Canvas, like: Pixels, amount: float) -> Canvas:
    """The canvas with mean and spread of its OKLab colours moved to another picture's: 0 leaves it, 1 moves them all the way.

    The linear Monge-Kantorovitch map (Pitié and Kokaram, 2007): the smallest move that turns one covariance into the other.
    """
    if amount <= 0:
        return canvas
    lab = to_lab(to_bytes(canvas))
    own_mean, own = _statistics(_sample(to_bytes(canvas)))
    goal_mean, goal = _statistics(_sample(like))
    move = _map(own, goal).astype(np.float32)
    moved = transform(np.asarray(lab - own_mean, np.float32), move) + goal_mean
    return mix(canvas, from_lab(np.asarray(moved, np.float32)), min(amount, 1.0))


def textured(canvas: Canvas, like: Pixels, amount: float) -> Canvas:
    """The canvas with as much fine, middle and coarse detail as another picture has, as far as amount (0-1) says."""
    if amount <= 0:
        return canvas
    unit = min(canvas.shape[:2]) / 1024
    other = luma(to_float(resize_pixels(like, *_same_scale(like, min(canvas.shape[:2])), "area")))
    own = luma(canvas)
    change = np.zeros_like(own)
    for fine, coarse in zip((0.0, *_BANDS), _BANDS, strict=False):
        band = blur(own, fine * unit) - blur(own, coarse * unit)
        wanted = blur(other, fine * unit) - blur(other, coarse * unit)
        ratio = min(max(float(wanted.std()) / max(float(band.std()), 1e-4), 0.35), 2.2)
        change += band * np.float32((ratio - 1) * amount)
    return np.asarray(np.clip(canvas + change[..., None], 0, 1), dtype=np.float32)


def _same_scale(like: Pixels, side: int) -> tuple[int, int]:
    factor = side / min(like.shape[:2])
    return max(8, round(like.shape[1] * factor)), max(8, round(like.shape[0] * factor))


def _sample(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    return resize_pixels(pixels, min(width, _SAMPLE_SIDE), min(height, _SAMPLE_SIDE), "area")


def _statistics(pixels: Pixels) -> tuple[NDArray[np.float32], Matrix]:
    values = to_lab(pixels).reshape(-1, 3).astype(np.float64)
    mean = values.mean(axis=0)
    away = values - mean
    return mean.astype(np.float32), away.T @ away / len(values) + _FLOOR


def _map(own: Matrix, goal: Matrix) -> Matrix:
    root = _power(own, 0.5)
    back = _power(own, -0.5)
    return np.asarray(back @ _power(root @ goal @ root, 0.5) @ back)


def _power(matrix: Matrix, exponent: float) -> Matrix:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, 1e-12) ** exponent) @ vectors.T)
