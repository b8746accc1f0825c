"""Places for things: a wooden table before a window, a studio sweep."""

from __future__ import annotations

import numpy as np

from darkroom_worker.local_bedrock.engine.noise import fractal
from darkroom_worker.local_bedrock.engine.oklab import blend, look_up, ramp, shade
from darkroom_worker.local_bedrock.engine.palette import word_colours
from darkroom_worker.local_bedrock.engine.raster import Canvas, Plane, blur, discs_mask, grid, mix, sample, smoothstep
from darkroom_worker.local_bedrock.engine.stage import Backdrop, Stage


def paint_table(stage: Stage) -> Backdrop:
    """A table of planks; behind it a room out of focus."""
    horizon = stage.height * 0.6
    canvas = _room(stage)
    wood, near = _planks(stage, horizon)
    _, y = grid(stage.width, stage.height)
    cover = np.clip(y - horizon + 0.5, 0, 1)
    light = (stage.width * float(stage.rng("window").choice([0.2, 0.8])), stage.height * 0.25)
    sheen = (
        np.exp(-(((np.arange(stage.width, dtype=np.float32)[None, :] - light[0]) / (0.35 * stage.width)) ** 2)) * (1 - near) ** 2
    )
    wood = mix(wood, blend(stage.palette.light, stage.palette.haze, 0.2), np.asarray(sheen * 0.4, np.float32))
    canvas = mix(canvas, wood, np.asarray(np.broadcast_to(cover, near.shape if near.shape[1] > 1 else sheen.shape), np.float32))
    return Backdrop(canvas, horizon, stage.height * 0.85, light, mirror=0.14, shadow=0.6)


def _room(stage: Stage) -> Canvas:
    palette = stage.palette
    rng = stage.rng("room")
    dark = palette.dark
    wall = blend(palette.ground[1], (0.9, 0.86, 0.78) if not dark else (0.13, 0.12, 0.16), 0.62)
    x, y = grid(stage.width, stage.height)
    lean = (x / stage.width - 0.5) * np.float32(rng.choice([-0.5, 0.5])) + y / stage.height
    canvas = look_up(ramp((shade(wall, 0.1), wall, shade(wall, -0.2))), np.asarray(lean, np.float32))
    window = _window(stage)
    canvas = mix(canvas, blend(palette.sky[-1], palette.light, 0.5), window * np.float32(0.8 if not dark else 0.35))
    count = 26
    for colour in (palette.light, shade(palette.ground[2], 0.05), palette.foliage[1]):
        discs = np.stack(
            [
                rng.uniform(0, stage.width, count),
                rng.uniform(0, 0.6 * stage.height, count),
                rng.uniform(0.012, 0.045, count) * stage.unit,
                rng.uniform(0.06, 0.3, count),
            ],
            1,
        )
        canvas = mix(canvas, colour, blur(discs_mask(stage.width, stage.height, discs.astype(np.float32)), stage.unit * 0.003))
    return canvas


def _window(stage: Stage) -> Plane:
    """Blurred panes of a window, 0-1."""
    rng = stage.rng("panes")
    x, y = grid(stage.width, stage.height)
    left = float(rng.choice([0.08, 0.52]))
    u, v = (x / stage.width - left) / 0.4, (y / stage.height + 0.05) / 0.55
    inside = (u > 0) & (u < 1) & (v > 0) & (v < 1)
    bars = (np.abs(u - 0.5) > 0.025) & (np.abs(v - 0.5) > 0.03)
    return blur((inside & bars).astype(np.float32), stage.unit * 0.014)


def _planks(stage: Stage, horizon: float) -> tuple[Canvas, Plane]:
    """Planks running away from the viewer, in perspective."""
    rng = stage.rng("planks")
    count = 24
    size = 1024
    wide = size // count
    across = np.arange(size)
    offset = rng.uniform(-0.12, 0.12, count + 1).astype(np.float32)[np.minimum(across // wide, count)]
    grain = fractal(rng, size, size, 26, 5, stretch=0.06, gain=0.65)
    wave = fractal(rng, size, size, 3, 4, stretch=0.3)
    veins = 0.5 + 0.5 * np.sin((wave * 26 + (across % wide)[None, :] * 0.16).astype(np.float32) * 2)
    seam = np.clip(np.minimum(across % wide, wide - across % wide) / 1.6, 0, 1)
    tone = (0.42 + offset[None, :] + (grain - 0.5) * 0.55 + (veins - 0.5) * 0.12) * (0.35 + 0.65 * seam)[None, :]
    x, y = grid(stage.width, stage.height)
    near = np.clip((y - horizon) / max(stage.height - horizon, 1.0), 0, 1)
    away = 1 / (near + 0.5)
    u = (x / stage.width - 0.5) * away * np.float32(250 * stage.width / stage.unit) + size / 2
    v = np.broadcast_to(away * np.float32(640), u.shape)
    plane = sample(tone.astype(np.float32), np.asarray(u, np.float32), np.ascontiguousarray(v, np.float32), quality="cubic")
    colours = (shade(stage.palette.ground[0], -0.1), *stage.palette.ground)
    return look_up(ramp(colours), np.asarray(plane - 0.08 * near, np.float32)), np.asarray(
        np.broadcast_to(near, u.shape), np.float32
    )


def paint_studio(stage: Stage) -> Backdrop:
    """A paper sweep with a soft lamp; its tone contrasts gently with the first thing."""
    palette = stage.palette
    tone = _paper(stage)
    x, y = grid(stage.width, stage.height)
    horizon = stage.height * 0.68
    light = (stage.width * float(stage.rng("lamp").uniform(0.3, 0.45)), stage.height * 0.3)
    spot = np.exp(-(((x - light[0]) / (0.62 * stage.width)) ** 2 + ((y - stage.height * 0.42) / (0.55 * stage.height)) ** 2))
    floor = smoothstep(horizon - 0.09 * stage.height, horizon + 0.05 * stage.height, np.asarray(y, np.float32))
    value = 0.2 + 0.62 * spot + 0.13 * floor
    canvas = look_up(ramp((shade(tone, -0.2), tone, shade(tone, 0.13, 0.7))), np.asarray(value, np.float32))
    paper = fractal(stage.rng("paper"), stage.width, stage.height, 120, 3)
    canvas = np.clip(canvas + (paper[..., None] - 0.5) * 0.015, 0, 1).astype(np.float32)
    if palette.dark:
        canvas = mix(canvas, palette.sky[1], 0.45)
    return Backdrop(canvas, horizon, stage.height * 0.83, light, mirror=0.16, shadow=0.5)


def _paper(stage: Stage) -> tuple[float, float, float]:
    vision = stage.vision
    if vision.setting_colour:
        return vision.setting_colour
    if vision.colours:
        return vision.colours[0]
    if vision.named and "white" in vision.words:
        return (0.93, 0.93, 0.92)
    return blend(word_colours(vision.words, 3)[2], (0.86, 0.84, 0.8), 0.45)
