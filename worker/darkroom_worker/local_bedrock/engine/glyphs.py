"""Things from the Noto Emoji font, painted as small shaded pictures with transparency.

The font is monochrome line art. Its outline encloses areas; each area gets its own tone of the body colour, the whole is lit
like a soft relief, and the lines are inked in a dark shade of the same colour.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from darkroom_worker.local_bedrock.engine.noise import generator
from darkroom_worker.local_bedrock.engine.oklab import blend, shade
from darkroom_worker.local_bedrock.engine.raster import (
    Canvas,
    Mask,
    Plane,
    Rgb,
    areas,
    blur,
    bounds,
    depth,
    grow,
    mix,
    resize,
    smoothstep,
    to_float,
)

_log = logging.getLogger(__name__)
_FONT_PACKAGE = "manimgx-fonts"
_EMOJI = "NotoEmoji[wght].ttf"
_TEXT = "NotoSans[wght].ttf"
_DRAWN_AT = 640
_THIN_WEIGHT = 300


@dataclass(frozen=True, slots=True)
class Sprite:
    """A painted thing: colour H x W x 3 and coverage H x W, cropped to its outline."""

    colour: Canvas
    alpha: Plane

    def scaled(self, height: int, *, flip: bool = False) -> Sprite:
        """The same thing that many pixels high, mirrored if asked."""
        width = max(2, round(self.alpha.shape[1] * height / self.alpha.shape[0]))
        colour, alpha = resize(self.colour, width, height, "area"), resize(self.alpha, width, height, "area")
        return Sprite(colour[:, ::-1], alpha[:, ::-1]) if flip else Sprite(colour, alpha)


@lru_cache(maxsize=8)
def font_file(name: str) -> Path | None:
    """Where the font wheel keeps a font; None if the wheel is not installed."""
    try:
        files = distribution(_FONT_PACKAGE).files or []
    except PackageNotFoundError:
        _log.warning("package %s is not installed: nouns are left out of local pictures", _FONT_PACKAGE)
        return None
    return next((Path(str(file.locate())) for file in files if file.name == name), None)


@lru_cache(maxsize=8)
def text_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A plain text font of that size in pixels."""
    path = font_file(_TEXT)
    return ImageFont.truetype(str(path), size) if path else ImageFont.load_default()


@lru_cache(maxsize=2)
def _emoji_font(size: int) -> ImageFont.FreeTypeFont | None:
    path = font_file(_EMOJI)
    if path is None:
        return None
    font = ImageFont.truetype(str(path), size)
    font.set_variation_by_axes([_THIN_WEIGHT])
    return font


def _ink(glyph: str) -> Plane | None:
    """The line art of a glyph, cropped with a small margin."""
    font = _emoji_font(_DRAWN_AT)
    if font is None:
        return None
    sheet = Image.new("L", (_DRAWN_AT * 2, _DRAWN_AT * 2), 0)
    ImageDraw.Draw(sheet).text((_DRAWN_AT // 2, _DRAWN_AT // 3), glyph, font=font, fill=255)
    ink = to_float(np.asarray(sheet, dtype=np.uint8))
    box = bounds(ink > 0.02)
    if box is None:
        return None
    left, top, right, bottom = box
    return np.ascontiguousarray(np.pad(ink[top:bottom, left:right], 4))


def _inside(ink: Plane) -> Mask:
    """Everything the outline encloses, the lines themselves included."""
    outside, _ = areas(np.pad(ink < 0.5, 1, constant_values=True))
    return np.asarray((outside != outside[0, 0])[1:-1, 1:-1], dtype=np.bool_)


@lru_cache(maxsize=48)
def paint_glyph(glyph: str, colour: Rgb, tone: str = "", inked: float = 0.86) -> Sprite | None:
    """A glyph in that body colour, lit from the upper left; None without the font.

    Args:
        tone: any text; it varies which enclosed area gets which shade.
        inked: strength of the drawn lines; lower ones sit better in a photograph.
    """
    ink = _ink(glyph)
    if ink is None:
        return None
    body = _inside(ink)
    picture = _toned_areas(ink, body, colour, tone, inked)
    alpha = np.maximum(blur(body.astype(np.float32), 0.8), ink)
    picture = np.clip(picture * _relief(body)[..., None], 0, 1).astype(np.float32)
    return Sprite(picture, alpha.astype(np.float32))


def _toned_areas(ink: Plane, body: Mask, colour: Rgb, tone: str, inked: float) -> Canvas:
    """Each enclosed area in its own shade, the ink over them."""
    rng = generator("areas", tone)
    inner = body & (ink < 0.5)
    labels, facts = areas(inner)
    share = facts[:, 4] / max(1, int(body.sum()))
    tones = np.zeros((len(facts), 3), np.float32)
    for label in range(1, len(facts)):
        tones[label] = _area_tone(colour, float(share[label]), float(rng.uniform(-0.05, 0.07)), facts[label, 1] / ink.shape[0])
    line = shade(colour, -0.4, 0.85)
    tones[0] = colour
    flat = tones[labels]
    # Anti-aliased ink would leave a pale rim around the areas: their colour is carried under the lines first.
    thick = smoothstep(9, 13, depth(ink > 0.5))
    solid = 0.85 if float(inner.sum()) < 0.35 * float(body.sum()) else 0.25
    ink_colour = mix(np.broadcast_to(np.asarray(line, np.float32), flat.shape), blend(line, colour, solid), blur(thick, 2))
    return mix(_spread(flat, inner), ink_colour, ink * np.float32(inked))


def _area_tone(colour: Rgb, share: float, jitter: float, top: float) -> Rgb:
    if share > 0.12:
        return shade(colour, jitter * 0.6)
    if share > 0.004:
        return shade(colour, 0.1 + jitter - 0.08 * top, 0.75)
    return shade(colour, 0.22, 0.45)


def _spread(flat: Canvas, inner: Mask) -> Canvas:
    weight = inner.astype(np.float32)
    soft = blur(flat * weight[..., None], 5)
    total = blur(weight, 5)
    filled = soft / np.maximum(total, 1e-3)[..., None]
    return np.where(inner[..., None], flat, np.where((total > 1e-3)[..., None], filled, flat)).astype(np.float32)


def _relief(body: Mask) -> Plane:
    """Light on a puffed-up body: 1 on average, brighter to the upper left, darker at the lower right rim."""
    inside = body.astype(np.float32)
    deep = depth(body)
    puff = np.sqrt(np.minimum(deep, 90.0) / 90.0).astype(np.float32)
    dome = np.sqrt(deep / max(float(deep.max()), 1.0)).astype(np.float32)
    height = blur(puff, 9) * 40 + blur(dome, 24) * 70
    slope_x = np.gradient(height, axis=1).astype(np.float32)
    slope_y = np.gradient(height, axis=0).astype(np.float32)
    light = (0.55 * slope_x + 0.85 * slope_y) / np.sqrt(1 + slope_x**2 + slope_y**2)
    fall = np.linspace(0.07, -0.1, body.shape[0], dtype=np.float32)[:, None]
    gloss = smoothstep(0.55, 0.95, light) * 0.16
    return np.asarray(1 + (0.3 * blur(light.astype(np.float32), 2) + gloss + fall) * inside, dtype=np.float32)


def outline(sprite: Sprite, radius: int) -> Plane:
    """Coverage of the thing widened by radius pixels: for glow and contact shadow."""
    return blur(grow(sprite.alpha > 0.5, radius).astype(np.float32), max(1.0, radius / 2))
