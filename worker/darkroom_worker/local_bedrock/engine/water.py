"""Scenes on, at and under water: sea, beach, lake, reef."""

from __future__ import annotations

import numpy as np

from darkroom_worker.local_bedrock.engine.land import ridges
from darkroom_worker.local_bedrock.engine.noise import fractal
from darkroom_worker.local_bedrock.engine.oklab import blend, look_up, ramp, shade
from darkroom_worker.local_bedrock.engine.raster import Canvas, Plane, blur, discs_mask, grid, mix, sample, smoothstep
from darkroom_worker.local_bedrock.engine.sky import light_place, paint_sky
from darkroom_worker.local_bedrock.engine.stage import Backdrop, Stage, below, perspective, skyline


def paint_sea(stage: Stage) -> Backdrop:
    """Open water to the horizon."""
    rng = stage.rng("sea")
    horizon = stage.height * float(rng.uniform(0.5, 0.58))
    sky = paint_sky(stage, horizon)
    if rng.random() < 0.6:
        coast = skyline(stage, "coast", horizon / stage.height + 0.012, 0.07, 3, octaves=5)
        cover = below(coast, stage.height)
        sky = mix(sky, blend(stage.palette.haze, stage.palette.water, 0.45), cover * np.float32(0.75))
    canvas = lay_water(stage, sky, horizon, _roughness(stage))
    return Backdrop(
        canvas, horizon, horizon + (stage.height - horizon) * 0.42, light_place(stage, horizon), mirror=0.55, shadow=0.0
    )


def paint_lake(stage: Stage) -> Backdrop:
    """Still water before mountains."""
    horizon = stage.height * float(stage.rng("lake").uniform(0.52, 0.58))
    land = ridges(stage, paint_sky(stage, horizon), base=horizon / stage.height + 0.01, tall=0.42, layers=4, snow=True)
    canvas = lay_water(stage, land, horizon, 0.28)
    return Backdrop(canvas, horizon, horizon + (stage.height - horizon) * 0.45, light_place(stage, horizon), mirror=0.6, shadow=0.0)


def paint_beach(stage: Stage) -> Backdrop:
    """Sea with a strip of sand in front."""
    sea = paint_sea(stage)
    rng = stage.rng("beach")
    x, y = grid(stage.width, stage.height)
    edge = skyline(stage, "shore", 0.84, 0.1, 1.6, octaves=4) + x[0] / stage.width * np.float32(
        stage.height * rng.uniform(-0.08, 0.08)
    )
    sand = fractal(rng, stage.width, stage.height, 3, stage.detail, stretch=2)
    wet = np.clip((y - edge[None, :]) / np.float32(stage.height * 0.09), 0, 1)
    tone = 0.3 + 0.5 * wet + (sand - 0.5) * 0.35
    canvas = mix(sea.canvas, look_up(ramp(stage.palette.ground), tone.astype(np.float32)), below(edge, stage.height))
    ragged = (fractal(rng, stage.width, stage.height, 14, 4) - 0.5) * np.float32(stage.height * 0.03)
    for offset, width, strength in ((0.0, 0.010, 0.95), (-0.045, 0.006, 0.6), (-0.085, 0.004, 0.35)):
        away = np.abs(y - edge[None, :] - np.float32(offset * stage.height) + ragged) / np.float32(width * stage.height)
        canvas = mix(canvas, blend((1, 1, 1), stage.palette.haze, 0.25), np.asarray(np.exp(-(away**2)) * strength, np.float32))
    return Backdrop(canvas, sea.horizon, stage.height * 0.93, sea.light, mirror=0.0, shadow=0.4)


def _roughness(stage: Stage) -> float:
    words = stage.vision.words
    if "calm" in words or "still" in words or "mirror" in words:
        return 0.4
    return 1.6 if stage.vision.time == "storm" or "waves" in words or "rough" in words else 0.9


def lay_water(stage: Stage, scene: Canvas, horizon: float, rough: float) -> Canvas:
    """Covers everything below the horizon with water that mirrors what is above it.

    Args:
        rough: 0 a mirror, 1 a breeze, 2 heavy sea.
    """
    top = max(1, round(horizon))
    width, height = stage.width, stage.height
    texture = fractal(stage.rng("waves"), 1024, 1024, 9, 6, stretch=1.6)
    waves, near = perspective(texture, width, height, horizon=horizon, across=300, along=430)
    waves, near = waves[top:] - 0.5, near[top:]
    fine, _ = perspective(texture, width, height, horizon=horizon, across=760, along=1100)
    fine = fine[top:] - 0.5
    x, y = grid(width, height)
    y = y[top:]
    swing = (waves * (0.3 + near) + fine * 0.35 * near) * np.float32(rough)
    back = np.clip(2 * horizon - y - np.abs(swing) * np.float32(0.5 * height) * near - np.float32(1), 0, top - 1)
    aside = np.clip(x + swing * np.float32(0.05 * width), 0, width - 1)
    mirrored = sample(scene, np.asarray(aside, np.float32), np.asarray(back, np.float32))
    deep = np.clip(0.26 + 0.36 * near + swing * 0.5, 0, 0.92)
    surface = mix(mirrored, stage.palette.water, np.asarray(deep, np.float32))
    crest = smoothstep(0.05, 0.3, np.asarray(waves + fine * 0.6, np.float32)) * np.float32(0.16 * min(rough, 1.2)) * (0.25 + near)
    surface = mix(surface, shade(stage.palette.sky[-1], 0.05), np.asarray(crest, np.float32))
    surface = _glitter(stage, surface, np.asarray(waves + fine, np.float32), near, horizon)
    out = scene.copy()
    out[top:] = surface
    return out


def _glitter(stage: Stage, surface: Canvas, waves: Plane, near: Plane, horizon: float) -> Canvas:
    """The path of light under the sun or moon."""
    if stage.vision.time in ("storm", "neon"):
        return surface
    light_x, _ = light_place(stage, horizon)
    x = np.arange(stage.width, dtype=np.float32)[None, :]
    spread = (0.05 + 0.14 * near) * stage.width
    path = np.exp(-(((x - light_x) / spread) ** 2))
    strength = 0.95 if stage.vision.time in ("sunset", "dawn", "golden") else 0.55
    spark = smoothstep(0.02, 0.2, np.asarray(waves + 0.1 * (1 - near), np.float32))
    return mix(surface, stage.palette.light, np.asarray(path * spark * strength, np.float32))


def paint_underwater(stage: Stage) -> Backdrop:
    """Blue depth with light shafts, sand and bubbles."""
    rng = stage.rng("reef")
    width, height = stage.width, stage.height
    tone = stage.palette.water if stage.vision.setting_colour else (0.03, 0.3, 0.48)
    x, y = grid(width, height)
    drift = fractal(rng, width, height, 2, 3) - 0.5
    rows = y / height + drift * np.float32(0.14)
    canvas = look_up(ramp((shade(tone, 0.42), shade(tone, 0.2), tone, shade(tone, -0.16))), np.asarray(rows, np.float32))
    slant = (x - (y + 0.2 * height) * np.float32(rng.uniform(-0.35, 0.35))) / width
    rays = fractal(rng, 1024, 4, 16, 4)[2]
    beam = rays[np.clip(np.abs(slant) * 700 + 150, 0, 1023).astype(np.int32)]
    canvas = mix(
        canvas, shade(tone, 0.55), smoothstep(0.5, 0.9, beam) * np.asarray(np.clip(1 - y / height * 1.15, 0, 1) * 0.5, np.float32)
    )
    floor = skyline(stage, "seabed", 0.9, 0.1, 2, octaves=4)
    sand = fractal(rng, width, height, 5, stage.detail, stretch=3)
    sand_tone = look_up(ramp(tuple(blend(colour, tone, 0.45) for colour in stage.palette.ground)), sand)
    canvas = mix(canvas, sand_tone, below(floor, height))
    bubbles = np.stack(
        [
            rng.uniform(0, width, 60),
            rng.uniform(0, height, 60),
            rng.uniform(1, 6, 60) * stage.unit / 700,
            rng.uniform(0.2, 0.7, 60),
        ],
        axis=1,
    )
    ring = discs_mask(width, height, bubbles.astype(np.float32))
    canvas = mix(canvas, (0.85, 0.97, 1.0), np.clip(ring - blur(ring, 1.6) * 0.8, 0, 1).astype(np.float32))
    return Backdrop(canvas, height * 0.8, height * 0.72, (width * 0.5, 0.0), mirror=0.0, shadow=0.0)
