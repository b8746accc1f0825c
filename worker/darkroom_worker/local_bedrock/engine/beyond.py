"""Pictures of no place: space, clouds from within, abstract texture, and the landscape of words nobody has a table for."""

from __future__ import annotations

import numpy as np

from darkroom_worker.local_bedrock.engine.noise import fractal
from darkroom_worker.local_bedrock.engine.oklab import blend, look_up, ramp, shade
from darkroom_worker.local_bedrock.engine.palette import word_colours
from darkroom_worker.local_bedrock.engine.raster import (
    Canvas,
    Plane,
    Rgb,
    blur,
    discs_mask,
    full_grid,
    grid,
    mix,
    sample,
    smoothstep,
)
from darkroom_worker.local_bedrock.engine.sky import light_place, paint_sky
from darkroom_worker.local_bedrock.engine.stage import Backdrop, Stage, below, skyline


def _warped(stage: Stage, part: str, bumps: float, strength: float, octaves: int = 6) -> Plane:
    """Noise bent by other noise: marble, smoke, nebulae."""
    rng = stage.rng(part)
    base = fractal(rng, stage.width, stage.height, bumps, octaves)
    x, y = full_grid(stage.width, stage.height)
    reach = np.float32(strength * stage.unit)
    dx = fractal(rng, stage.width, stage.height, bumps * 0.7, 4) - 0.5
    dy = fractal(rng, stage.width, stage.height, bumps * 0.7, 4) - 0.5
    return sample(base, x + dx * reach, y + dy * reach)


def paint_space(stage: Stage) -> Backdrop:
    """A nebula, stars and a planet."""
    rng = stage.rng("space")
    width, height = stage.width, stage.height
    tint = stage.vision.colours or (stage.vision.setting_colour,) if stage.vision.setting_colour else stage.vision.colours
    hues: tuple[Rgb, ...] = tuple(colour for colour in tint if colour) or ((0.42, 0.16, 0.55), (0.12, 0.42, 0.66), (0.95, 0.5, 0.4))
    canvas: Canvas = np.zeros((height, width, 3), np.float32) + np.asarray((0.015, 0.018, 0.05), np.float32)
    for index, hue in enumerate(hues[:3]):
        gas = _warped(stage, f"gas {index}", 2.2 + index, 0.5)
        canvas = mix(canvas, hue, smoothstep(0.42, 0.95, gas) * np.float32(0.75))
        canvas = mix(canvas, shade(hue, 0.32, 0.6), smoothstep(0.72, 1.0, gas) * np.float32(0.55))
    dust = _warped(stage, "dust", 3, 0.6)
    canvas = np.asarray(canvas * (1 - 0.72 * smoothstep(0.5, 0.85, dust))[..., None], np.float32)
    count = int(width * height / 1500)
    stars = np.stack(
        [
            rng.uniform(0, width, count),
            rng.uniform(0, height, count),
            rng.uniform(0.4, 1.5, count) * stage.unit / 1024,
            rng.random(count) ** 3,
        ],
        1,
    )
    mask = discs_mask(width, height, stars.astype(np.float32))
    bright = discs_mask(width, height, stars[stars[:, 3] > 0.93].astype(np.float32))
    canvas = mix(canvas, (0.97, 0.97, 1.0), np.clip(mask + blur(bright, stage.unit * 0.004) * 4, 0, 1).astype(np.float32))
    light = (width * 0.15, height * 0.1)
    if not stage.vision.things or "planet" in stage.vision.words:
        canvas = _planet(stage, canvas, hues)
    return Backdrop(canvas, height * 0.5, height * 0.66, light, shadow=0.0)


def _planet(stage: Stage, canvas: Canvas, hues: tuple[Rgb, ...]) -> Canvas:
    rng = stage.rng("planet")
    x, y = grid(stage.width, stage.height)
    radius = stage.unit * float(rng.uniform(0.17, 0.27))
    cx, cy = stage.width * float(rng.uniform(0.3, 0.7)), stage.height * float(rng.uniform(0.4, 0.65))
    u, v = (x - cx) / np.float32(radius), (y - cy) / np.float32(radius)
    inside = np.clip((1 - np.sqrt(u**2 + v**2)) * np.float32(radius), 0, 1)
    z = np.sqrt(np.clip(1 - u**2 - v**2, 0, 1))
    band = fractal(rng, stage.width, stage.height, 7, 5, stretch=6)
    lit = np.clip(-0.55 * u - 0.45 * v + 0.7 * z, 0, 1)
    colours = (shade(hues[-1], -0.25), hues[-1], shade(hues[0], 0.3, 0.5), shade(hues[-1], 0.2))
    body = look_up(ramp(colours), np.asarray(band, np.float32)) * np.asarray(0.06 + 1.05 * lit, np.float32)[..., None]
    halo = np.exp(-np.clip(np.sqrt(u**2 + v**2) - 1, 0, None) * 9) * (1 - inside) * np.clip(0.5 - 0.5 * u - 0.4 * v, 0, 1)
    canvas = mix(canvas, shade(hues[0], 0.35), np.asarray(halo * 0.5, np.float32))
    return mix(canvas, np.clip(body, 0, 1).astype(np.float32), np.asarray(inside, np.float32))


def paint_high_sky(stage: Stage) -> Backdrop:
    """Sky with a sea of clouds far below."""
    horizon = stage.height * 0.8
    canvas = paint_sky(stage, horizon, cloudy=None if stage.vision.weathers else 0.5)
    palette = stage.palette
    white = (0.97, 0.97, 0.98) if stage.vision.time == "day" else blend(palette.sky[-1], palette.light, 0.35)
    for index in range(4):
        line = skyline(stage, f"bank {index}", 0.8 + 0.07 * index, 0.07, 5 - index, octaves=6, gain=0.55)
        billow = fractal(stage.rng(f"billow {index}"), stage.width, stage.height, 7 - index, 6, stretch=1.6)
        _, y = grid(stage.width, stage.height)
        tone = 0.95 - np.clip((y - line[None, :]) / np.float32(0.09 * stage.height), 0, 1) * 0.6 + (billow - 0.5) * 0.8
        paint = look_up(
            ramp((blend(palette.haze, palette.sky[1], 0.4), blend(white, palette.haze, 0.35), white)), np.asarray(tone, np.float32)
        )
        canvas = mix(canvas, paint, blur(below(line, stage.height), stage.unit * 0.006) * np.float32(0.9))
    return Backdrop(canvas, horizon, stage.height * 0.55, light_place(stage, horizon), shadow=0.0)


def _hues(stage: Stage, count: int) -> tuple[Rgb, ...]:
    """Colours of the prompt if it names any, else drawn from its words."""
    named = stage.vision.colours + ((stage.vision.setting_colour,) if stage.vision.setting_colour else ())
    if not named:
        return word_colours(stage.vision.words, count)
    if len(named) == 1:
        return shade(named[0], -0.3), shade(named[0], -0.1), named[0], shade(named[0], 0.22, 0.6), (0.96, 0.95, 0.92)
    return (*named, (0.96, 0.95, 0.92))


def paint_abstract(stage: Stage) -> Backdrop:
    """Polished marble for stone words, flowing colour for the others."""
    stone = bool({"marble", "stone", "granite", "agate", "geode"} & set(stage.vision.words))
    canvas = _marble(stage) if stone else _flow(stage)
    return Backdrop(canvas, stage.height * 0.5, stage.height * 0.72, (stage.width * 0.3, 0.0), shadow=0.35)


def _marble(stage: Stage) -> Canvas:
    named = stage.vision.colours or stage.vision.setting_colour
    colours: tuple[Rgb, ...] = _hues(stage, 5) if named else ((0.8, 0.79, 0.78), (0.92, 0.91, 0.9), (0.97, 0.965, 0.955))
    ground = _warped(stage, "ground", 2, 0.9, 7)
    canvas = look_up(ramp(tuple(sorted(colours, key=sum))), ground)
    dark = shade(min(colours, key=sum), -0.34, 0.7)
    for index, (bumps, width, strength) in enumerate(((1.4, 0.035, 0.7), (2.6, 0.014, 0.8), (5.0, 0.008, 0.4))):
        vein = np.abs(_warped(stage, f"vein {index}", bumps, 0.75, 7) - 0.5)
        body = np.exp(-((vein / np.float32(width)) ** 2)) * smoothstep(0.3, 0.65, _warped(stage, f"vein gate {index}", 2, 0.4, 3))
        canvas = mix(canvas, dark, np.asarray(body * strength * 0.75, np.float32))
    gold = np.abs(_warped(stage, "gold", 1.1, 0.8, 7) - 0.47)
    cover = np.exp(-((gold / np.float32(0.0045)) ** 2)) * smoothstep(0.42, 0.62, _warped(stage, "gold gate", 2, 0.3, 3))
    return mix(canvas, (0.78, 0.6, 0.3), np.asarray(cover * 0.9, np.float32))


def _flow(stage: Stage) -> Canvas:
    """Poured paint: bands of colour with a lit edge."""
    field = _warped(stage, "flow", 1.3, 1.3, 5)
    bands = _warped(stage, "bands", 1.1, 1.0, 4)
    tone = (field * 1.35 + 0.07 * np.sin(bands * 24)).astype(np.float32) - np.float32(0.16)
    canvas = look_up(ramp(_hues(stage, 6)), tone)
    height = blur(tone, 1.2)
    light = (np.gradient(height, axis=0) + 0.6 * np.gradient(height, axis=1)).astype(np.float32) * np.float32(stage.unit * 0.016)
    return np.asarray(np.clip(canvas + np.clip(light, -0.12, 0.16)[..., None], 0, 1), dtype=np.float32)


def paint_dream(stage: Stage) -> Backdrop:
    """Layers of cut paper under a pale sun, in colours drawn from the words."""
    rng = stage.rng("dream")
    hues = sorted(_hues(stage, 6), key=sum)
    dark, light = hues[0], hues[-1]
    height = stage.height
    x, y = grid(stage.width, height)
    drift = fractal(rng, stage.width, height, 1.6, 3) - 0.5
    canvas = look_up(ramp((hues[-2], light, shade(light, 0.04))), np.asarray(y / height * 1.4 + drift * 0.2, np.float32))
    cx, cy, radius = (
        stage.width * float(rng.uniform(0.3, 0.7)),
        height * float(rng.uniform(0.26, 0.36)),
        stage.unit * float(rng.uniform(0.12, 0.19)),
    )
    away = np.sqrt((x - cx) ** 2 + (y - cy) ** 2)
    for ring, strength in ((2.3, 0.16), (1.6, 0.22), (1.0, 0.9)):
        canvas = mix(
            canvas, shade(hues[len(hues) // 2 + 1], 0.06), np.asarray(np.clip(radius * ring - away, 0, 1) * strength, np.float32)
        )
    paper = fractal(rng, stage.width, height, 130, 3) - 0.5
    layers = 6
    for index in range(layers):
        near = (index + 1) / layers
        line = skyline(
            stage, f"paper {index}", 0.5 + 0.44 * near, 0.2 - 0.07 * near, 1.6 + 0.7 * (index % 3), octaves=2 + index % 2, gain=0.4
        )
        edge = below(line, height)
        shadow = blur(np.roll(edge, -round(stage.unit * 0.012), axis=0), stage.unit * 0.016)
        canvas = np.asarray(canvas * (1 - 0.3 * np.clip(shadow - edge, 0, 1))[..., None], np.float32)
        tone = blend(hues[(index * 2 + 1) % (len(hues) - 1)], dark, 0.12 + 0.6 * near)
        lit = np.clip(1 - (y - line[None, :]) / np.float32(0.26 * height), 0, 1) * 0.11
        sheet = np.clip(np.asarray(tone, np.float32) + (lit + paper * 0.05)[..., None], 0, 1).astype(np.float32)
        canvas = mix(canvas, sheet, edge)
    return Backdrop(canvas, height * 0.5, height * 0.86, (cx, cy), shadow=0.4)
