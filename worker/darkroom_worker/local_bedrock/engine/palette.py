"""The colours of a picture, chosen by the words of its prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from darkroom_worker.local_bedrock.engine.lexicon import Season, Setting, Time
from darkroom_worker.local_bedrock.engine.noise import generator
from darkroom_worker.local_bedrock.engine.oklab import blend, from_lab, lab_of, look_up, parse_hex, ramp, rgb_of, shade, to_lab
from darkroom_worker.local_bedrock.engine.raster import Canvas, Plane, Rgb, mix, normalised_ranks, to_bytes
from darkroom_worker.local_bedrock.engine.vision import Vision


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of one picture.

    Attributes:
        sky: from the top of the frame to the horizon.
        light: the sun, the moon or the lamps.
        haze: what far things fade to.
        ground: shadow, middle and lit side of the ground of this setting.
        water: its own colour, before it mirrors the sky.
        foliage: dark, middle, light.
        dark: True where lamps are on and stars may show.
    """

    sky: tuple[Rgb, ...]
    light: Rgb
    haze: Rgb
    ground: tuple[Rgb, Rgb, Rgb]
    water: Rgb
    foliage: tuple[Rgb, Rgb, Rgb]
    dark: bool = False


def _hexes(text: str) -> tuple[Rgb, ...]:
    return tuple(parse_hex(part) for part in text.split())


def _three(text: str) -> tuple[Rgb, Rgb, Rgb]:
    first, second, third = _hexes(text)
    return first, second, third


_SKIES: dict[Time, tuple[str, str, str]] = {
    "day": ("2f73b8 5b9fd8 9fcdec dceef4", "fff6dc", "c9dfe8"),
    "sunset": ("2c2a5e 6d3f7e c4587a f08a5a fcd083", "ffe2a0", "e89a78"),
    "dawn": ("5a7fae 9fb2cf e3bfc4 fbdcc0 fff0d8", "fff0cf", "e6cdc8"),
    "night": ("070b1e 0e1736 1b2a55 34467a", "dfe8ff", "26345e"),
    "golden": ("4f86b0 a9bcb4 f0d39a f8c46a fbe0a0", "ffe9b0", "ecc98c"),
    "storm": ("3d4a58 5d6c7a 8896a0 b4bdc2", "dfe6ea", "97a3ab"),
    "neon": ("0c0824 2a0f52 6a1b80 c22f8e ff7aa8", "7af0ff", "7a2a86"),
}
_GROUNDS: dict[Setting, str] = {
    "sea": "5d5142 b59c78 ead9b4",
    "beach": "b08a5c e0c391 f8e6c0",
    "lake": "2e3a2e 5e7350 9fae7c",
    "mountains": "39434f 6d7886 b9b6ae",
    "forest": "1d2a1c 4b5636 8f8a52",
    "desert": "8a4a2c cf8a4e f3c88a",
    "city": "15181f 343a46 6d7480",
    "space": "1a1430 4a3a70 a58ac8",
    "meadow": "2f5a2a 6a9a3e b9cf6a",
    "table": "4a2c1a 95622f cf9a5c",
    "studio": "b9aea2 d9d0c5 f3ede4",
    "abstract": "2b2f3a 8a8f98 ece8e0",
    "underwater": "6a7f78 a9b394 dcd3a6",
    "sky": "6a86a8 b5c8dc f4f6f8",
    "dream": "3a4a6a 8fa0b8 efe6da",
}
_FOLIAGE: dict[Season, str] = {
    "spring": "3f6e3a 8fbf5a d6e68a",
    "summer": "20481f 4a8a36 a3c45a",
    "autumn": "6e2a14 c9621f f2b03c",
    "winter": "3c5260 8fa6b4 eef4f8",
}
_SEASON_GROUND: dict[Season, str] = {
    "spring": "3f6e34 84b552 cfe08a",
    "summer": "2f5a2a 6a9a3e b9cf6a",
    "autumn": "5a3018 b06a2c e2ab54",
    "winter": "8ba2b8 cfdce8 fafcfe",
}
_EARTHY: frozenset[Setting] = frozenset({"lake", "forest", "meadow", "mountains"})
_WATERS: dict[Time, str] = {
    "day": "1f5f86",
    "sunset": "2b2f5a",
    "dawn": "5a7a98",
    "night": "0a1530",
    "golden": "3a6a80",
    "storm": "33454f",
    "neon": "1a0f40",
}


def choose_palette(vision: Vision) -> Palette:
    """The palette for a prompt; loose colours of the prompt tint it."""
    sky, light, haze = _SKIES[vision.time]
    ground = _three(_GROUNDS[vision.setting])
    foliage = _three(_FOLIAGE[vision.season or "summer"])
    if vision.season and vision.setting in _EARTHY and (vision.season == "winter" or vision.setting != "mountains"):
        ground = _three(_SEASON_GROUND[vision.season])
    palette = Palette(
        sky=_hexes(sky),
        light=parse_hex(light),
        haze=parse_hex(haze),
        ground=ground,
        water=parse_hex(_WATERS[vision.time]),
        foliage=foliage,
        dark=vision.time in ("night", "neon"),
    )
    palette = _lit(palette, vision)
    if vision.setting_colour is not None:
        palette = _with_setting_colour(palette, vision.setting, vision.setting_colour)
    return _tinted(palette, vision.colours) if vision.colours else palette


def _lit(palette: Palette, vision: Vision) -> Palette:
    """The ground and foliage under this light."""
    if vision.time == "day" or vision.setting in ("table", "studio", "abstract", "dream", "space"):
        return palette
    amount = {"night": 0.62, "neon": 0.5, "sunset": 0.34, "storm": 0.3, "dawn": 0.22, "golden": 0.22}[vision.time]
    tone = palette.sky[0] if palette.dark else palette.haze
    drop = {"night": -0.22, "neon": -0.16, "sunset": -0.1, "storm": -0.06}.get(vision.time, 0.0)

    def under(colours: tuple[Rgb, Rgb, Rgb]) -> tuple[Rgb, Rgb, Rgb]:
        first, second, third = (shade(blend(colour, tone, amount), drop) for colour in colours)
        return first, second, third

    return replace(palette, ground=under(palette.ground), foliage=under(palette.foliage))


def _around(colour: Rgb) -> tuple[Rgb, Rgb, Rgb]:
    return shade(colour, -0.2), colour, shade(colour, 0.2, 0.8)


def _with_setting_colour(palette: Palette, setting: Setting, colour: Rgb) -> Palette:
    if setting in ("sea", "lake", "underwater"):
        return replace(palette, water=colour)
    if setting == "sky":
        return replace(palette, sky=(shade(colour, -0.2), colour, shade(colour, 0.18, 0.7), shade(colour, 0.3, 0.5)))
    if setting == "forest":
        return replace(palette, foliage=_around(colour))
    return replace(palette, ground=_around(colour))


def _tinted(palette: Palette, colours: tuple[Rgb, ...]) -> Palette:
    """Loose colours drawn into every part of the palette, by turns."""

    def pulled(values: Sequence[Rgb], amount: float) -> tuple[Rgb, ...]:
        return tuple(_with_hue(value, colours[index % len(colours)], amount) for index, value in enumerate(values))

    first, second, third = pulled(palette.ground, 0.6)
    return replace(
        palette,
        sky=pulled(palette.sky, 0.6),
        haze=_with_hue(palette.haze, colours[0], 0.6),
        ground=(first, second, third),
        water=_with_hue(palette.water, colours[-1], 0.6),
    )


def _with_hue(value: Rgb, colour: Rgb, amount: float) -> Rgb:
    """value moved to colour's hue and chroma; its lightness moves less, so that light and dark stay where they were."""
    lab, target = lab_of(value), lab_of(colour)
    move = np.array([amount * 0.4, amount, amount], np.float32)
    return rgb_of(lab + (target - lab) * move)


def word_colours(words: Sequence[str], count: int) -> tuple[Rgb, ...]:
    """Pleasant colours drawn from words nobody has a table for: one hue, its neighbours and a contrast."""
    rng = generator("word colours", *sorted(set(words)))
    hue = float(rng.uniform(0, 2 * np.pi))
    steps = np.array([0, 0.35, -0.4, 0.75, np.pi * 0.92, -0.75])[:count]
    lightness = np.array([0.34, 0.56, 0.74, 0.86, 0.68, 0.93])[:count]
    chroma = np.array([0.09, 0.12, 0.1, 0.06, 0.13, 0.03])[:count]
    return tuple(
        rgb_of(np.array([light, strength * np.cos(hue + step), strength * np.sin(hue + step)], np.float32))
        for light, strength, step in zip(lightness, chroma, steps, strict=True)
    )


def recolour(picture: Canvas, colours: Sequence[Rgb], amount: float = 0.85, spread: Plane | None = None) -> Canvas:
    """The picture in the given colours: the rank of its lightness picks the place on their OKLab ramp, dark to light.

    Args:
        colours: one or more; one alone becomes a ramp of its own shades.
        amount: 0 leaves the picture, 1 uses the ramp's colours alone.
        spread: optional small offsets that vary the choice over the picture, so that one lightness is not one colour.
    """
    lab = to_lab(to_bytes(picture))
    rank = normalised_ranks(lab[..., 0])
    if spread is not None:
        rank = rank + spread
    ordered = sorted(colours, key=lambda colour: float(lab_of(colour)[0]))
    if len(ordered) == 1:
        ordered = [shade(ordered[0], -0.25), ordered[0], shade(ordered[0], 0.2, 0.8)]
    target = to_lab(to_bytes(look_up(ramp(ordered), rank.astype(np.float32))))
    # Lightness keeps some of the picture's own, or fine detail would vanish where two colours are equally light.
    target[..., 0] = target[..., 0] * np.float32(0.7) + lab[..., 0] * np.float32(0.3)
    return mix(picture, from_lab(target), amount)
