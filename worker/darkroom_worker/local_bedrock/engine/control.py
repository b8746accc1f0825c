"""TEXT_IMAGE with a condition picture: the prompt's colours in the control picture's structure.

CANNY_EDGE keeps lines and light of the control picture, SEGMENTATION keeps its areas. The painting is made over the control
picture, so that its structure is truly there.
"""

from __future__ import annotations

import numpy as np

from darkroom_worker.local_bedrock.engine.encode import decode, encode, with_label
from darkroom_worker.local_bedrock.engine.noise import fractal
from darkroom_worker.local_bedrock.engine.oklab import from_lab, look_up, ramp, shade, to_lab
from darkroom_worker.local_bedrock.engine.order import Order, Rendered, as_number, as_text
from darkroom_worker.local_bedrock.engine.raster import (
    Canvas,
    Pixels,
    Plane,
    Rgb,
    bilateral,
    blur,
    edges,
    grid,
    mean_shift,
    mix,
    normalised_ranks,
    resize,
    resize_pixels,
    to_bytes,
    to_float,
)
from darkroom_worker.local_bedrock.engine.scene import finish, paint_scene, set_stage
from darkroom_worker.local_bedrock.engine.stage import Stage
from darkroom_worker.local_bedrock.engine.styles import apply_style, saturated
from darkroom_worker.local_bedrock.engine.subject import subject_map

_DEFAULT_STRENGTH = 0.7
_SEGMENT_SIDE = 384


def render_controlled(order: Order) -> Rendered:
    """All pictures of a TEXT_IMAGE order with a conditionImage, labelled, width x height of the order."""
    control = fit(decode(order.need("conditionImage")), *order.size)
    return Rendered(tuple(encode(with_label(_painted(order, control, order.seed_of(index)))) for index in range(order.count)))


def fit(pixels: Pixels, width: int, height: int) -> Pixels:
    """The picture scaled to cover the frame, its overhang cut off evenly."""
    rows, columns = pixels.shape[:2]
    scale = max(width / columns, height / rows)
    large = resize_pixels(
        pixels, max(width, round(columns * scale)), max(height, round(rows * scale)), "area" if scale < 1 else "cubic"
    )
    top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
    return np.ascontiguousarray(large[top : top + height, left : left + width])


def _painted(order: Order, control: Pixels, seed: int) -> Pixels:
    strength = as_number(order.params.get("controlStrength"), _DEFAULT_STRENGTH)
    stage = set_stage(order.text, order.negative, seed, *order.size, fine=order.fine)
    canvas = controlled(stage, control, strength, segments=order.params.get("controlMode") == "SEGMENTATION")
    canvas = apply_style(stage, finish(stage, canvas), as_text(order.params.get("style")))
    return to_bytes(saturated(canvas, 1 + 0.2 * order.firmness) if order.firmness else canvas)


def controlled(stage: Stage, control: Pixels, strength: float, *, segments: bool, scene: Canvas | None = None) -> Canvas:
    """The stage's prompt painted over a control picture of the stage's size, without the finish.

    Args:
        strength: 0 leaves the control picture out, 1 follows it closely.
        segments: keep its areas instead of its lines and light.
        scene: the prompt's scene, if it is painted already.
    """
    free = paint_scene(stage, things=strength < 0.35, finished=False) if scene is None else scene
    built = _areas(stage, control, free) if segments else _lines(stage, control, free)
    canvas = mix(free, built, float(np.clip(0.25 + strength * 1.05, 0, 1)) if strength > 0 else 0.0)
    if not segments:
        canvas = mix(canvas, shade(stage.palette.ground[0], -0.25, 0.5), edges(control, 60, 150) * np.float32(0.55 * strength))
    return canvas


def ramps_of(stage: Stage) -> tuple[tuple[Rgb, ...], tuple[Rgb, ...]]:
    """Ramp of the surroundings and ramp of the subject, dark to light."""
    palette = stage.palette
    around: tuple[Rgb, ...] = (
        shade(palette.sky[0], -0.12),
        palette.sky[len(palette.sky) // 2],
        palette.haze,
        shade(palette.light, 0.02),
    )
    if stage.vision.setting in ("forest", "meadow", "desert", "table", "mountains"):
        around = (shade(palette.ground[0], -0.14), palette.ground[1], palette.ground[2], shade(palette.light, 0.0))
    main = stage.vision.things[0].colour if stage.vision.things else (stage.vision.colours or (palette.ground[1],))[0]
    return around, (shade(main, -0.42), shade(main, -0.2), main, shade(main, 0.18, 0.85))


def _recoloured(stage: Stage, base: Pixels, subject: Plane, own: float) -> Canvas:
    """The base in the prompt's colours, the subject in its own ramp; `own` of the base's hue shines through."""
    lab = to_lab(base)
    light = lab[..., 0]
    rank = normalised_ranks(light) * np.float32(0.45) + light * np.float32(0.55)
    around, main = ramps_of(stage)
    drift = fractal(stage.rng("control drift"), stage.width, stage.height, 2.5, 3) - 0.5
    outside = look_up(ramp(around), np.asarray(rank + drift * 0.22, np.float32))
    inside = look_up(ramp(main), np.asarray(rank + drift * 0.1, np.float32))
    out = to_lab(to_bytes(mix(outside, inside, subject * np.float32(0.9))))
    out[..., 0] = out[..., 0] * np.float32(0.35) + light * np.float32(0.65)
    out[..., 1:] += lab[..., 1:] * np.float32(own)
    return from_lab(out)


def _lines(stage: Stage, control: Pixels, free: Canvas) -> Canvas:
    """Light and lines of the control picture, smoothed like paint; wide flat areas take over the free scene's colour."""
    smooth = bilateral(control, 7, 65, 7)
    painted = _recoloured(stage, smooth, subject_map(control), 0.12)
    flat = _flatness(stage, control)
    calm = np.clip(flat * (1 - subject_map(control)), 0, 1) * np.float32(0.42)
    # Only its colour: lines of another scene would contradict the control picture.
    return mix(painted, blur(free, stage.unit * 0.06), calm)


def _flatness(stage: Stage, control: Pixels) -> Plane:
    busy = blur(edges(control, 40, 110), stage.unit * 0.02)
    return np.asarray(np.clip(1 - busy * 7, 0, 1), dtype=np.float32)


def _areas(stage: Stage, control: Pixels, free: Canvas) -> Canvas:
    """Areas of the control picture as flat paint with some of the free scene's texture in each."""
    height, width = control.shape[:2]
    factor = min(1.0, _SEGMENT_SIDE / max(height, width))
    small = resize_pixels(control, max(8, round(width * factor)), max(8, round(height * factor)))
    flat = to_bytes(resize(to_float(mean_shift(small, 10, 26)), width, height, "linear"))
    painted = _recoloured(stage, flat, subject_map(control), 0.06)
    texture = free - blur(free, stage.unit * 0.02)
    _, y = grid(width, height)
    lit = 1.04 - 0.1 * y / height
    return np.asarray(np.clip(painted * lit[..., None] + texture * np.float32(0.55), 0, 1), dtype=np.float32)
