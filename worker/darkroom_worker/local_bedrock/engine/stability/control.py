"""CONTROL_SKETCH and CONTROL_STRUCTURE: the prompt painted over the lines, or the areas, of an image; of the image's size."""

from __future__ import annotations

import numpy as np

from darkroom_worker.local_bedrock.engine.control import controlled, fit, ramps_of
from darkroom_worker.local_bedrock.engine.encode import with_label
from darkroom_worker.local_bedrock.engine.noise import fractal
from darkroom_worker.local_bedrock.engine.oklab import look_up, ramp, shade, to_lab
from darkroom_worker.local_bedrock.engine.raster import (
    Canvas,
    Mask,
    Pixels,
    Plane,
    areas,
    blur,
    close_gaps,
    depth,
    luma,
    mix,
    smoothstep,
    to_bytes,
    to_float,
)
from darkroom_worker.local_bedrock.engine.scene import finish, paint_scene, set_stage
from darkroom_worker.local_bedrock.engine.stability.ask import Ask
from darkroom_worker.local_bedrock.engine.stability.frames import enlarged_to, working_size
from darkroom_worker.local_bedrock.engine.stability.presets import apply_preset
from darkroom_worker.local_bedrock.engine.stage import Stage

_STRENGTH = 0.7
_PAPER_LIGHT = 0.85
_PAPER_CHROMA = 0.03
_SMALLEST_SHARE = 0.0004


def paint_control_sketch(ask: Ask) -> Pixels:
    """A drawing on paper is coloured in; any other picture gives its lines and light."""
    return _painted(ask, sketch=True)


def paint_control_structure(ask: Ask) -> Pixels:
    """The areas of the image in the prompt's colours."""
    return _painted(ask, sketch=False)


def _painted(ask: Ask, *, sketch: bool) -> Pixels:
    pixels = ask.pixels()
    height, width = pixels.shape[:2]
    strength = ask.number("control_strength", _STRENGTH)
    stage = set_stage(ask.prompt, ask.negative, ask.seed, *working_size(width, height))
    control = fit(pixels, stage.width, stage.height)
    if sketch and is_drawing(control):
        canvas = _coloured_in(stage, control, strength)
    else:
        canvas = controlled(stage, control, strength, segments=not sketch)
    canvas = apply_preset(stage, finish(stage, canvas), ask.preset)
    return with_label(enlarged_to(to_bytes(canvas), width, height))


def is_drawing(pixels: Pixels) -> bool:
    """Whether a picture is lines on light paper: most of it bright and without colour."""
    lab = to_lab(pixels[::4, ::4])
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    return bool(np.median(lab[..., 0]) > _PAPER_LIGHT and np.median(chroma) < _PAPER_CHROMA)


def _coloured_in(stage: Stage, drawing: Pixels, strength: float) -> Canvas:
    """The scene behind the drawing, its closed shapes in the subject's colours, its lines on top."""
    ink = np.asarray(np.clip((0.8 - luma(to_float(drawing))) * 2.2, 0, 1), np.float32)
    free = paint_scene(stage, things=False, finished=False)
    shapes, tone = _shapes(stage, ink)
    _, main = ramps_of(stage)
    filled = mix(
        free, look_up(ramp(main), tone), blur(shapes.astype(np.float32), stage.unit * 0.001) * np.float32(min(1, strength * 1.3))
    )
    return mix(filled, shade(main[0], -0.12, 0.6), np.asarray(ink * np.float32(min(1, strength * 1.35)), np.float32))


def _shapes(stage: Stage, ink: Plane) -> tuple[Mask, Plane]:
    """Where closed shapes are, and their tone 0-1: each its own, rounded towards its edge."""
    gap = max(1, round(stage.unit * 0.004))
    lines = close_gaps(ink > 0.3, gap)
    labels, facts = areas(~lines)
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    open_air = np.unique(rim)
    inside = (labels > 0) & ~np.isin(labels, open_air)
    big = facts[:, 4] > _SMALLEST_SHARE * ink.size
    inside &= big[labels]
    own = stage.rng("shapes").uniform(0.38, 0.86, len(facts)).astype(np.float32)
    # Lines between two shapes belong to them: paint reaches under the ink.
    covered = close_gaps(inside, gap * 3) & ~np.isin(labels, open_air)
    round_off = smoothstep(0, stage.unit * 0.06, depth(inside)) * np.float32(0.16) - np.float32(0.1)
    texture = (fractal(stage.rng("wash"), stage.width, stage.height, 6, 5) - np.float32(0.5)) * np.float32(0.14)
    return covered, np.asarray(own[labels] + round_off + texture, np.float32)
