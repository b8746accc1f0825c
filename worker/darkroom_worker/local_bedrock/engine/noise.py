"""Seeded noise: the raw material of clouds, grain, waves and marble."""

from __future__ import annotations

import hashlib

import numpy as np

from darkroom_worker.local_bedrock.engine.raster import Plane, resize


def generator(*parts: str | int) -> np.random.Generator:
    """A random generator that depends on nothing but its parts: the same parts give the same numbers in every process."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def octave(rng: np.random.Generator, width: int, height: int, columns: float, rows: float) -> Plane:
    """Smooth noise 0-1 with about that many bumps across and down."""
    cells = rng.random((max(2, round(rows)) + 3, max(2, round(columns)) + 3), dtype=np.float32)
    return resize(cells, width, height, "cubic")


def fractal(
    rng: np.random.Generator,
    width: int,
    height: int,
    bumps: float = 4,
    octaves: int = 5,
    *,
    stretch: float = 1.0,
    gain: float = 0.5,
) -> Plane:
    """Sum of ever finer noise, scaled to 0-1.

    Args:
        bumps: size of the coarsest pattern, in bumps over the shorter side.
        octaves: how many times the pattern is added at double the fineness.
        stretch: above 1 draws the pattern out sideways (clouds, water), below 1 upwards (bark).
        gain: strength of each octave against the one before.
    """
    side = min(width, height)
    total = np.zeros((height, width), np.float32)
    weight = 1.0
    for _ in range(octaves):
        total += np.float32(weight) * octave(rng, width, height, bumps * width / side / stretch, bumps * height / side)
        bumps, weight = bumps * 2, weight * gain
        if bumps > side / 2:
            break
    return normalised(total)


def normalised(plane: Plane) -> Plane:
    """The plane stretched to 0-1."""
    low, high = float(plane.min()), float(plane.max())
    return np.asarray((plane - np.float32(low)) / np.float32(max(high - low, 1e-6)), dtype=np.float32)


def profile(rng: np.random.Generator, count: int, bumps: float = 4, octaves: int = 6, gain: float = 0.5) -> Plane:
    """A jagged line 0-1 of count values: ridges, dunes, tree tops."""
    line = np.zeros(count, np.float32)
    at = np.linspace(0, 1, count, dtype=np.float32)
    weight = 1.0
    for _ in range(octaves):
        knots = rng.random(max(2, round(bumps)) + 2, dtype=np.float32)
        place = at * (len(knots) - 1)
        index = np.minimum(place.astype(np.int32), len(knots) - 2)
        t = place - index
        t = t * t * (3 - 2 * t)
        line += np.float32(weight) * (knots[index] * (1 - t) + knots[index + 1] * t)
        bumps, weight = bumps * 2, weight * gain
    return normalised(line)
