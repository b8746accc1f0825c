"""STYLE_GUIDE (a new scene in a picture's palette and grain) and STYLE_TRANSFER (an old picture in another's)."""

from __future__ import annotations

import numpy as np

from darkroom_worker.local_bedrock.engine.encode import with_label
from darkroom_worker.local_bedrock.engine.noise import fractal, generator
from darkroom_worker.local_bedrock.engine.raster import Canvas, Pixels, bilateral, blur, full_grid, mix, sample, to_bytes, to_float
from darkroom_worker.local_bedrock.engine.scene import finish, paint_scene, set_stage
from darkroom_worker.local_bedrock.engine.stability.ask import Ask
from darkroom_worker.local_bedrock.engine.stability.frames import enlarged_to, reduced
from darkroom_worker.local_bedrock.engine.stability.presets import apply_preset
from darkroom_worker.local_bedrock.engine.stability.tone import graded, textured
from darkroom_worker.local_bedrock.engine.variation import worded
from darkroom_worker.local_bedrock.engine.vision import read_prompt
from darkroom_worker.local_bedrock.sizes import frame_of

_FIDELITY = 0.5
_COMPOSITION_FIDELITY = 0.9
_STYLE_STRENGTH = 1.0
_CHANGE_STRENGTH = 0.9
_WORDS = 0.5


def paint_style_guide(ask: Ask) -> Pixels:
    """The prompt's scene at the aspect ratio's size; fidelity says how far colours and grain are the image's."""
    like = ask.pixels()
    fidelity = ask.number("fidelity", _FIDELITY)
    stage = set_stage(ask.prompt, ask.negative, ask.seed, *frame_of(ask.body.get("aspect_ratio")))
    canvas = apply_preset(stage, finish(stage, paint_scene(stage, finished=False)), ask.preset)
    amount = 0.15 + 0.85 * fidelity
    return with_label(to_bytes(textured(graded(canvas, like, amount), like, amount)))


def paint_style_transfer(ask: Ask) -> Pixels:
    """init_image in style_image's palette, contrast and grain; of init_image's size.

    style_strength: how far the style is taken over. composition_fidelity: below 1 shapes loosen and run. change_strength: how
    much of all this is let through, the rest is init_image itself.
    """
    whole = ask.pixels("init_image")
    init, like = reduced(whole), ask.pixels("style_image")
    own = to_float(init)
    strength = ask.number("style_strength", _STYLE_STRENGTH)
    canvas = _loosened(own, 1 - ask.number("composition_fidelity", _COMPOSITION_FIDELITY), ask.seed)
    canvas = textured(graded(canvas, like, strength), like, strength * 0.8)
    if ask.prompt:
        canvas = worded(canvas, read_prompt(ask.prompt, ask.negative), generator("style", ask.prompt, ask.seed), _WORDS)
    canvas = mix(own, canvas, ask.number("change_strength", _CHANGE_STRENGTH))
    return enlarged_to(to_bytes(canvas), whole.shape[1], whole.shape[0])


def _loosened(canvas: Canvas, freedom: float, seed: int) -> Canvas:
    """Shapes painted more broadly and out of place, by up to 6 % of the shorter side."""
    if freedom <= 0:
        return canvas
    height, width = canvas.shape[:2]
    unit = min(height, width)
    rng = generator("loose", seed)
    broad = to_float(bilateral(to_bytes(blur(canvas, unit * 0.006 * freedom)), 7, 30 + 70 * freedom, 7))
    x, y = full_grid(width, height)
    reach = np.float32(unit * 0.12 * freedom)
    dx, dy = (fractal(rng, width, height, 5, 3) - np.float32(0.5) for _ in range(2))
    return sample(broad, x + dx * reach, y + dy * reach)
