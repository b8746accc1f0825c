"""Puts something new into a hole of a photograph: a thing where the words name one, else surroundings."""

from __future__ import annotations

import numpy as np

from darkroom_worker.local_bedrock.engine.fill import around, inner_feather, match_tone
from darkroom_worker.local_bedrock.engine.glyphs import Sprite, paint_glyph
from darkroom_worker.local_bedrock.engine.noise import generator
from darkroom_worker.local_bedrock.engine.oklab import from_lab, to_lab
from darkroom_worker.local_bedrock.engine.raster import Canvas, Mask, Plane, blur, bounds, luma, mix, resize, steps, to_bytes
from darkroom_worker.local_bedrock.engine.scene import paint_scene, set_stage
from darkroom_worker.local_bedrock.engine.vision import Thing

_BIG_SHARE = 0.3
_MIDDLE_SHARE = 0.8
_THING_INK = 0.45


def is_surroundings(hole: Mask) -> bool:
    """True if a hole is rather the background of a picture than a place for one thing."""
    edge = np.concatenate([hole[0], hole[-1], hole[:, 0], hole[:, -1]])
    return bool(hole.mean() > _BIG_SHARE and edge.mean() > 0.3)


def has_its_middle(hole: Mask) -> bool:
    """True if the middle of a hole's box is in the hole: room for one big thing, not a ring around something that stays."""
    box = bounds(hole)
    if box is None:
        return False
    left, top, right, bottom = box
    third_x, third_y = (right - left) // 3, (bottom - top) // 3
    return bool(hole[top + third_y : bottom - third_y, left + third_x : right - third_x].mean() > _MIDDLE_SHARE)


def paint_surroundings(photo: Canvas, hole: Mask, text: str, negative: str, seed: int, *, fine: bool) -> Canvas:
    """A painted scene for the hole, in the light of the photograph around it.

    A hole that reaches round the frame gets the scene at full size, a smaller one gets the whole scene inside its box.
    """
    height, width = hole.shape
    if is_surroundings(hole):
        stage = set_stage(text, negative, seed, width, height, fine=fine)
        return match_tone(paint_scene(stage, things=False, finished=False), photo, ~hole, 0.12)
    box = bounds(hole)
    if box is None:
        return photo
    left, top, right, bottom = box
    stage = set_stage(text, negative, seed, max(64, right - left), max(64, bottom - top), fine=fine)
    scene = resize(paint_scene(stage, finished=False), right - left, bottom - top)
    out = photo.copy()
    out[top:bottom, left:right] = match_tone(scene, photo, around(hole, 24), 0.5) if scene.shape[:2] != hole.shape else scene
    return out


def paint_thing(filled: Canvas, hole: Mask, thing: Thing, text: str, seed: int) -> Canvas | None:
    """The thing painted big into the hole of an already filled photograph; None without the font.

    It is lit from the side where the photograph is brighter, takes over some of its cast and its grain, and throws a soft shadow
    that stays inside the hole.
    """
    sprite = paint_glyph(thing.glyph, thing.colour, f"{text} {seed}", _THING_INK)
    box = bounds(hole)
    if sprite is None or box is None:
        return None
    fitted, left, top = _fit(sprite, hole, box, flip=bool(generator("flip", text, seed).random() < 0.5))
    room = inner_feather(hole, min(hole.shape) * 0.012)
    lit = _in_light_of(fitted, filled, hole, seed)
    out = filled
    if thing.stand in ("ground", "table", "water"):
        out = mix(out, (0.03, 0.03, 0.04), _ground_shadow(hole.shape, fitted, left, top) * room * np.float32(0.6))
    cover = np.zeros(hole.shape, np.float32)
    colour = np.zeros((*hole.shape, 3), np.float32)
    rows, columns = fitted.alpha.shape
    cover[top : top + rows, left : left + columns] = fitted.alpha
    colour[top : top + rows, left : left + columns] = lit
    return mix(out, colour, cover * room)


def _fit(sprite: Sprite, hole: Mask, box: tuple[int, int, int, int], *, flip: bool) -> tuple[Sprite, int, int]:
    """The sprite scaled to the hole so that hardly any of it falls outside; it stands on the hole's lower edge."""
    left, top, right, bottom = box
    ratio = sprite.alpha.shape[1] / sprite.alpha.shape[0]
    tallest = min((bottom - top) * 0.94, (right - left) * 0.94 / ratio)
    x, y, fitted = left, top, sprite.scaled(2)
    for share in (1.0, 0.9, 0.8, 0.7, 0.6):
        fitted = sprite.scaled(max(2, round(tallest * share)), flip=flip)
        rows, columns = fitted.alpha.shape
        x = max(0, min(round((left + right - columns) / 2), hole.shape[1] - columns))
        y = max(0, min(round(bottom - (bottom - top) * 0.03 - rows), hole.shape[0] - rows))
        inside = fitted.alpha * hole[y : y + rows, x : x + columns]
        if float(inside.sum()) > 0.93 * float(fitted.alpha.sum()):
            break
    return fitted, x, y


def _in_light_of(sprite: Sprite, photo: Canvas, hole: Mask, seed: int) -> Canvas:
    ring = around(hole, max(8, min(hole.shape) // 16))
    if not ring.any():
        return sprite.colour
    box = bounds(hole)
    middle = (box[0] + box[2]) / 2 if box else 0.0
    light = luma(photo)
    x = np.broadcast_to(steps(hole.shape[1]), hole.shape)
    left, right = light[ring & (x < middle)], light[ring & (x >= middle)]
    lean = float(np.clip((right.mean() if right.size else 0.5) - (left.mean() if left.size else 0.5), -0.3, 0.3))
    around_lab = to_lab(to_bytes(photo[ring][None]))[0].mean(axis=0)
    lab = to_lab(to_bytes(sprite.colour))
    # Half way to the exposure around it, a quarter to its colour cast.
    lab[..., 0] *= np.float32(0.55 + 0.45 * np.clip(around_lab[0] / 0.62, 0.35, 1.25))
    lab[..., 1:] += around_lab[1:] * np.float32(0.25)
    across = np.linspace(-1, 1, sprite.alpha.shape[1], dtype=np.float32)[None, :]
    lab[..., 0] *= 1 + across * np.float32(lean * 0.6)
    grain = generator("thing grain", seed).standard_normal(sprite.alpha.shape, dtype=np.float32) * np.float32(0.008)
    lab[..., 0] += grain
    return blur(from_lab(lab), 0.6)


def _ground_shadow(shape: tuple[int, ...], sprite: Sprite, left: int, top: int) -> Plane:
    rows, columns = sprite.alpha.shape
    y, x = np.arange(shape[0], dtype=np.float32)[:, None], np.arange(shape[1], dtype=np.float32)[None, :]
    middle, foot = left + columns / 2, top + rows * 0.975
    wide, flat = columns * 0.52, max(3.0, rows * 0.085)
    away = np.sqrt(((x - middle) / wide) ** 2 + ((y - foot) / flat) ** 2)
    return np.asarray(np.exp(-(away**2) * 1.6), dtype=np.float32)
