"""STABLE_IMAGE and SDXL_IMAGE: the scene that the prompt describes, or a picture on its way to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from darkroom_worker.local_bedrock.engine.control import controlled, fit
from darkroom_worker.local_bedrock.engine.encode import decode, decode_with_alpha, with_label
from darkroom_worker.local_bedrock.engine.inpainting import edited
from darkroom_worker.local_bedrock.engine.noise import fractal, normalised
from darkroom_worker.local_bedrock.engine.order import as_number, as_object, as_text
from darkroom_worker.local_bedrock.engine.raster import Canvas, Mask, Pixels, Plane, luma, mix, smoothstep, to_bytes, to_float
from darkroom_worker.local_bedrock.engine.scene import paint_scene, set_stage
from darkroom_worker.local_bedrock.engine.stability.areas import edited_by
from darkroom_worker.local_bedrock.engine.stability.ask import Ask
from darkroom_worker.local_bedrock.engine.stability.frames import enlarged_to, plane_at, working_size
from darkroom_worker.local_bedrock.engine.stability.presets import apply_preset, preset_over
from darkroom_worker.local_bedrock.engine.stage import Stage
from darkroom_worker.local_bedrock.engine.styles import saturated
from darkroom_worker.local_bedrock.engine.subject import subject_map
from darkroom_worker.local_bedrock.sizes import DEFAULT_SIZE, frame_of

_STRENGTH = 0.35
_IMAGE_STRENGTH = 0.35
_CFG_SCALE = 7.0
_MANY_STEPS = 40
_REPAINTED = 0.4
"""Strength at which a picture on its way to the scene is wholly repainted in the scene's colours."""
_SCENE_BEGINS = 0.3
"""Strength from which the scene itself takes over, the surroundings of the subject first."""
_SOFT = 0.25


def paint_stable_image(ask: Ask) -> Pixels:
    """Text to image at the aspect ratio's size; with an image, that image changed by `strength`, at its own size."""
    if ask.has("image"):
        return _from_picture(ask, ask.pixels(), ask.prompt, ask.negative, ask.number("strength", _STRENGTH))
    stage = set_stage(ask.prompt, ask.negative, ask.seed, *frame_of(ask.body.get("aspect_ratio")))
    return with_label(to_bytes(_scene(ask, stage)))


def paint_sdxl_image(ask: Ask) -> Pixels:
    """Text to image at the asked size, 1024 x 1024 by default; with an init_image that image changed, at the asked size or its own.

    image_strength near 1 stays close to the init_image, and so does step_schedule_start near 0. A mask keeps the very bits of what
    it does not mark. Sampler, guidance preset and extras have no counterpart here and change nothing; from 40 steps on detail is
    finer.
    """
    prompt, negative = weighted_prompts(ask.body.get("text_prompts"))
    if ask.has("init_image"):
        init, weight = _init(ask)
        strength = _sdxl_strength(ask)
        if weight is None:
            return _from_picture(ask, init, prompt, negative, strength)
        far = np.asarray(weight * min(1.0, strength / _REPAINTED), np.float32)
        return edited_by(init, far, lambda small, area: _masked(ask, small, area, prompt, negative))
    width, height = _sdxl_size(ask) or DEFAULT_SIZE
    stage = set_stage(prompt, negative, ask.seed, width, height, fine=ask.number("steps", 30) >= _MANY_STEPS)
    return with_label(to_bytes(_scene(ask, stage)))


def _masked(ask: Ask, pixels: Pixels, area: Mask, prompt: str, negative: str) -> Pixels:
    return preset_over(edited(pixels, area, prompt, negative, ask.seed), ask.preset, ask.seed)


def _sdxl_size(ask: Ask) -> tuple[int, int] | None:
    width, height = ask.number("width", 0), ask.number("height", 0)
    return (round(width), round(height)) if width and height else None


def _sdxl_strength(ask: Ask) -> float:
    if ask.text("init_image_mode") == "STEP_SCHEDULE":
        return ask.number("step_schedule_start", 1 - _IMAGE_STRENGTH)
    return 1 - ask.number("image_strength", _IMAGE_STRENGTH)


def _init(ask: Ask) -> tuple[Pixels, Plane | None]:
    """The init_image at the asked size, and how far each pixel may change; None without a mask."""
    source = ask.text("mask_source")
    pixels, alpha = decode_with_alpha(ask.need("init_image"))
    weight = np.asarray(1 - alpha, np.float32) if source == "INIT_IMAGE_ALPHA" else None
    if source == "":
        pixels = ask.pixels("init_image")
    elif ask.has("mask_image"):
        white = luma(to_float(decode(ask.need("mask_image"))))
        weight = white if source == "MASK_IMAGE_WHITE" else np.asarray(1 - white, np.float32)
    width, height = _sdxl_size(ask) or (pixels.shape[1], pixels.shape[0])
    return fit(pixels, width, height), None if weight is None else plane_at(weight, width, height)


def weighted_prompts(prompts: object) -> tuple[str, str]:
    """SDXL's prompts as one text, the weightiest first as it decides the scene, and the negatively weighted ones as another."""
    given = cast("Sequence[object]", prompts) if isinstance(prompts, list) else ()
    members: list[Mapping[str, object]] = [as_object(item) for item in given]
    told = [(as_number(item.get("weight"), 1.0), as_text(item.get("text"))) for item in members]
    wanted = [text for weight, text in sorted(told, key=lambda pair: -pair[0]) if weight > 0]
    unwanted = [text for weight, text in told if weight < 0]
    return ", ".join(wanted), ", ".join(unwanted)


def _scene(ask: Ask, stage: Stage) -> Canvas:
    canvas = apply_preset(stage, paint_scene(stage), ask.preset)
    firmness = max(-1.0, min(1.0, (ask.number("cfg_scale", _CFG_SCALE) - _CFG_SCALE) / 10))
    return saturated(canvas, 1 + 0.22 * firmness, 1 + 0.06 * firmness) if firmness else canvas


def _from_picture(ask: Ask, pixels: Pixels, prompt: str, negative: str, strength: float) -> Pixels:
    """The picture at 0, the prompt's scene at 1; between them first the colours change, then the scene grows into the picture."""
    if strength <= 0:
        return pixels
    height, width = pixels.shape[:2]
    stage = set_stage(prompt, negative, ask.seed, *working_size(width, height))
    own = fit(pixels, stage.width, stage.height)
    scene = _scene(ask, stage)
    repainted = apply_preset(stage, controlled(stage, own, 0.72, segments=False, scene=scene), ask.preset)
    canvas = mix(to_float(own), repainted, min(1.0, strength / _REPAINTED))
    canvas = mix(canvas, scene, _taken_over(stage, own, strength))
    return enlarged_to(to_bytes(canvas), width, height)


def _taken_over(stage: Stage, own: Pixels, strength: float) -> Plane:
    """Where the scene shows, 0-1: in patches that spread, over the picture's subject last; everywhere at strength 1."""
    patches = fractal(stage.rng("take over"), stage.width, stage.height, 3, 3)
    turn = normalised(np.asarray(subject_map(own) + patches * np.float32(0.7), np.float32))
    reached = (strength - _SCENE_BEGINS) / (1 - _SCENE_BEGINS) * (1 + _SOFT)
    return smoothstep(0, _SOFT, np.asarray(reached - turn, np.float32))
