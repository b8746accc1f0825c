"""Procedural text to image: reads a prompt and paints it. No model is involved and the picture does not pretend one was."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from darkroom_worker.local_bedrock.engine.beyond import paint_abstract, paint_dream, paint_high_sky, paint_space
from darkroom_worker.local_bedrock.engine.indoors import paint_studio, paint_table
from darkroom_worker.local_bedrock.engine.land import paint_desert, paint_meadow, paint_mountains
from darkroom_worker.local_bedrock.engine.lexicon import Setting
from darkroom_worker.local_bedrock.engine.palette import choose_palette
from darkroom_worker.local_bedrock.engine.raster import Canvas, blur, luma, vignette
from darkroom_worker.local_bedrock.engine.stage import Backdrop, Stage
from darkroom_worker.local_bedrock.engine.things import add_things
from darkroom_worker.local_bedrock.engine.town import paint_city
from darkroom_worker.local_bedrock.engine.vision import read_prompt
from darkroom_worker.local_bedrock.engine.water import paint_beach, paint_lake, paint_sea, paint_underwater
from darkroom_worker.local_bedrock.engine.weather import add_weather
from darkroom_worker.local_bedrock.engine.woods import paint_forest

_PAINTERS: dict[Setting, Callable[[Stage], Backdrop]] = {
    "sea": paint_sea,
    "beach": paint_beach,
    "lake": paint_lake,
    "mountains": paint_mountains,
    "forest": paint_forest,
    "desert": paint_desert,
    "city": paint_city,
    "space": paint_space,
    "meadow": paint_meadow,
    "table": paint_table,
    "studio": paint_studio,
    "abstract": paint_abstract,
    "underwater": paint_underwater,
    "sky": paint_high_sky,
    "dream": paint_dream,
}


def set_stage(text: str, negative: str, seed: int, width: int, height: int, *, fine: bool = False) -> Stage:
    """The stage for a prompt: everything random in it follows from prompt, negative text and seed."""
    vision = read_prompt(text, negative)
    return Stage(width, height, vision, choose_palette(vision), f"{text}\x1e{negative}\x1e{seed}", fine)


def paint_scene(stage: Stage, *, things: bool = True, finished: bool = True) -> Canvas:
    """Paints a stage: surroundings, things, weather, then the finish.

    Args:
        things: False leaves the nouns out: surroundings for a subject that is already there.
        finished: False leaves out vignette and bloom, so that the result joins a photograph.
    """
    backdrop = _PAINTERS[stage.vision.setting](stage)
    canvas = add_things(stage, backdrop) if things else backdrop.canvas
    canvas = add_weather(stage, canvas)
    return finish(stage, canvas) if finished else canvas


def finish(stage: Stage, canvas: Canvas) -> Canvas:
    """Bloom around bright places, a vignette and slight grain."""
    bright = np.clip(luma(canvas) - 0.82, 0, 1)[..., None] * canvas
    lit = canvas + blur(bright.astype(np.float32), stage.unit * 0.02) * np.float32(0.5)
    lit = lit * (0.8 + 0.2 * vignette(stage.width, stage.height))[..., None]
    # Grain in steps of two levels: it hides banding and keeps the PNG from growing too much.
    grain = stage.rng("grain").integers(-1, 2, (stage.height, stage.width), dtype=np.int8).astype(np.float32)
    return np.asarray(np.clip(lit + grain[..., None] * np.float32(0.0035 if stage.fine else 0.005), 0, 1), dtype=np.float32)
