"""IMAGE_VARIATION: the same picture, somewhat different; similarityStrength says how much."""

from __future__ import annotations

import math

import numpy as np

from darkroom_worker.local_bedrock.engine.control import fit
from darkroom_worker.local_bedrock.engine.encode import decode, encode
from darkroom_worker.local_bedrock.engine.noise import fractal, generator
from darkroom_worker.local_bedrock.engine.oklab import from_lab, to_lab
from darkroom_worker.local_bedrock.engine.order import Order, Rendered, as_number
from darkroom_worker.local_bedrock.engine.palette import choose_palette, recolour
from darkroom_worker.local_bedrock.engine.raster import (
    Canvas,
    Pixels,
    Plane,
    bilateral,
    blur,
    full_grid,
    grid,
    mix,
    sample,
    to_bytes,
    to_float,
    vignette,
)
from darkroom_worker.local_bedrock.engine.vision import Vision, read_prompt

_DEFAULT_SIMILARITY = 0.7


def render_variation(order: Order) -> Rendered:
    """All pictures of an IMAGE_VARIATION order: of the asked size, else 1024x1024 as the models do, whatever the input's size."""
    sources = _sources(order)
    size = order.size
    images: list[bytes] = []
    for index in range(order.count):
        base = fit(sources[index % len(sources)], *size)
        others = [fit(source, *size) for position, source in enumerate(sources) if position != index % len(sources)]
        images.append(encode(_varied(order, base, others, order.seed_of(index))))
    return Rendered(tuple(images))


def _sources(order: Order) -> list[Pixels]:
    found = [decode(order.need("images", 0))]
    while (data := order.picture("images", len(found))) is not None:
        found.append(decode(data))
    return found


def _varied(order: Order, base: Pixels, others: list[Pixels], seed: int) -> Pixels:
    freedom = 1 - as_number(order.params.get("similarityStrength"), _DEFAULT_SIMILARITY)
    rng = generator("variation", order.text, order.negative, seed)
    canvas = _moved(to_float(base), rng, freedom)
    canvas = _brushed(canvas, freedom)
    canvas = _regraded(canvas, rng, freedom)
    for other in others:
        canvas = _colours_of(canvas, other, 0.25 / len(others) + 0.25 * freedom)
    vision = read_prompt(order.text, order.negative)
    return to_bytes(worded(canvas, vision, rng, freedom))


def _moved(canvas: Canvas, rng: np.random.Generator, freedom: float) -> Canvas:
    """Another crop, a slight turn, perhaps mirrored, gently bent (at most 2 %: more distorts faces)."""
    height, width = canvas.shape[:2]
    x, y = full_grid(width, height)
    zoom = 1 - float(rng.uniform(0.03, 0.06 + 0.12 * freedom))
    turn = float(rng.uniform(-1, 1)) * 0.09 * freedom
    mirrored = rng.random() < 0.25 + 0.35 * freedom
    room = (1 - zoom) / 2
    dx, dy = float(rng.uniform(-room, room)) * width, float(rng.uniform(-room, room)) * height
    u, v = (x - width / 2) * np.float32(zoom), (y - height / 2) * np.float32(zoom)
    if mirrored:
        u = -u
    bend = np.float32(0.02 * min(width, height) * min(1.0, freedom * 1.6))
    across = width / 2 + dx + u * math.cos(turn) - v * math.sin(turn) + _wave(rng, width, height) * bend
    down = height / 2 + dy + u * math.sin(turn) + v * math.cos(turn) + _wave(rng, width, height) * bend
    return np.clip(sample(canvas, np.asarray(across, np.float32), np.asarray(down, np.float32), quality="cubic"), 0, 1).astype(
        np.float32
    )


def _wave(rng: np.random.Generator, width: int, height: int) -> Plane:
    return fractal(rng, width, height, 2.2, 2) * 2 - 1


def _brushed(canvas: Canvas, freedom: float) -> Canvas:
    """Details painted over, edges kept."""
    return mix(canvas, to_float(bilateral(to_bytes(canvas), 7, 30 + 60 * freedom, 5)), min(1.0, 0.35 + freedom))


def _regraded(canvas: Canvas, rng: np.random.Generator, freedom: float) -> Canvas:
    """Another light: hue turned a little, warmer or cooler, brighter on one side."""
    height, width = canvas.shape[:2]
    lab = to_lab(to_bytes(canvas))
    turn = float(rng.uniform(-1, 1)) * (0.12 + 0.9 * freedom)
    chroma = 1 + float(rng.uniform(-0.2, 0.35)) * (0.3 + freedom)
    a, b = lab[..., 1].copy(), lab[..., 2].copy()
    lab[..., 1] = (a * math.cos(turn) - b * math.sin(turn)) * chroma
    lab[..., 2] = (a * math.sin(turn) + b * math.cos(turn)) * chroma + float(rng.uniform(-0.02, 0.03))
    x, y = grid(width, height)
    angle = float(rng.uniform(0, 2 * math.pi))
    side = (x / width - 0.5) * math.cos(angle) + (y / height - 0.5) * math.sin(angle)
    lab[..., 0] *= 1 + side * np.float32(0.16 + 0.3 * freedom)
    return from_lab(np.asarray(lab, np.float32))


def _colours_of(canvas: Canvas, other: Pixels, amount: float) -> Canvas:
    """Colour statistics moved towards another picture (Reinhard)."""
    lab, target = to_lab(to_bytes(canvas)), to_lab(other)
    for channel in range(3):
        plane, goal = lab[..., channel], target[..., channel]
        factor = min(max(float(goal.std()) / max(float(plane.std()), 1e-3), 0.5), 2.0)
        moved = (plane - plane.mean()) * np.float32(factor) + goal.mean()
        lab[..., channel] = plane + (moved - plane) * np.float32(amount)
    return from_lab(lab)


def worded(canvas: Canvas, vision: Vision, rng: np.random.Generator, freedom: float) -> Canvas:
    """The words' light and colours breathed over the picture; no words, no change."""
    height, width = canvas.shape[:2]
    amount = 0.12 + 0.3 * freedom
    if vision.time != "day" or vision.season or vision.named:
        palette = choose_palette(vision)
        graded = recolour(canvas, (*palette.sky, *palette.ground, palette.light), 1.0)
        canvas = mix(canvas, graded, amount)
    hues = vision.colours + tuple(thing.colour for thing in vision.things if thing.bound)
    if hues:
        canvas = mix(canvas, recolour(canvas, hues, 1.0), amount * 0.8)
    glow = blur(np.clip(canvas - 0.7, 0, 1).astype(np.float32), min(width, height) * 0.015)
    lift = 0.92 + 0.08 * vignette(width, height) + float(rng.uniform(-0.01, 0.01))
    return np.asarray(np.clip((canvas + glow * np.float32(freedom * 0.6)) * lift[..., None], 0, 1), dtype=np.float32)
