"""Open land: mountains, desert, meadow."""

from __future__ import annotations

import numpy as np

from darkroom_worker.local_bedrock.engine.noise import fractal
from darkroom_worker.local_bedrock.engine.oklab import blend, shade
from darkroom_worker.local_bedrock.engine.raster import (
    Canvas,
    Plane,
    Rgb,
    blur,
    discs_mask,
    grid,
    mix,
    polygon_mask,
    smoothstep,
)
from darkroom_worker.local_bedrock.engine.sky import light_place, paint_sky
from darkroom_worker.local_bedrock.engine.stage import Backdrop, Stage, below, facets, lay, skyline, skyline_at


def ridges(stage: Stage, canvas: Canvas, *, base: float, tall: float, layers: int, snow: bool) -> Canvas:
    """Mountain ridges, far to near; base and tall are shares of the height."""
    for index in range(layers):
        far = 1 - index / max(layers - 1, 1)
        part = f"ridge {index}"
        line = skyline(stage, part, base - 0.05 * far * tall, tall * (0.35 + 0.65 * far), 2.2 + 1.3 * index, octaves=8, gain=0.47)
        canvas = _mountain(stage, canvas, part, line, far, snow=snow and far > 0.3)
    return canvas


def _mountain(stage: Stage, canvas: Canvas, part: str, line: Plane, far: float, *, snow: bool) -> Canvas:
    palette = stage.palette
    _, y = grid(stage.width, stage.height)
    lit = facets(stage, part, line, 0.55)
    grain = fractal(stage.rng(part + " rock"), stage.width, stage.height, 9, stage.detail, stretch=0.8)
    tone = 0.14 + 0.5 * lit + (grain - 0.5) * 0.5
    under = (y - line[None, :]) / np.float32(stage.height)
    mist = np.clip(under * 2.2, 0, 0.55) * (0.4 + 0.6 * far)
    colours: tuple[Rgb, ...] = palette.ground if far > 0.25 else (shade(palette.foliage[0], -0.06), *palette.foliage[:2])
    canvas = lay(canvas, below(line, stage.height), np.asarray(tone, np.float32), colours, palette.haze, distance=0.62 * far**1.3)
    if snow:
        white = smoothstep(0.1, 0.0, np.asarray(under - 0.06 * (grain - 0.35) * 2, np.float32)) * smoothstep(
            0.35, 0.6, grain + 0.25
        )
        cold = blend(palette.sky[min(1, len(palette.sky) - 1)], (0.9, 0.93, 0.98), 0.45)
        bright = blend((0.99, 0.98, 0.97), palette.light, 0.35) if not palette.dark else shade(cold, 0.1)
        paint = mix(np.broadcast_to(np.asarray(cold, np.float32), canvas.shape), bright, lit)
        high = np.clip(1 - (y / stage.height - float(line.min()) / stage.height) * 3.2, 0, 1)
        canvas = mix(canvas, paint, np.asarray(white * below(line, stage.height) * high * (1 - 0.35 * far), np.float32))
    return mix(canvas, palette.haze, np.asarray(mist * below(line, stage.height), np.float32))


def paint_mountains(stage: Stage) -> Backdrop:
    """Ridges behind ridges, with a wooded foreground."""
    horizon = stage.height * 0.62
    canvas = ridges(stage, paint_sky(stage, horizon), base=0.8, tall=0.58, layers=4, snow=stage.vision.season != "summer")
    canvas = _tree_line(stage, canvas, 0.9)
    return Backdrop(canvas, horizon, stage.height * 0.93, light_place(stage, horizon), shadow=0.35)


def _tree_line(stage: Stage, canvas: Canvas, base: float) -> Canvas:
    ground = skyline(stage, "front", base, 0.06, 2, octaves=4)
    rng = stage.rng("tree line")
    count = int(stage.width / stage.unit * 60)
    xs = rng.uniform(-0.02, 1.02, count) * stage.width
    tall = rng.uniform(0.04, 0.13, count) * stage.unit * (0.4 + 0.6 * (np.abs(xs / stage.width - 0.5) * 2))
    feet = skyline_at(ground, xs)
    trees = [conifer(float(x), float(y) + 6, float(t)) for x, y, t in zip(xs, feet, tall, strict=True)]
    cover = np.maximum(polygon_mask(stage.width, stage.height, trees), below(ground, stage.height))
    tone = fractal(rng, stage.width, stage.height, 20, 4)
    dark = shade(stage.palette.foliage[0], -0.1)
    return lay(canvas, cover, tone, (shade(dark, -0.04), dark, stage.palette.foliage[0]), stage.palette.haze, distance=0.06)


def conifer(x: float, foot: float, tall: float) -> Plane:
    """Outline of a fir: N x 2 points in pixels."""
    steps = 7
    points = [(x, foot - tall)]
    for step in range(1, steps + 1):
        share = step / steps
        half = tall * 0.2 * share
        points += [(x + half, foot - tall * (1 - share * 0.94)), (x + half * 0.55, foot - tall * (1 - share * 0.94) - tall * 0.01)]
    mirrored = [(2 * x - px, py) for px, py in reversed(points[1:])]
    return np.array([*points, *mirrored], np.float32)


def paint_desert(stage: Stage) -> Backdrop:
    """Dunes with a lit and a shaded side."""
    rng = stage.rng("desert")
    horizon = stage.height * float(rng.uniform(0.46, 0.54))
    canvas = paint_sky(stage, horizon, cloudy=0.15 if stage.vision.time == "day" else None)
    base = horizon / stage.height
    mesa = skyline(stage, "mesa", base + 0.02, 0.12, 3, octaves=3, gain=0.4)
    canvas = lay(
        canvas, below(mesa, stage.height), np.full((1, 1), 0.4, np.float32), stage.palette.ground, stage.palette.haze, distance=0.72
    )
    for index in range(4):
        near = (index + 1) / 4
        part = f"dune {index}"
        line = skyline(stage, part, base + 0.05 + 0.36 * near**1.4, 0.1 + 0.07 * near, 1.6 + 0.5 * (3 - index), octaves=2, gain=0.3)
        canvas = _dune(stage, canvas, part, line, near)
    return Backdrop(canvas, horizon, stage.height * 0.9, light_place(stage, horizon), shadow=0.55)


def _dune(stage: Stage, canvas: Canvas, part: str, line: Plane, near: float) -> Canvas:
    _, y = grid(stage.width, stage.height)
    lit = blur(facets(stage, part, line, 0.9, softness=4.0), stage.unit * 0.006)
    bend = fractal(stage.rng(part + " wind"), stage.width, stage.height, 2.5, 3)
    spacing = np.float32(stage.height * (0.004 + 0.008 * near))
    ripples = np.sin((y - line[None, :] * 0.6) / spacing + bend * 28) * np.float32(0.035 * near)
    grain = (stage.rng(part + " grain").random((stage.height, stage.width), dtype=np.float32) - 0.5) * np.float32(0.05 * near)
    under = np.clip((y - line[None, :]) / np.float32(stage.height * 0.3), 0, 1)
    tone = 0.2 + 0.62 * lit - 0.14 * under + ripples * (0.4 + lit) + grain
    return lay(
        canvas,
        below(line, stage.height),
        np.asarray(tone, np.float32),
        stage.palette.ground,
        stage.palette.haze,
        distance=0.45 * (1 - near),
    )


def paint_meadow(stage: Stage) -> Backdrop:
    """Rolling hills with grass and flowers."""
    horizon = stage.height * float(stage.rng("meadow").uniform(0.5, 0.56))
    canvas = paint_sky(stage, horizon)
    canvas = ridges(stage, canvas, base=horizon / stage.height + 0.06, tall=0.16, layers=2, snow=False)
    for index in range(4):
        near = (index + 1) / 4
        line = skyline(
            stage, f"hill {index}", horizon / stage.height + 0.06 + 0.2 * near, 0.09, 1.4 + 0.5 * (3 - index), octaves=3, gain=0.35
        )
        canvas = _hill(stage, canvas, f"hill {index}", line, near)
    if stage.vision.season != "winter":
        canvas = _flowers(stage, canvas, horizon + 0.25 * (stage.height - horizon))
    return Backdrop(canvas, horizon, stage.height * 0.9, light_place(stage, horizon), shadow=0.45)


def _hill(stage: Stage, canvas: Canvas, part: str, line: Plane, near: float) -> Canvas:
    rng = stage.rng(part + " grass")
    _, y = grid(stage.width, stage.height)
    blades = fractal(rng, stage.width, stage.height, 30 * (1.4 - near), 5, stretch=0.3)
    patches = fractal(rng, stage.width, stage.height, 3, 4, stretch=2)
    under = np.clip((y - line[None, :]) / np.float32(stage.height * 0.25), 0, 1)
    tone = 0.78 - 0.42 * under + (blades - 0.5) * np.float32(0.55 * near) + (patches - 0.5) * 0.4
    cover = below(line, stage.height)
    canvas = lay(
        canvas, cover, np.asarray(tone, np.float32), stage.palette.ground, stage.palette.haze, distance=0.5 * (1 - near) ** 1.2
    )
    if near < 0.6:
        return _hedges(stage, canvas, part, line, near)
    return canvas


def _hedges(stage: Stage, canvas: Canvas, part: str, line: Plane, near: float) -> Canvas:
    """Round far trees along a crest."""
    rng = stage.rng(part + " hedge")
    count = 26
    centres = np.repeat(rng.uniform(0, 1, count // 3 + 1), 3)[:count] + rng.normal(0, 0.02, count)
    xs = (centres % 1.0) * (stage.width - 1)
    size = rng.uniform(0.008, 0.022, count) * stage.unit * (0.6 + near)
    ys = line[xs.astype(np.int32)] - size * 0.5
    mask = discs_mask(stage.width, stage.height, np.stack([xs, ys, size, np.ones(count)], axis=1).astype(np.float32))
    leaf = fractal(rng, stage.width, stage.height, 40, 3)
    return lay(canvas, mask, leaf * np.float32(0.7), stage.palette.foliage, stage.palette.haze, distance=0.5 * (1 - near))


def _flowers(stage: Stage, canvas: Canvas, top: float) -> Canvas:
    rng = stage.rng("flowers")
    dull = stage.vision.time not in ("day", "golden", "dawn")
    for colour in ((0.98, 0.96, 0.9), (0.96, 0.8, 0.25), (0.88, 0.35, 0.4)):
        count = int(260 * stage.width / stage.unit)
        near = rng.beta(1.6, 1.4, count)
        where = (near, rng.uniform(0, stage.width, count))
        patch = fractal(rng, 128, 128, 4, 3)[(near * 127).astype(int), (where[1] / stage.width * 127).astype(int)] > 0.55
        radius = (0.0006 + 0.0034 * near) * stage.unit
        discs = np.stack([where[1], top + near * (stage.height - top), radius, np.full(count, 0.9)], axis=1)[patch]
        mask = discs_mask(stage.width, stage.height, discs.astype(np.float32))
        canvas = mix(canvas, blend(colour, stage.palette.haze, 0.35) if dull else colour, mask)
    return canvas
