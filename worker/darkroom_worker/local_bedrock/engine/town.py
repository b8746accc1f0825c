"""Cities: towers with lit windows, a street that mirrors them when it is wet."""

from __future__ import annotations

import numpy as np

from darkroom_worker.local_bedrock.engine.noise import fractal
from darkroom_worker.local_bedrock.engine.oklab import blend, shade
from darkroom_worker.local_bedrock.engine.raster import (
    Canvas,
    Plane,
    Rgb,
    blur,
    blur_axis,
    discs_mask,
    grid,
    mix,
    sample,
    smoothstep,
)
from darkroom_worker.local_bedrock.engine.sky import light_place, paint_sky
from darkroom_worker.local_bedrock.engine.stage import Backdrop, Stage, perspective

_LAMPS: tuple[Rgb, ...] = ((1.0, 0.83, 0.52), (1.0, 0.72, 0.4), (0.98, 0.93, 0.8), (0.7, 0.88, 1.0))
_NEON: tuple[Rgb, ...] = ((1.0, 0.25, 0.6), (0.2, 0.9, 1.0), (0.7, 0.35, 1.0), (1.0, 0.75, 0.3))


def paint_city(stage: Stage) -> Backdrop:
    """A skyline over a street or a river of asphalt."""
    horizon = stage.height * 0.72
    canvas = paint_sky(stage, horizon)
    glow: Plane = np.zeros((stage.height, stage.width), np.float32)
    _, y = grid(stage.width, stage.height)
    for index in range(4):
        canvas, lamps = _row(stage, canvas, index, horizon)
        glow = np.maximum(glow * np.float32(0.6), lamps)
        mist = np.clip((y - 0.35 * stage.height) / (0.4 * stage.height), 0, 1) * np.float32(0.2 if index < 3 else 0.06)
        canvas = mix(canvas, stage.palette.haze, np.asarray(mist * (y < horizon) + 0 * lamps, np.float32))
    if _lamps_on(stage):
        canvas = mix(canvas, _lamp_colours(stage)[0], np.clip(blur(glow, stage.unit * 0.012) * 0.55, 0, 0.5).astype(np.float32))
    canvas = _street(stage, canvas, horizon)
    return Backdrop(
        canvas, horizon, stage.height * 0.93, light_place(stage, horizon), mirror=0.3 if _wet(stage) else 0.0, shadow=0.5
    )


def _lamps_on(stage: Stage) -> bool:
    return stage.vision.time in ("night", "neon", "sunset", "storm")


def _lamp_colours(stage: Stage) -> tuple[Rgb, ...]:
    return _NEON + _LAMPS if stage.vision.time == "neon" else _LAMPS


def _wet(stage: Stage) -> bool:
    return "rain" in stage.vision.weathers or stage.vision.time in ("night", "neon")


def _row(stage: Stage, canvas: Canvas, index: int, horizon: float) -> tuple[Canvas, Plane]:
    """One row of towers; returns the canvas and where its windows shine."""
    rng = stage.rng(f"towers {index}")
    near = (index + 1) / 4
    palette = stage.palette
    wall = blend(palette.ground[1] if stage.palette.dark else palette.ground[2], palette.haze, 0.75 * (1 - near))
    wall = shade(wall, -0.12 * near)
    canvas = canvas.copy()
    lamps = np.zeros((stage.height, stage.width), np.float32)
    x = -0.05 * stage.width
    while x < stage.width:
        wide = stage.unit * float(rng.uniform(0.05, 0.12)) * (0.6 + 0.7 * near)
        centre = abs((x + wide / 2) / stage.width - 0.5) * 2
        tall = stage.height * (0.2 + 0.42 * float(rng.random()) ** 1.4 * (1.15 - 0.5 * centre)) * (1.1 - 0.42 * near)
        _tower(stage, canvas, lamps, rng, box=(x, horizon - tall, wide, tall), wall=wall, near=near)
        x += wide * float(rng.uniform(0.75, 1.25))
    return canvas, lamps


def _tower(
    stage: Stage,
    canvas: Canvas,
    lamps: Plane,
    rng: np.random.Generator,
    *,
    box: tuple[float, float, float, float],
    wall: Rgb,
    near: float,
) -> None:
    left, top, right, bottom = round(box[0]), round(box[1]), round(box[0] + box[2]), round(box[1] + box[3])
    tone = shade(wall, float(rng.uniform(-0.05, 0.05)))
    steps = [(left, top, right)]
    if rng.random() < 0.4:
        inset = round(box[2] * float(rng.uniform(0.15, 0.3)))
        steps.append((left + inset, top - round(box[3] * float(rng.uniform(0.05, 0.16))), right - inset))
    for start, roof, end in steps:
        a, b = max(start, 0), min(end, stage.width)
        if b - a < 2:
            continue
        side = np.linspace(0.035, -0.035, b - a, dtype=np.float32)[None, :, None]
        fall = np.linspace(0.0, -0.05, max(bottom - max(roof, 0), 1), dtype=np.float32)[:, None, None]
        canvas[max(roof, 0) : bottom, a:b] = np.clip(np.asarray(tone, np.float32) + side + fall, 0, 1)
        _windows(stage, canvas, lamps, rng, box=(a, max(roof, 0), b, bottom), near=near)
    if rng.random() < 0.25:
        middle = min(max((left + right) // 2, 0), stage.width - 2)
        mast = max(top - round(box[3] * 0.2), 0)
        canvas[mast : max(top, 0), middle : middle + max(1, round(stage.unit * 0.002))] = tone


def _windows(
    stage: Stage, canvas: Canvas, lamps: Plane, rng: np.random.Generator, *, box: tuple[int, int, int, int], near: float
) -> None:
    left, top, right, bottom = box
    cell_x = max(3, round(stage.unit * (0.0055 + 0.0065 * near)))
    cell_y = max(3, round(cell_x * 1.3))
    columns, rows = (right - left) // cell_x, (bottom - top) // cell_y
    if columns < 2 or rows < 2:
        return
    on = _lamps_on(stage)
    lit = rng.random((rows, columns)) < ((0.34 if on else 0.0) + 0.05 * near)
    strength = (lit * rng.uniform(0.5, 1.0, (rows, columns)) + ~lit * (0.0 if on else 0.22)).astype(np.float32)
    hues = np.asarray(_lamp_colours(stage) if on else ((0.75, 0.85, 0.93),), np.float32)
    tones = hues[rng.integers(0, len(hues), (rows, columns))]
    pane = np.zeros((cell_y, cell_x), np.float32)
    pane[cell_y // 4 : -max(1, cell_y // 4), cell_x // 4 : -max(1, cell_x // 5)] = 1
    mask = np.kron(strength, pane)
    colour = tones.repeat(cell_y, 0).repeat(cell_x, 1)
    view = (slice(top, top + rows * cell_y), slice(left, left + columns * cell_x))
    canvas[view] = mix(canvas[view], colour, mask * np.float32(0.5 + 0.45 * near))
    lamps[view] = np.maximum(mask if on else 0, 0)


def _street(stage: Stage, canvas: Canvas, horizon: float) -> Canvas:
    top = round(horizon)
    rng = stage.rng("street")
    texture = fractal(rng, 512, 512, 12, 5)
    rough, near = perspective(texture, stage.width, stage.height, horizon=horizon, across=260, along=260)
    asphalt = shade(blend(stage.palette.ground[0], stage.palette.sky[0], 0.3), -0.02)
    out = canvas.copy()
    base = np.clip(np.asarray(asphalt, np.float32) + (rough[top:, :, None] - 0.5) * 0.07, 0, 1).astype(np.float32)
    wet = _wet(stage)
    x, y = grid(stage.width, stage.height)
    swing = (rough[top:] - 0.5) * np.float32(stage.width * (0.03 if wet else 0.01))
    mirrored = sample(
        canvas,
        np.asarray(np.clip(x + swing, 0, stage.width - 1), np.float32),
        np.asarray(np.clip(2 * top - y[top:] * 1.0 - 2 + 0 * swing, 0, top - 1), np.float32),
    )
    mirrored = blur_axis(mirrored, stage.unit * 0.003, stage.unit * 0.02)
    puddles = smoothstep(0.35, 0.75, rough[top:]) * 0.35 + 0.42 if wet else np.full_like(near[top:], 0.16)
    surface = mix(base, np.clip(mirrored * 1.08, 0, 1).astype(np.float32), np.asarray(puddles + 0 * swing, np.float32))
    out[top:] = surface
    return _headlights(stage, out, horizon) if _lamps_on(stage) else out


def _headlights(stage: Stage, canvas: Canvas, horizon: float) -> Canvas:
    """Out-of-focus lamps along the street and their streaks on it."""
    rng = stage.rng("headlights")
    for colour in ((1.0, 0.32, 0.25), (1.0, 0.9, 0.7), _lamp_colours(stage)[1]):
        count = 7
        xs = rng.uniform(0.04, 0.96, count) * stage.width
        ys = horizon + rng.uniform(-0.02, 0.05, count) * stage.height
        discs = np.stack([xs, ys, rng.uniform(0.006, 0.016, count) * stage.unit, rng.uniform(0.5, 0.9, count)], 1)
        mask = discs_mask(stage.width, stage.height, discs.astype(np.float32))
        streak = blur_axis(np.roll(mask, round(stage.height * 0.07), axis=0), stage.unit * 0.004, stage.unit * 0.035) * 2.0
        total = np.clip(mask * 0.75 + blur(mask, stage.unit * 0.016) * 0.9 + streak, 0, 0.9)
        canvas = mix(canvas, colour, total.astype(np.float32))
    return canvas
