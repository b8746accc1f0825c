"""Puts the things of a prompt into painted surroundings: size, place, light, shadow, reflection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkroom_worker.local_bedrock.engine.glyphs import Sprite, paint_glyph
from darkroom_worker.local_bedrock.engine.noise import octave
from darkroom_worker.local_bedrock.engine.oklab import blend, shade
from darkroom_worker.local_bedrock.engine.raster import Canvas, Plane, Rgb, blur, full_grid, mix, resize, sample
from darkroom_worker.local_bedrock.engine.stage import Backdrop, Stage
from darkroom_worker.local_bedrock.engine.vision import Thing

_TALL: dict[str, float] = {"table": 0.42, "ground": 0.4, "water": 0.4, "sky": 0.26, "space": 0.4, "under": 0.36}
_SMALL_WORDS = frozenset(["small", "little", "tiny", "distant", "far"])
_BIG_WORDS = frozenset(["big", "large", "huge", "giant", "close", "closeup", "portrait", "macro"])
_WIDEST = 0.62


@dataclass(frozen=True, slots=True)
class _Place:
    x: float
    foot: float
    height: int
    floating: bool


def add_things(stage: Stage, backdrop: Backdrop) -> Canvas:
    """The canvas with every thing of the prompt on it; the first one is the largest."""
    canvas = backdrop.canvas
    count = len(stage.vision.things)
    # Painted back to front: the first thing of the prompt comes last and stands in front.
    for index in reversed(range(count)):
        thing = stage.vision.things[index]
        sprite = paint_glyph(thing.glyph, thing.colour, stage.key)
        if sprite is not None:
            canvas = _put(stage, canvas, backdrop, sprite, _place(stage, backdrop, thing, sprite, index=index, count=count))
    return canvas


def _place(stage: Stage, backdrop: Backdrop, thing: Thing, sprite: Sprite, *, index: int, count: int) -> _Place:
    rng = stage.rng(f"place {index}")
    words = set(stage.vision.words)
    share = _TALL[thing.stand] * (0.8 if count > 1 else 1.0) * (1.0 if index == 0 else 0.72)
    share *= (0.55 if words & _SMALL_WORDS else 1.0) * (1.35 if words & _BIG_WORDS else 1.0) * float(rng.uniform(0.94, 1.08))
    height = share * stage.unit
    ratio = sprite.alpha.shape[1] / sprite.alpha.shape[0]
    height = min(height, _WIDEST / max(1, count * 0.75) * stage.width / ratio)
    x = _column(rng, stage, backdrop, index, count)
    floating = thing.stand in ("sky", "under", "space") and not (
        thing.stand == "sky" and stage.vision.setting in ("table", "studio")
    )
    if floating:
        middle = {"under": 0.5, "space": 0.5}.get(thing.stand, 0.36)
        middle += 0.12 if stage.vision.setting == "sky" else 0.0
        return _Place(x, stage.height * (middle + float(rng.uniform(-0.05, 0.05))) + height / 2, round(height), True)
    foot = backdrop.base - index * 0.035 * stage.height * (1 if count > 1 else 0)
    return _Place(x, foot, round(height), stage.vision.setting in ("space", "sky", "underwater"))


def _column(rng: np.random.Generator, stage: Stage, backdrop: Backdrop, index: int, count: int) -> float:
    if count == 1:
        # Off the middle and away from the light, as a photographer would.
        side = 0.58 if backdrop.light[0] < stage.width / 2 else 0.42
        return stage.width * (side + float(rng.uniform(-0.05, 0.05)))
    order = [0.5, 0.22, 0.78] if count == 3 else [0.36, 0.7]
    return stage.width * (order[index] + float(rng.uniform(-0.03, 0.03)))


def _put(stage: Stage, canvas: Canvas, backdrop: Backdrop, sprite: Sprite, place: _Place) -> Canvas:
    flip = bool(stage.rng(f"flip {place.height}").random() < 0.35)
    small = _lit(stage, sprite.scaled(max(8, place.height), flip=flip), backdrop, place)
    left, top = round(place.x - small.alpha.shape[1] / 2), round(place.foot - place.height)
    if not place.floating:
        if backdrop.mirror > 0:
            canvas = _mirror(stage, canvas, small, left, foot=round(place.foot), strength=backdrop.mirror)
        if backdrop.shadow > 0:
            canvas = _shadow(stage, canvas, small, left, place=place, backdrop=backdrop)
    return stamp(canvas, small, left, top)


def stamp(canvas: Canvas, sprite: Sprite, left: int, top: int, strength: float = 1.0) -> Canvas:
    """The sprite over the canvas at that corner; what lies outside is cut off."""
    height, width = canvas.shape[:2]
    rows, columns = sprite.alpha.shape
    a, b, c, d = max(left, 0), max(top, 0), min(left + columns, width), min(top + rows, height)
    if c <= a or d <= b:
        return canvas
    part = (slice(b - top, d - top), slice(a - left, c - left))
    out = canvas.copy()
    out[b:d, a:c] = mix(out[b:d, a:c], sprite.colour[part], sprite.alpha[part] * np.float32(strength))
    return out


def _lit(stage: Stage, sprite: Sprite, backdrop: Backdrop, place: _Place) -> Sprite:
    """The thing in the light of the scene: tinted by it, rimmed on its side, hazed a little."""
    palette = stage.palette
    tint: Rgb = blend((1.0, 1.0, 1.0), blend(palette.haze, palette.light, 0.4), 0.45)
    dim = {"night": 0.62, "neon": 0.72, "sunset": 0.82, "storm": 0.88}.get(stage.vision.time, 1.0)
    colour = sprite.colour * (np.asarray(tint, np.float32) * np.float32(dim / max(tint)))
    side = 1.0 if backdrop.light[0] > place.x else -1.0
    across = np.linspace(-side, side, sprite.alpha.shape[1], dtype=np.float32)[None, :, None]
    colour = colour * (1 + 0.1 * across)
    reach = max(1, round(place.height * 0.012))
    rim = np.clip(sprite.alpha - np.roll(sprite.alpha, -int(side) * reach, axis=1), 0, 1) * np.float32(0.45 if dim < 1 else 0.2)
    lit = mix(np.clip(colour, 0, 1).astype(np.float32), shade(palette.light, 0.0), blur(rim, 1.0))
    return Sprite(lit, sprite.alpha)


def _mirror(stage: Stage, canvas: Canvas, sprite: Sprite, left: int, *, foot: int, strength: float) -> Canvas:
    """The thing upside down below its foot, broken by ripples where the ground is water."""
    rows, columns = sprite.alpha.shape
    water = strength > 0.4
    rng = stage.rng("mirror")
    margin = max(2, round(columns * 0.06)) if water else 0
    colour = np.pad(sprite.colour[::-1], ((0, 0), (margin, margin), (0, 0)), mode="edge")
    alpha = np.pad(sprite.alpha[::-1], ((0, 0), (margin, margin)))
    height = max(2, round(rows * (0.75 if water else 0.5)))
    colour, alpha = (
        resize(np.ascontiguousarray(colour), columns + 2 * margin, height),
        resize(np.ascontiguousarray(alpha), columns + 2 * margin, height),
    )
    if water:
        x, y = full_grid(columns + 2 * margin, height)
        wave = (octave(rng, columns + 2 * margin, height, 4, height / max(3.0, stage.unit / 130)) - 0.5) * np.float32(margin * 2.2)
        swing = wave * (0.3 + y / height)
        colour, alpha = sample(colour, x + swing, y), sample(alpha, x + swing, y)
    fade = np.linspace(1, 0.25 if water else 0, height, dtype=np.float32)[:, None]
    soft = blur(alpha, 1.0 if water else rows * 0.01)
    dark: Canvas = mix(colour, stage.palette.water, 0.42) if water else colour
    return stamp(
        canvas,
        Sprite(dark, np.asarray(soft * fade, np.float32)),
        left - margin,
        foot - max(1, round(rows * 0.012)),
        strength + 0.25 * water,
    )


def _shadow(stage: Stage, canvas: Canvas, sprite: Sprite, left: int, *, place: _Place, backdrop: Backdrop) -> Canvas:
    """A soft shadow on the ground, away from the light, darkest where the thing stands."""
    rows, columns = sprite.alpha.shape
    flat = max(4, round(rows * 0.2))
    lean = float(np.clip((place.x - backdrop.light[0]) / stage.width, -0.5, 0.5)) * columns
    cast = resize(np.ascontiguousarray(sprite.alpha[::-1]), columns, flat, "area")
    pad = max(4, round(columns * 0.4))
    plane = np.pad(cast, ((flat // 2, flat), (pad, pad)))
    x, y = full_grid(plane.shape[1], plane.shape[0])
    plane = sample(plane, x - np.float32(lean) * np.clip((y - flat / 2) / flat, 0, 1), y)
    plane = blur(plane, max(1.0, columns * 0.02)) * np.linspace(1, 0.25, plane.shape[0], dtype=np.float32)[:, None]
    contact = _contact(plane.shape, columns, flat, pad, sprite)
    dark = shade(stage.palette.ground[0], -0.22, 0.6)
    cover = np.clip(plane * 0.8 + contact, 0, 1) * np.float32(backdrop.shadow)
    tone = np.broadcast_to(np.asarray(dark, np.float32), (*plane.shape, 3))
    return stamp(
        canvas,
        Sprite(np.ascontiguousarray(tone), cover.astype(np.float32)),
        left - pad,
        round(place.foot) - flat // 2 - round(flat * 0.12),
    )


def _contact(shape: tuple[int, ...], columns: int, flat: int, pad: int, sprite: Sprite) -> Plane:
    """The dark line right under the feet."""
    feet = sprite.alpha[-max(2, sprite.alpha.shape[0] // 25) :].max(axis=0)
    plane = np.zeros(shape[:2], np.float32)
    thick = max(1, round(flat * 0.12))
    plane[flat // 2 : flat // 2 + thick * 2, pad : pad + columns] = feet
    return blur(plane, max(1.0, thick * 1.2)) * np.float32(1.1)
