"""Nova Canvas's `style` values as picture treatments."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from darkroom_worker.local_bedrock.engine.noise import fractal
from darkroom_worker.local_bedrock.engine.oklab import from_lab, to_lab
from darkroom_worker.local_bedrock.engine.palette import recolour
from darkroom_worker.local_bedrock.engine.raster import (
    Canvas,
    Plane,
    bilateral,
    blur,
    edges,
    full_grid,
    grid,
    luma,
    median,
    mix,
    sample,
    smoothstep,
    to_bytes,
    to_float,
    vignette,
)
from darkroom_worker.local_bedrock.engine.stage import Stage


def apply_style(stage: Stage, canvas: Canvas, style: str) -> Canvas:
    """The canvas in that style; an unknown or empty one leaves it."""
    treat = _STYLES.get(style)
    return canvas if treat is None else np.clip(treat(stage, canvas), 0, 1).astype(np.float32)


def saturated(canvas: Canvas, factor: float, contrast: float = 1.0) -> Canvas:
    """Colours stronger (above 1) or weaker, contrast around middle grey likewise."""
    grey = luma(canvas)[..., None]
    out = grey + (canvas - grey) * np.float32(factor)
    return np.asarray(np.clip((out - 0.5) * np.float32(contrast) + 0.5, 0, 1), dtype=np.float32)


def _smooth(canvas: Canvas, strength: float) -> Canvas:
    return to_float(bilateral(to_bytes(canvas), 7, 60 * strength, 7))


def _posterised(canvas: Canvas, levels: int) -> Canvas:
    lab = to_lab(median(to_bytes(canvas), 7))
    for channel, low, high in ((0, 0.0, 1.0), (1, -0.3, 0.3), (2, -0.3, 0.3)):
        step = (high - low) / levels / (1 if channel == 0 else 2)
        lab[..., channel] = np.round((lab[..., channel] - low) / step) * np.float32(step) + np.float32(low)
    return from_lab(lab)


def _lines(stage: Stage, canvas: Canvas, thick: float) -> Plane:
    return np.asarray(
        np.clip(blur(edges(to_bytes(canvas), 35, 100), max(0.5, thick * stage.unit / 1024)) * 2.4, 0, 1), dtype=np.float32
    )


def _family_film(stage: Stage, canvas: Canvas) -> Canvas:
    soft = saturated(_smooth(canvas, 1.2), 1.28, 1.06)
    glow = blur(np.clip(soft - 0.55, 0, 1).astype(np.float32), stage.unit * 0.02)
    warm = soft + glow * np.asarray((0.6, 0.5, 0.35), np.float32)
    return np.asarray(warm * (0.86 + 0.14 * vignette(stage.width, stage.height))[..., None], np.float32)


def _design_sketch(stage: Stage, canvas: Canvas) -> Canvas:
    grey = luma(canvas)
    pencil = np.clip(grey / np.maximum(blur(grey, stage.unit * 0.012), 0.02), 0, 1) ** 2.2
    x, y = grid(stage.width, stage.height)
    hatch = 0.5 + 0.5 * np.sin((x + y) * np.float32(2 * np.pi / max(4.0, stage.unit * 0.007)))
    shade = 1 - (1 - smoothstep(0.1, 0.5, grey)) * hatch * 0.28
    paper = fractal(stage.rng("paper"), stage.width, stage.height, 160, 3)[..., None] * np.float32(0.05) + np.asarray(
        (0.94, 0.92, 0.87), np.float32
    )
    wash = mix(paper, saturated(_smooth(canvas, 1), 0.9), 0.22)
    ink = np.clip(pencil * shade * (1 - 0.75 * _lines(stage, canvas, 0.7)), 0, 1)
    return np.asarray(wash * (0.18 + 0.82 * ink)[..., None], np.float32)


def _flat_vector(_stage: Stage, canvas: Canvas) -> Canvas:
    return saturated(_posterised(canvas, 6), 1.15)


def _graphic_novel(stage: Stage, canvas: Canvas) -> Canvas:
    flat = saturated(_posterised(canvas, 5), 0.85, 1.2)
    x, y = grid(stage.width, stage.height)
    pitch = np.float32(max(4.0, stage.unit * 0.008))
    dots = (np.sin((x + y) * np.float32(np.pi) / pitch) * np.sin((x - y) * np.float32(np.pi) / pitch)) * 0.5 + 0.5
    dark = np.clip(1 - luma(canvas) * 1.7, 0, 1)
    flat = mix(flat, (0.05, 0.05, 0.09), smoothstep(0.0, 0.22, np.asarray(dark - dots * 0.9, np.float32)) * np.float32(0.6))
    return mix(flat, (0.03, 0.03, 0.06), _lines(stage, canvas, 1.1))


def _maximalism(stage: Stage, canvas: Canvas) -> Canvas:
    rich = saturated(canvas, 1.6, 1.12)
    x, y = grid(stage.width, stage.height)
    bend = fractal(stage.rng("ornament"), stage.width, stage.height, 3, 3)
    u, v = (x / stage.unit + bend * 0.16) * 11, (y / stage.unit + bend * 0.16) * 11
    radius = np.sqrt((u % 1 - 0.5) ** 2 + (v % 1 - 0.5) ** 2)
    rosette = smoothstep(
        0.12, 0.2, np.asarray(np.abs(np.sin(radius * 22 + 3 * np.cos(6 * np.arctan2(v % 1 - 0.5, u % 1 - 0.5)))), np.float32)
    )
    dim = np.clip(1 - np.abs(luma(rich) - 0.45) * 1.6, 0, 1)
    hue = np.stack([0.6 + 0.4 * np.sin(bend * 9), 0.45 + 0.35 * np.sin(bend * 9 + 2), 0.5 + 0.4 * np.sin(bend * 9 + 4)], -1).astype(
        np.float32
    )
    return mix(rich, hue, np.asarray((1 - rosette) * dim * 0.42, np.float32))


def _midcentury(stage: Stage, canvas: Canvas) -> Canvas:
    colours = ((0.13, 0.19, 0.24), (0.12, 0.42, 0.45), (0.78, 0.34, 0.2), (0.88, 0.65, 0.25), (0.95, 0.89, 0.76))
    flat = recolour(_posterised(canvas, 5), colours, 0.82)
    speckle = stage.rng("print").random((stage.height, stage.width), dtype=np.float32)
    worn = fractal(stage.rng("worn"), stage.width, stage.height, 5, 6)
    faded = mix(flat, (0.95, 0.89, 0.76), smoothstep(0.62, 0.9, worn) * np.float32(0.25))
    return np.asarray(faded + ((speckle - 0.5) * 0.06)[..., None], np.float32)


def _photorealism(stage: Stage, canvas: Canvas) -> Canvas:
    """A lens: sharp middle, soft edges, gentle film curve."""
    away = 1 - vignette(stage.width, stage.height)
    soft = mix(canvas, blur(canvas, stage.unit * 0.004), smoothstep(0.2, 0.8, away))
    sharp = soft + (soft - blur(soft, 1.2)) * np.float32(0.5)
    curve = np.clip(sharp, 0, 1)
    curve = curve * curve * (3 - 2 * curve) * np.float32(0.35) + curve * np.float32(0.65)
    return saturated(np.asarray(curve * (1 - 0.22 * away)[..., None], np.float32), 0.9)


def _soft_painting(stage: Stage, canvas: Canvas) -> Canvas:
    """Short strokes along a slowly turning direction, on canvas weave."""
    x, y = full_grid(stage.width, stage.height)
    turn = fractal(stage.rng("strokes"), stage.width, stage.height, 5, 3) * np.float32(2 * np.pi)
    fine = stage.rng("bristles").standard_normal((stage.height, stage.width), dtype=np.float32)
    dx, dy = np.cos(turn), np.sin(turn)
    painted = np.zeros_like(canvas)
    jitter = blur(fine, 1.6) * np.float32(4 * stage.unit / 512)
    for step in (-3, -1, 1, 3):
        reach = np.float32(step * stage.unit / 700)
        painted += sample(canvas, x + dx * (reach + jitter), y + dy * (reach + jitter))
    painted = painted / np.float32(4)
    weave = 0.5 + 0.25 * np.sin(x * np.float32(1.9)) + 0.25 * np.sin(y * np.float32(1.9))
    return np.asarray(saturated(_smooth(painted, 0.8), 1.08) * (0.97 + 0.05 * weave)[..., None], np.float32)


_STYLES: dict[str, Callable[[Stage, Canvas], Canvas]] = {
    "3D_ANIMATED_FAMILY_FILM": _family_film,
    "DESIGN_SKETCH": _design_sketch,
    "FLAT_VECTOR_ILLUSTRATION": _flat_vector,
    "GRAPHIC_NOVEL_ILLUSTRATION": _graphic_novel,
    "MAXIMALISM": _maximalism,
    "MIDCENTURY_RETRO": _midcentury,
    "PHOTOREALISM": _photorealism,
    "SOFT_DIGITAL_PAINTING": _soft_painting,
}
