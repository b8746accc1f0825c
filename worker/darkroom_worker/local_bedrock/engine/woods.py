"""Forests: rows of trunks fading into light, a canopy of leaves, litter on the ground."""

from __future__ import annotations

import numpy as np

from darkroom_worker.local_bedrock.engine.land import conifer
from darkroom_worker.local_bedrock.engine.noise import fractal
from darkroom_worker.local_bedrock.engine.oklab import blend, look_up, ramp, shade
from darkroom_worker.local_bedrock.engine.raster import Canvas, Plane, Rgb, blur, discs_mask, grid, mix, polygon_mask, smoothstep
from darkroom_worker.local_bedrock.engine.stage import Backdrop, Stage, below, lay, perspective, skyline

_FIRS = frozenset(["pine", "pines", "fir", "firs", "spruce", "conifer", "evergreen", "nordic", "boreal", "taiga"])


def paint_forest(stage: Stage) -> Backdrop:
    """A clearing between trunks, or rows of firs in winter and in conifer woods."""
    horizon = stage.height * 0.56
    light = (stage.width * float(stage.rng("clearing").uniform(0.38, 0.62)), stage.height * 0.3)
    canvas = _depth_light(stage, light)
    firs = stage.vision.season == "winter" or bool(_FIRS & set(stage.vision.words))
    canvas = _fir_rows(stage, canvas) if firs else _leaf_haze(stage, canvas)
    canvas = _floor(stage, canvas, horizon)
    if not firs:
        for index in range(4):
            canvas = _trunks(stage, canvas, index)
        canvas = _canopy(stage, canvas, light)
    canvas = _beams(stage, canvas, light)
    return Backdrop(canvas, horizon, stage.height * 0.88, light, shadow=0.5)


def _depth_light(stage: Stage, light: tuple[float, float]) -> Canvas:
    """The bright distance between the trees."""
    palette = stage.palette
    x, y = grid(stage.width, stage.height)
    away = np.sqrt(((x - light[0]) / stage.width) ** 2 + ((y - light[1]) / stage.height) ** 2)
    glow = blend(palette.foliage[2], palette.sky[-1], 0.55)
    return look_up(
        ramp((shade(glow, 0.08), glow, palette.foliage[1], shade(palette.foliage[0], -0.03))), np.asarray(away * 1.15, np.float32)
    )


def _leaf_haze(stage: Stage, canvas: Canvas) -> Canvas:
    """Out-of-focus leaves in the distance."""
    rng = stage.rng("bokeh")
    for index in range(2):
        count = 240
        radius = rng.uniform(0.008, 0.03, count) * stage.unit
        discs = np.stack(
            [rng.uniform(0, stage.width, count), rng.uniform(0, 0.62 * stage.height, count), radius, rng.uniform(0.1, 0.6, count)],
            1,
        )
        mask = blur(discs_mask(stage.width, stage.height, discs.astype(np.float32)), stage.unit * 0.003)
        colour = stage.palette.foliage[1 + index]
        canvas = mix(canvas, shade(colour, 0.04), mask * np.float32(0.55))
    return canvas


def _floor(stage: Stage, canvas: Canvas, horizon: float) -> Canvas:
    rng = stage.rng("floor")
    litter = fractal(rng, 1024, 1024, 60, 4)
    coarse = fractal(rng, 1024, 1024, 9, 4)
    fine, near = perspective(litter, stage.width, stage.height, horizon=horizon, across=420, along=620)
    patches, _ = perspective(coarse, stage.width, stage.height, horizon=horizon, across=260, along=330)
    x, _ = grid(stage.width, stage.height)
    path = np.exp(-(((x / stage.width - 0.5) / (0.06 + 0.2 * near)) ** 2))
    tone = 0.34 + (fine - 0.5) * 0.95 + (patches - 0.5) * 0.6 + 0.24 * path - 0.12 * near
    cover = below(skyline(stage, "forest floor", horizon / stage.height + 0.015, 0.03, 4, octaves=4), stage.height)
    colours = _litter(stage)
    return lay(
        canvas,
        cover,
        np.asarray(tone, np.float32),
        colours,
        blend(stage.palette.foliage[2], stage.palette.sky[-1], 0.5),
        distance=0.0,
    ) * (1 - np.asarray(cover * (1 - np.clip(near * 9, 0, 1)) * 0, np.float32)[..., None])


def _litter(stage: Stage) -> tuple[Rgb, ...]:
    palette = stage.palette
    if stage.vision.season == "autumn":
        return shade(palette.foliage[0], -0.14), palette.ground[0], palette.foliage[1], palette.foliage[2]
    if stage.vision.season == "winter":
        return palette.ground
    return shade(palette.ground[0], -0.06), palette.ground[0], palette.foliage[0], palette.foliage[1]


def _trunks(stage: Stage, canvas: Canvas, index: int) -> Canvas:
    """One row of trunks; a higher index is nearer."""
    rng = stage.rng(f"trunks {index}")
    near = (index + 1) / 4
    count = max(2, round((11 - 2.4 * index) * stage.width / stage.unit))
    thick = (0.006 + 0.03 * near**1.6) * stage.unit
    foot = stage.height * (0.575 + 0.03 * index + 0.13 * near**2)
    places = (np.arange(count) + rng.uniform(0.1, 0.9, count)) / count
    if index == 3:
        places = np.where(places < 0.5, places * 0.5, 1 - (1 - places) * 0.5)
    polygons = [
        _trunk(rng, float(place) * stage.width, foot + float(rng.uniform(0, 0.02)) * stage.height, thick) for place in places
    ]
    cover = polygon_mask(stage.width, stage.height, polygons)
    shape = _roundness(cover, thick)
    bark = fractal(rng, stage.width, stage.height, 34 / (0.4 + near), 4, stretch=0.16)
    tone = 0.12 + 0.62 * shape + (bark - 0.5) * 0.5
    wood = _bark(stage)
    glow = blend(stage.palette.foliage[2], stage.palette.sky[-1], 0.5)
    canvas = _foot_shade(stage, canvas, places * stage.width, foot, thick)
    return lay(canvas, cover, np.asarray(tone, np.float32), wood, glow, distance=0.62 * (1 - near))


def _bark(stage: Stage) -> tuple[Rgb, ...]:
    if "birch" in stage.vision.words:
        return (0.35, 0.34, 0.33), (0.8, 0.78, 0.74), (0.95, 0.94, 0.9)
    tone: Rgb = (0.32, 0.22, 0.16)
    tone = blend(tone, stage.palette.foliage[0], 0.25)
    return shade(tone, -0.16), tone, shade(blend(tone, stage.palette.light, 0.35), 0.03)


def _trunk(rng: np.random.Generator, x: float, foot: float, thick: float) -> Plane:
    lean = float(rng.uniform(-0.05, 0.05)) * foot
    wide = thick * float(rng.uniform(0.7, 1.3))
    heights = np.linspace(0, 1.05, 9)
    middle = x + lean * heights + np.cumsum(rng.normal(0, wide * 0.07, 9))
    half = wide * (1 - 0.42 * heights) * (1 + 0.55 * np.exp(-heights * 14))
    y = foot - heights * (foot + 4)
    left, right = np.stack([middle - half, y], 1), np.stack([middle + half, y], 1)[::-1]
    return np.concatenate([left, right]).astype(np.float32)


def _roundness(cover: Plane, thick: float) -> Plane:
    """A lit left side and a shaded right side for upright trunks."""
    soft = blur(cover, max(1.0, thick * 0.45))
    slope = np.gradient(soft, axis=1).astype(np.float32) * np.float32(thick)
    return np.asarray(np.clip(0.42 + slope * 1.2, 0, 1), dtype=np.float32)


def _foot_shade(
    stage: Stage, canvas: Canvas, xs: np.ndarray[tuple[int], np.dtype[np.float64]], foot: float, thick: float
) -> Canvas:
    discs = np.stack([xs, np.full(len(xs), foot + thick * 0.4), np.full(len(xs), thick * 1.5), np.full(len(xs), 0.6)], 1)
    mask = blur(discs_mask(stage.width, stage.height, discs.astype(np.float32)), max(1.0, thick * 0.6))
    _, y = grid(stage.width, stage.height)
    return mix(canvas, shade(stage.palette.ground[0], -0.14), np.asarray(mask * (y > foot - thick * 0.3), np.float32))


def _canopy(stage: Stage, canvas: Canvas, light: tuple[float, float]) -> Canvas:
    """Clumps of leaves hanging in from the top and the sides."""
    rng = stage.rng("canopy")
    x, y = grid(stage.width, stage.height)
    frame = np.abs(x / stage.width - 0.5) * 1.5 + (0.44 - y / stage.height) * 1.7
    glow = np.exp(-(((x - light[0]) / stage.width) ** 2 + ((y - light[1]) / stage.height) ** 2) * 9)
    for bumps, cut, bright in ((9.0, 0.5, 0.0), (14.0, 0.62, 0.22), (22.0, 0.78, 0.4)):
        clumps = fractal(rng, stage.width, stage.height, bumps, stage.detail, gain=0.62)
        cover = smoothstep(cut + 0.06, cut + 0.12, np.asarray(clumps * 0.75 + frame * 0.42, np.float32))
        leaf = fractal(rng, stage.width, stage.height, 70, 3)
        tone = bright + (leaf - 0.35) * 0.62 + glow * 0.35
        canvas = lay(canvas, cover, np.asarray(tone, np.float32), stage.palette.foliage, stage.palette.sky[-1], distance=0.0)
    return canvas


def _fir_rows(stage: Stage, canvas: Canvas) -> Canvas:
    rng = stage.rng("firs")
    haze = blend(stage.palette.haze, stage.palette.sky[-1], 0.4)
    dark = blend(stage.palette.foliage[0], (0.1, 0.22, 0.2), 0.6)
    snow = stage.vision.season == "winter"
    for index in range(5):
        near = (index + 1) / 5
        count = round((34 - 5.4 * index) * stage.width / stage.unit)
        foot = stage.height * (0.57 + 0.3 * near**2)
        xs = rng.uniform(-0.05, 1.05, count) * stage.width
        if index >= 3:
            xs = np.where(xs < stage.width / 2, xs * 0.62, stage.width - (stage.width - xs) * 0.62)
        tall = rng.uniform(0.7, 1.2, count) * stage.unit * (0.16 + 0.5 * near**1.2)
        cover = polygon_mask(stage.width, stage.height, [conifer(float(x), foot, float(t)) for x, t in zip(xs, tall, strict=True)])
        needles = fractal(rng, stage.width, stage.height, 60 * (1.3 - near), 4, stretch=1.6)
        top = stage.palette.ground[2] if snow else stage.palette.foliage[1]
        colours = (
            (shade(dark, -0.1), dark, blend(dark, top, 0.45), top) if snow else (shade(dark, -0.1), dark, blend(dark, top, 0.5))
        )
        canvas = lay(canvas, cover, np.asarray(needles * 1.15 - 0.08, np.float32), colours, haze, distance=0.78 * (1 - near) ** 0.8)
    return canvas


def _beams(stage: Stage, canvas: Canvas, light: tuple[float, float]) -> Canvas:
    """Light falling through the leaves, fanning out from the clearing."""
    if stage.vision.time in ("night", "storm"):
        return canvas
    rng = stage.rng("beams")
    x, y = grid(stage.width, stage.height)
    angle = np.arctan2(x - light[0], y + np.float32(0.35 * stage.height))
    table = fractal(rng, 1024, 4, 22, 3)[2]
    ray = table[np.clip((angle / np.pi + 0.5) * 1023, 0, 1023).astype(np.int32)]
    fade = np.clip(1 - np.abs(y / stage.height - 0.4) * 1.5, 0, 1) * np.exp(-(((x - light[0]) / (0.5 * stage.width)) ** 2))
    return mix(
        canvas,
        blend(stage.palette.light, stage.palette.foliage[2], 0.25),
        np.asarray(smoothstep(0.45, 0.9, ray) * fade * 0.38, np.float32),
    )
