"""SEARCH_AND_RECOLOR: another colour where `select_prompt` finds something; light and shade stay."""

from __future__ import annotations

import re

import numpy as np

from darkroom_worker.local_bedrock.engine.fill import put_back
from darkroom_worker.local_bedrock.engine.lexicon import COLOURS
from darkroom_worker.local_bedrock.engine.masks import found_area
from darkroom_worker.local_bedrock.engine.oklab import from_lab, lab_of, parse_hex, to_lab
from darkroom_worker.local_bedrock.engine.palette import word_colours
from darkroom_worker.local_bedrock.engine.raster import Canvas, Mask, Pixels, Plane, Rgb, bounds, depth, grow, mix, to_float
from darkroom_worker.local_bedrock.engine.stability.areas import GROW_MASK
from darkroom_worker.local_bedrock.engine.stability.ask import Ask
from darkroom_worker.local_bedrock.engine.stability.presets import preset_over
from darkroom_worker.local_bedrock.engine.vision import words_of

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_LIGHTNESS_SHARE = 0.35


def paint_search_recolor(ask: Ask) -> Pixels:
    """The image with the selected area in the prompt's colour; every pixel outside keeps its bits."""
    pixels = ask.pixels()
    core = found_area(pixels, ask.text("select_prompt"))
    rim = round(ask.number("grow_mask", GROW_MASK))
    area = grow(core, rim)
    box = bounds(area)
    if box is None:
        return pixels
    left, top, right, bottom = box
    cut = np.s_[top:bottom, left:right]
    part, inside = np.ascontiguousarray(pixels[cut]), area[cut]
    new = _recoloured(part, core[cut], wanted_colour(ask.prompt))
    new = to_float(preset_over(_mixed(part, new, _fading(core[cut], inside, rim)), ask.preset, ask.seed))
    out = pixels.copy()
    out[cut] = put_back(new, part, inside)
    return out


def wanted_colour(prompt: str) -> Rgb:
    """The colour that a prompt names, by `#RRGGBB` or by word; where it names none, one drawn from its words."""
    hexed = _HEX.search(prompt)
    if hexed is not None:
        return parse_hex(hexed[0])
    words = words_of(prompt)
    return next((COLOURS[word] for word in words if word in COLOURS), None) or word_colours(words, 2)[1]


def _recoloured(pixels: Pixels, core: Mask, colour: Rgb) -> Canvas:
    """Hue and chroma of the colour; lightness moves a little towards it as a whole, so that its structure stays."""
    lab, target = to_lab(pixels), lab_of(colour)
    light = lab[..., 0]
    middle = float(light[core].mean()) if core.any() else 0.5
    light += np.float32((float(target[0]) - middle) * _LIGHTNESS_SHARE)
    # Chroma fades towards black and white, as paint does in deep shade and in a highlight.
    strength = np.clip(1 - np.abs(light - target[0]) * 0.7, 0.25, 1)
    lab[..., 1] = target[1] * strength
    lab[..., 2] = target[2] * strength
    return from_lab(np.asarray(lab, np.float32))


def _fading(core: Mask, area: Mask, rim: int) -> Plane:
    """1 in the core, falling over the rim that `grow_mask` adds."""
    away = np.clip(depth(area) / np.float32(rim + 1), 0, 1) if rim else area.astype(np.float32)
    return np.where(core, np.float32(1), away).astype(np.float32)


def _mixed(pixels: Pixels, new: Canvas, weight: Plane) -> Pixels:
    return np.asarray(np.round(np.clip(mix(to_float(pixels), new, weight), 0, 1) * 255), dtype=np.uint8)
