"""What every painter of a scene works with, and the two brushes they share: ridges in the distance and texture in perspective."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkroom_worker.local_bedrock.engine.noise import fractal, generator, profile
from darkroom_worker.local_bedrock.engine.oklab import look_up, ramp
from darkroom_worker.local_bedrock.engine.palette import Palette
from darkroom_worker.local_bedrock.engine.raster import Canvas, Plane, Rgb, grid, mix, sample, smoothed_line, smoothstep
from darkroom_worker.local_bedrock.engine.vision import Vision


@dataclass(frozen=True, slots=True)
class Stage:
    """Size, colours and randomness of one picture.

    Attributes:
        width: pixels.
        height: pixels.
        vision: the prompt, read.
        palette: its colours.
        key: text that seeds everything random in this picture.
        fine: True for Bedrock's quality `premium`: one more octave of detail.
    """

    width: int
    height: int
    vision: Vision
    palette: Palette
    key: str
    fine: bool = False

    def rng(self, part: str) -> np.random.Generator:
        """Random numbers for one part of the picture; parts do not influence each other."""
        return generator(self.key, part)

    @property
    def unit(self) -> float:
        """The shorter side in pixels: lengths are given as shares of it."""
        return float(min(self.width, self.height))

    @property
    def detail(self) -> int:
        """Octaves of noise for fine texture."""
        return 7 if self.fine else 6


@dataclass(frozen=True, slots=True)
class Backdrop:
    """Painted surroundings, and what things placed into them must know.

    Attributes:
        canvas: the picture so far.
        horizon: y of the horizon, pixels.
        base: y where the feet of things in the middle ground stand, pixels.
        light: x and y of the sun, moon or main lamp, pixels.
        mirror: strength 0-1 of the reflection below a thing (water, polished table).
        shadow: strength 0-1 of the shadow it casts.
    """

    canvas: Canvas
    horizon: float
    base: float
    light: tuple[float, float]
    mirror: float = 0.0
    shadow: float = 0.5


def below(line: Plane, height: int) -> Plane:
    """Coverage of everything under a skyline given as one y for each column."""
    return np.asarray(np.clip(np.arange(height, dtype=np.float32)[:, None] - line[None, :] + 0.5, 0, 1), dtype=np.float32)


def skyline(stage: Stage, part: str, base: float, tall: float, bumps: float = 4, *, octaves: int = 6, gain: float = 0.5) -> Plane:
    """A ridge as one y for each column: its lowest point at base, its highest `tall` above, both as shares of the height."""
    line = profile(stage.rng(part), stage.width, bumps, octaves, gain)
    return np.asarray((base - line * tall) * stage.height, dtype=np.float32)


def skyline_at(line: Plane, xs: NDArray[np.float64]) -> Plane:
    """The skyline's y at each x (pixels)."""
    return line[np.clip(xs, 0, len(line) - 1).astype(np.int32)]


def facets(stage: Stage, part: str, line: Plane, wander: float, softness: float = 1.0) -> Plane:
    """0 on the shadow side and 1 on the lit side of the slopes under a ridge.

    The slope of the ridge decides; the border between the sides wanders sideways on its way down, as spurs of a mountain do.
    """
    rng = stage.rng(part + " facets")
    x, y = grid(stage.width, stage.height)
    under = np.maximum(y - line[None, :], 0)
    drift = fractal(rng, stage.width, stage.height, 5, 4) - 0.5
    at = x + drift * np.minimum(under, 0.4 * stage.height) * np.float32(wander * 2)
    slope = np.gradient(smoothed_line(line, max(1, round(stage.unit * 0.012 * softness)) * 2 + 1)).astype(np.float32)
    table = smoothstep(-0.5 * softness, 0.5 * softness, slope)[None, :]
    index = np.abs(np.round(at)).astype(np.int32)
    index = np.where(index >= stage.width, 2 * (stage.width - 1) - index, index).clip(0, stage.width - 1)
    lit = table[0][index]
    return lit if stage.rng("light side").random() < 0.5 else np.asarray(1 - lit, np.float32)


def lay(canvas: Canvas, cover: Plane, tone: Plane, colours: tuple[Rgb, ...], haze: Rgb, *, distance: float) -> Canvas:
    """A layer painted over the canvas: tone 0-1 picks the colour, distance 0-1 fades it into the haze."""
    paint = mix(look_up(ramp(colours), tone), haze, distance)
    return mix(canvas, paint, cover)


def perspective(texture: Plane, width: int, height: int, *, horizon: float, across: float, along: float) -> tuple[Plane, Plane]:
    """A texture laid on the plane below the horizon.

    Returns:
        the plane's pattern (H x W, meaningless above the horizon) and how near each row is: 0 at the horizon, 1 at the bottom.
    """
    x, y = grid(width, height)
    near = np.clip((y - horizon) / max(height - horizon, 1.0), 0, 1)
    away = (1 / (near + 0.07)).astype(np.float32)
    u = (x / width - 0.5) * away * np.float32(across) + texture.shape[1] / 2
    v = np.broadcast_to(away * np.float32(along), u.shape)
    return sample(texture, np.asarray(u, np.float32), np.ascontiguousarray(v, dtype=np.float32)), np.asarray(near, np.float32)
