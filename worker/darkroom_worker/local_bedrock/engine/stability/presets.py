"""The 17 style presets as picture treatments; those that Nova Canvas has under another name are shared with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from darkroom_worker.local_bedrock.engine.palette import recolour
from darkroom_worker.local_bedrock.engine.raster import (
    Canvas,
    Pixels,
    blur,
    cells,
    edges,
    grid,
    luma,
    median,
    mix,
    resize,
    smoothstep,
    to_bytes,
    to_float,
    vignette,
)
from darkroom_worker.local_bedrock.engine.scene import set_stage
from darkroom_worker.local_bedrock.engine.stage import Stage
from darkroom_worker.local_bedrock.engine.styles import apply_style, saturated

_SHARED: Mapping[str, str] = {
    "3d-model": "3D_ANIMATED_FAMILY_FILM",
    "comic-book": "GRAPHIC_NOVEL_ILLUSTRATION",
    "digital-art": "SOFT_DIGITAL_PAINTING",
    "fantasy-art": "MAXIMALISM",
    "isometric": "FLAT_VECTOR_ILLUSTRATION",
    "line-art": "DESIGN_SKETCH",
    "photographic": "PHOTOREALISM",
}


def apply_preset(stage: Stage, canvas: Canvas, preset: str) -> Canvas:
    """The canvas in that preset; an empty or unknown one leaves it."""
    treat = _PRESETS.get(preset)
    if treat is None:
        return apply_style(stage, canvas, _SHARED.get(preset, ""))
    return np.clip(treat(stage, canvas), 0, 1).astype(np.float32)


def preset_over(pixels: Pixels, preset: str, seed: int) -> Pixels:
    """Finished pixels in that preset."""
    if not preset:
        return pixels
    stage = set_stage("", "", seed, pixels.shape[1], pixels.shape[0])
    return to_bytes(apply_preset(stage, to_float(pixels), preset))


def _analog_film(stage: Stage, canvas: Canvas) -> Canvas:
    """Lifted blacks, warm lights, visible grain."""
    faded = np.float32(0.07) + saturated(canvas, 0.82, 0.92) * np.asarray((0.93, 0.88, 0.8), np.float32)
    grain = blur(stage.rng("film").standard_normal((stage.height, stage.width), dtype=np.float32), 0.8)
    return np.asarray(
        faded * (0.82 + 0.18 * vignette(stage.width, stage.height))[..., None] + (grain * 0.035)[..., None], np.float32
    )


def _anime(stage: Stage, canvas: Canvas) -> Canvas:
    """Flat bright colour with thin dark lines."""
    flat = saturated(np.round(to_float(median(to_bytes(canvas), 7)) * 9).astype(np.float32) / np.float32(9), 1.45, 1.08)
    lines = np.clip(blur(edges(to_bytes(canvas), 50, 130), stage.unit / 1400) * 1.6, 0, 1)
    return mix(np.asarray(flat + 0.03, np.float32), (0.12, 0.1, 0.2), np.asarray(lines * 0.7, np.float32))


def _cinematic(stage: Stage, canvas: Canvas) -> Canvas:
    """Teal shadows, orange lights, more contrast, darker corners."""
    light = smoothstep(0.15, 0.8, luma(canvas))[..., None]
    tint = np.asarray((-0.05, 0.015, 0.05), np.float32) * (1 - light) + np.asarray((0.07, 0.02, -0.06), np.float32) * light
    corners = (0.66 + 0.34 * vignette(stage.width, stage.height))[..., None]
    return np.asarray((saturated(canvas, 1.05, 1.18) + tint) * corners, np.float32)


def _enhance(stage: Stage, canvas: Canvas) -> Canvas:
    sharp = canvas + (canvas - blur(canvas, stage.unit * 0.003)) * np.float32(0.9)
    return saturated(np.clip(sharp, 0, 1).astype(np.float32), 1.3, 1.1)


def _faceted(stage: Stage, canvas: Canvas, part: str, side: float) -> Canvas:
    """Flat cells of about that side, each in the canvas's mean colour there."""
    across, down = max(4, round(stage.width / side)), max(4, round(stage.height / side))
    jitter = stage.rng(part).uniform(-0.42, 0.42, (down, across, 2))
    x = (np.arange(across)[None, :] + 0.5 + jitter[..., 0]) * (stage.width / across)
    y = (np.arange(down)[:, None] + 0.5 + jitter[..., 1]) * (stage.height / down)
    return cells(canvas, np.stack([x.ravel(), y.ravel()], 1))


def _low_poly(stage: Stage, canvas: Canvas) -> Canvas:
    return saturated(_faceted(stage, canvas, "low poly", stage.unit * 0.028), 1.15)


def _origami(stage: Stage, canvas: Canvas) -> Canvas:
    """Large folded facets, each lit a little from one side."""
    flat = _faceted(stage, canvas, "origami", stage.unit * 0.045)
    soft = blur(luma(flat), stage.unit * 0.006)
    fold = (np.gradient(soft, axis=0) + np.gradient(soft, axis=1)).astype(np.float32) * np.float32(stage.unit * 0.012)
    return np.asarray(saturated(flat, 1.1) * 0.92 + 0.06 + np.clip(fold, -0.12, 0.12)[..., None], np.float32)


def _modeling_compound(stage: Stage, canvas: Canvas) -> Canvas:
    """Soft lumps with a wet light on them."""
    smooth = to_float(median(median(to_bytes(canvas), 9), 9))
    height = blur(luma(smooth), stage.unit * 0.006)
    light = (np.gradient(height, axis=0) + np.gradient(height, axis=1)).astype(np.float32) * np.float32(stage.unit * 0.02)
    return np.asarray(saturated(smooth, 1.2) * 0.94 + np.clip(-light, -0.2, 0.25)[..., None], np.float32)


def _neon_punk(stage: Stage, canvas: Canvas) -> Canvas:
    """Magenta, violet and cyan on black, glowing edges."""
    colours = ((0.03, 0.01, 0.09), (0.25, 0.05, 0.45), (0.85, 0.1, 0.6), (0.15, 0.75, 0.95), (0.9, 0.98, 1.0))
    dark = recolour(np.asarray(canvas**1.6, np.float32), colours, 0.88)
    lines = edges(to_bytes(canvas), 40, 120)
    glow = blur(lines, stage.unit * 0.006) * np.float32(1.6) + blur(lines, stage.unit * 0.001)
    return np.asarray(dark * 0.75 + np.clip(glow, 0, 1)[..., None] * np.asarray((0.9, 0.2, 0.8), np.float32) * 0.8, np.float32)


def _pixel_art(stage: Stage, canvas: Canvas) -> Canvas:
    """About 128 blocks along the shorter side, six levels a channel."""
    side = stage.unit / 128
    small = resize(canvas, max(8, round(stage.width / side)), max(8, round(stage.height / side)), "area")
    levels = np.round(saturated(small, 1.25) * 6).astype(np.float32) / np.float32(6)
    return resize(levels, stage.width, stage.height, "nearest")


def _tile_texture(stage: Stage, canvas: Canvas) -> Canvas:
    """The middle repeated two by two, every second one mirrored, so that the seams join."""
    half = resize(canvas, -(-stage.width // 2), -(-stage.height // 2), "area")
    row = np.concatenate([half, half[:, ::-1]], 1)
    whole = np.concatenate([row, row[::-1]])[: stage.height, : stage.width]
    x, y = grid(stage.width, stage.height)
    joint = np.minimum(np.abs(x - stage.width / 2), np.abs(y - stage.height / 2)) < stage.unit * 0.002
    return mix(np.ascontiguousarray(whole), (0.25, 0.24, 0.22), joint.astype(np.float32) * np.float32(0.5))


_PRESETS: Mapping[str, Callable[[Stage, Canvas], Canvas]] = {
    "analog-film": _analog_film,
    "anime": _anime,
    "cinematic": _cinematic,
    "enhance": _enhance,
    "low-poly": _low_poly,
    "modeling-compound": _modeling_compound,
    "neon-punk": _neon_punk,
    "origami": _origami,
    "pixel-art": _pixel_art,
    "tile-texture": _tile_texture,
}
