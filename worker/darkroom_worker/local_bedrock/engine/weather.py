"""What falls or hangs in the air: rain, snow, fog."""

from __future__ import annotations

import numpy as np

from darkroom_worker.local_bedrock.engine.noise import fractal
from darkroom_worker.local_bedrock.engine.oklab import shade
from darkroom_worker.local_bedrock.engine.raster import Canvas, blur, discs_mask, grid, lines_mask, mix, smoothstep
from darkroom_worker.local_bedrock.engine.stage import Stage


def add_weather(stage: Stage, canvas: Canvas) -> Canvas:
    """The canvas with the weather its prompt names."""
    words = stage.vision.weathers
    if "fog" in words:
        canvas = _fog(stage, canvas)
    if "snow" in words:
        canvas = _snow(stage, canvas)
    return _rain(stage, canvas) if "rain" in words else canvas


def _rain(stage: Stage, canvas: Canvas) -> Canvas:
    rng = stage.rng("rain")
    slant = float(rng.uniform(-0.18, 0.18))
    for count, length, strength, thickness in ((900, 0.035, 0.16, 1), (240, 0.075, 0.26, 1 if stage.unit < 900 else 2)):
        x = rng.uniform(-0.1, 1.1, count) * stage.width
        y = rng.uniform(-0.1, 1.0, count) * stage.height
        long = rng.uniform(0.5, 1.3, count) * length * stage.unit
        drops = np.stack([x, y, x + slant * long, y + long], 1).astype(np.float32)
        veil = lines_mask(stage.width, stage.height, drops, thickness)
        canvas = mix(canvas, (0.86, 0.92, 0.98), veil * np.float32(strength))
    return canvas


def _snow(stage: Stage, canvas: Canvas) -> Canvas:
    rng = stage.rng("snow")
    for count, size, soft in ((700, 0.0018, 0.6), (160, 0.0045, 1.6), (34, 0.012, 5.0)):
        flakes = np.stack(
            [
                rng.uniform(0, stage.width, count),
                rng.uniform(0, stage.height, count),
                rng.uniform(0.5, 1.2, count) * size * stage.unit,
                rng.uniform(0.4, 0.95, count),
            ],
            1,
        )
        mask = blur(discs_mask(stage.width, stage.height, flakes.astype(np.float32)), soft * stage.unit / 1024)
        canvas = mix(canvas, (0.98, 0.985, 1.0), mask)
    return canvas


def _fog(stage: Stage, canvas: Canvas) -> Canvas:
    _, y = grid(stage.width, stage.height)
    banks = fractal(stage.rng("fog"), stage.width, stage.height, 2, 5, stretch=3)
    low = np.exp(-(((y / stage.height - 0.6) / 0.28) ** 2))
    veil = smoothstep(0.2, 0.9, np.asarray(banks * 0.6 + low * 0.5, np.float32)) * np.float32(0.72)
    return mix(canvas, shade(stage.palette.haze, 0.04, 0.6), veil)
