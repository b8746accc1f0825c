"""Skies: gradient, sun or moon with glow, clouds, stars, aurora."""

from __future__ import annotations

import numpy as np

from darkroom_worker.local_bedrock.engine.noise import fractal
from darkroom_worker.local_bedrock.engine.oklab import blend, look_up, ramp, shade
from darkroom_worker.local_bedrock.engine.raster import Canvas, Plane, blur, blur_axis, discs_mask, grid, mix, sample, smoothstep
from darkroom_worker.local_bedrock.engine.stage import Stage


def light_place(stage: Stage, horizon: float) -> tuple[float, float]:
    """Where the sun or moon stands: x and y in pixels."""
    rng = stage.rng("light")
    x = float(rng.choice([rng.uniform(0.2, 0.38), rng.uniform(0.62, 0.8)])) * stage.width
    low = {"sunset": 0.86, "dawn": 0.8, "golden": 0.62}.get(stage.vision.time, 0.3)
    return x, horizon * (low + float(rng.uniform(-0.06, 0.06)))


def paint_sky(stage: Stage, horizon: float, *, cloudy: float | None = None) -> Canvas:
    """The whole canvas as sky; below the horizon its lowest colour goes on.

    Args:
        cloudy: 0 clear to 1 overcast; None lets the prompt decide.
    """
    canvas = _gradient(stage, horizon)
    if stage.palette.dark:
        canvas = _stars(stage, canvas, horizon)
    if "aurora" in stage.vision.weathers:
        canvas = _aurora(stage, canvas, horizon)
    if stage.vision.time != "storm":
        canvas = _sun(stage, canvas, light_place(stage, horizon))
    amount = _cloudiness(stage) if cloudy is None else cloudy
    return _clouds(stage, canvas, horizon, amount) if amount > 0.05 else canvas


def _gradient(stage: Stage, horizon: float) -> Canvas:
    rows = np.clip(np.arange(stage.height, dtype=np.float32) / max(horizon, 1.0), 0, 1)[:, None]
    table = ramp(stage.palette.sky)
    drift = fractal(stage.rng("sky drift"), stage.width, stage.height, 1.5, 2) - 0.5
    return look_up(table, (rows + drift * np.float32(0.12)).astype(np.float32))


def _cloudiness(stage: Stage) -> float:
    words = stage.vision.weathers
    if "clouds" in words or stage.vision.time == "storm":
        return 0.8
    if "clear" in stage.vision.words or "stars" in words or "aurora" in words:
        return 0.0
    return {"night": 0.25, "neon": 0.3}.get(stage.vision.time, 0.45)


def _sun(stage: Stage, canvas: Canvas, place: tuple[float, float]) -> Canvas:
    x, y = grid(stage.width, stage.height)
    distance = np.sqrt((x - place[0]) ** 2 + ((y - place[1]) * 1.1) ** 2) / np.float32(stage.unit)
    night = stage.vision.time == "night"
    radius = 0.042 if night else 0.05
    strength = {"night": 0.25, "neon": 0.35, "day": 0.5}.get(stage.vision.time, 0.8)
    glow = (np.exp(-distance * 3.2) * 0.55 + np.exp(-distance * 11) * 0.6) * strength
    canvas = mix(canvas, stage.palette.light, np.clip(glow, 0, 0.95).astype(np.float32))
    disc = smoothstep(radius + 0.003, radius - 0.002, distance.astype(np.float32))
    if stage.vision.time == "neon":
        disc = disc * 0.0
    body = np.asarray(shade(stage.palette.light, 0.08), np.float32)
    if night:
        spots = fractal(stage.rng("moon"), stage.width, stage.height, 26, 3)
        return mix(canvas, np.clip(body - (spots[..., None] - 0.5) * 0.16, 0, 1).astype(np.float32), disc)
    return mix(canvas, np.broadcast_to(body, canvas.shape), disc)


def _clouds(stage: Stage, canvas: Canvas, horizon: float, amount: float) -> Canvas:
    """Clouds that flatten towards the horizon, lit from above and shaded below."""
    rng = stage.rng("clouds")
    texture = fractal(rng, 640, 640, 5, 6, stretch=1.7)
    x, y = grid(stage.width, stage.height)
    up = np.clip(1 - y / max(horizon, 1.0), 0, 1)
    away = (1 / (up + 0.22)).astype(np.float32)
    u = np.asarray((x / stage.width - 0.5) * away * 190 + 320 + float(rng.uniform(-60, 60)), np.float32)
    v = np.ascontiguousarray(np.broadcast_to(away * 150, u.shape), np.float32)
    body = sample(texture, u, v)
    above = sample(texture, u, v + np.float32(7) / away)
    edge = 0.66 - 0.2 * amount
    cover = smoothstep(edge, edge + 0.24, body) * np.clip(up * 7, 0, 1) * np.float32(0.9)
    lit = np.clip(0.5 + (body - above) * 5, 0, 1)
    bright, dim = _cloud_colours(stage)
    return mix(canvas, look_up(ramp((dim, bright)), lit.astype(np.float32)), cover.astype(np.float32))


def _cloud_colours(stage: Stage) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    palette = stage.palette
    if stage.vision.time == "day":
        return (0.995, 0.99, 0.98), shade(palette.haze, -0.06)
    if stage.palette.dark:
        return shade(palette.sky[-1], 0.05), shade(palette.sky[0], 0.06)
    if stage.vision.time == "storm":
        return shade(palette.haze, 0.14), shade(palette.sky[0], -0.04)
    return blend(palette.sky[-1], palette.light, 0.4), blend(palette.sky[1], palette.sky[2], 0.5)


def _stars(stage: Stage, canvas: Canvas, horizon: float) -> Canvas:
    rng = stage.rng("stars")
    count = int(stage.width * max(horizon, 1) / 2600 * (1.8 if "stars" in stage.vision.weathers else 0.8))
    scale = stage.unit / 1024
    discs = np.stack(
        [
            rng.uniform(0, stage.width, count),
            rng.uniform(0, max(horizon, 2), count),
            rng.uniform(0.5, 1.5, count) * max(scale, 0.6),
            rng.uniform(0.1, 1.0, count) ** 2.2,
        ],
        axis=1,
    )
    mask = discs_mask(stage.width, stage.height, discs.astype(np.float32))
    glow = np.clip(mask + blur(mask, 2.2 * scale) * 0.9, 0, 1).astype(np.float32)
    if "stars" in stage.vision.weathers:
        canvas = mix(canvas, shade(stage.palette.sky[-1], 0.25), _milky_way(stage) * np.float32(0.55))
    return mix(canvas, (0.96, 0.97, 1.0), glow)


def _milky_way(stage: Stage) -> Plane:
    rng = stage.rng("milky way")
    x, y = grid(stage.width, stage.height)
    slant = float(rng.uniform(-0.7, 0.7))
    across = (x / stage.width - 0.5) + (y / stage.height - 0.4) * np.float32(slant)
    dust = fractal(rng, stage.width, stage.height, 4, 6)
    return np.asarray(np.exp(-((across * 4 + (dust - 0.5)) ** 2) * 2.4) * smoothstep(0.25, 0.8, dust), dtype=np.float32)


def _aurora(stage: Stage, canvas: Canvas, horizon: float) -> Canvas:
    rng = stage.rng("aurora")
    x, y = grid(stage.width, stage.height)
    for index, colour in enumerate(((0.25, 0.95, 0.6), (0.35, 0.7, 0.95), (0.65, 0.35, 0.9))):
        fold = fractal(rng, stage.width, 8, 2 + index, 3)[4] - 0.5
        foot = np.float32(horizon) * (0.72 - 0.14 * index) + fold[None, :] * np.float32(horizon * 0.5)
        up = (foot - y) / np.float32(horizon * 0.5)
        streak = blur_axis(rng.random((1, stage.width), dtype=np.float32).repeat(2, axis=0), stage.unit * 0.012, 0.3)[:1]
        streak = (streak - streak.min()) / (np.ptp(streak) + 1e-6)
        veil = np.where(up > 0, np.exp(-up * 2.2) * smoothstep(0, 0.12, up.astype(np.float32)), 0) * (0.35 + 0.65 * streak)
        canvas = mix(canvas, colour, np.asarray(veil * 0.75 + x * 0, dtype=np.float32))
    return canvas
