"""STABLE_OUTPAINT: the canvas grows by left, right, up and down; the old picture stays where it was, bit by bit."""

from __future__ import annotations

import numpy as np

from darkroom_worker.local_bedrock.engine.insertion import paint_surroundings
from darkroom_worker.local_bedrock.engine.noise import fractal, generator
from darkroom_worker.local_bedrock.engine.outpainting import continued, freedom
from darkroom_worker.local_bedrock.engine.raster import (
    Canvas,
    Mask,
    Pixels,
    full_grid,
    mix,
    resize_pixels,
    sample,
    to_bytes,
    to_float,
)
from darkroom_worker.local_bedrock.engine.stability.ask import Ask
from darkroom_worker.local_bedrock.engine.stability.frames import enlarged_to, working_size
from darkroom_worker.local_bedrock.engine.stability.presets import preset_over

_CREATIVITY = 0.5


def paint_outpaint(ask: Ask) -> Pixels:
    """The picture on its larger canvas."""
    pixels = ask.pixels()
    left, right, up, down = (max(0, round(ask.number(side, 0))) for side in ("left", "right", "up", "down"))
    rows, columns = pixels.shape[:2]
    width, height = left + columns + right, up + rows + down
    if (width, height) == (columns, rows):
        return pixels
    around = enlarged_to(_surroundings(ask, pixels, (left, up), (width, height)), width, height)
    around[up : up + rows, left : left + columns] = pixels
    return around


def _surroundings(ask: Ask, pixels: Pixels, place: tuple[int, int], size: tuple[int, int]) -> Pixels:
    """The whole canvas at working size, the old picture in it."""
    width, height = working_size(*size)
    factor_x, factor_y = width / size[0], height / size[1]
    columns, rows = max(1, round(pixels.shape[1] * factor_x)), max(1, round(pixels.shape[0] * factor_y))
    left, top = min(round(place[0] * factor_x), width - columns), min(round(place[1] * factor_y), height - rows)
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[top : top + rows, left : left + columns] = resize_pixels(pixels, columns, rows)
    kept = np.zeros((height, width), np.bool_)
    kept[top : top + rows, left : left + columns] = True
    grown = continued(canvas, kept, ask.seed, precise=True)
    free = preset_over(_free(ask, grown, kept), ask.preset, ask.seed)
    return to_bytes(mix(to_float(grown), to_float(free), freedom(kept, ask.number("creativity", _CREATIVITY))))


def _free(ask: Ask, grown: Pixels, kept: Mask) -> Pixels:
    """What the new part shows far from the old picture: the prompt's scene, or a freer telling of what was continued."""
    canvas = to_float(grown)
    if ask.prompt:
        return to_bytes(paint_surroundings(canvas, ~kept, ask.prompt, ask.negative, ask.seed, fine=False))
    return to_bytes(_wandering(canvas, ask.seed))


def _wandering(canvas: Canvas, seed: int) -> Canvas:
    height, width = canvas.shape[:2]
    rng = generator("outpaint", seed)
    x, y = full_grid(width, height)
    reach = np.float32(0.12 * min(width, height))
    dx, dy = (fractal(rng, width, height, 2.5, 3) - np.float32(0.5) for _ in range(2))
    bent = sample(canvas, x + dx * reach, y + dy * reach)
    light = 1 + (fractal(rng, width, height, 2, 2) - np.float32(0.5)) * np.float32(0.4)
    return np.asarray(np.clip(bent * light[..., None], 0, 1), dtype=np.float32)
