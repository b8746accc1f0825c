"""Conversion between sRGB and OKLab (Björn Ottosson, 2020), and colour ramps interpolated in it.

OKLab is used because a straight line in it looks like an even change of colour: gradients get no grey or dark band.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from darkroom_worker.local_bedrock.engine.raster import Canvas, Pixels, Plane, Real, Rgb, transform
from darkroom_worker.oklab import LMS_TO_LAB, TO_LMS

_TO_LMS = np.array(TO_LMS, np.float32)
_LMS_TO_LAB = np.array(LMS_TO_LAB, np.float32)
_FROM_LMS = np.linalg.inv(_TO_LMS).astype(np.float32)
_LAB_TO_LMS = np.linalg.inv(_LMS_TO_LAB).astype(np.float32)
_STEPS = 4096


def _decoded(value: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _encoded(value: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(value <= 0.0031308, value * 12.92, 1.055 * np.maximum(value, 1e-9) ** (1 / 2.4) - 0.055).astype(np.float32)


_LINEAR = _decoded(np.linspace(0, 1, 256, dtype=np.float32))
# Indexed by the square root of the linear value: even spacing there loses nothing in the shadows.
_GAMMA = _encoded(np.linspace(0, 1, _STEPS + 1, dtype=np.float32) ** 2)


def to_lab(pixels: Pixels) -> NDArray[np.float32]:
    """OKLab (L 0-1, a and b about -0.4 to 0.4) of RGB bytes, H x W x 3."""
    return transform(np.cbrt(transform(_LINEAR[pixels], _TO_LMS)), _LMS_TO_LAB)


def from_lab(lab: NDArray[np.float32]) -> Canvas:
    """RGB canvas of OKLab values, clipped to what sRGB can show."""
    lms = transform(lab, _LAB_TO_LMS)
    linear = transform(lms * lms * lms, _FROM_LMS)
    index = np.sqrt(np.clip(linear, 0, 1)) * np.float32(_STEPS) + np.float32(0.5)
    return _GAMMA[index.astype(np.int32)]


def lab_of(colour: Rgb) -> NDArray[np.float32]:
    """OKLab of one colour, shape (3,)."""
    linear = _decoded(np.asarray(colour, np.float32))
    return np.asarray(_LMS_TO_LAB @ np.cbrt(_TO_LMS @ linear), dtype=np.float32)


def rgb_of(lab: Real) -> Rgb:
    """The colour of one OKLab triple, clipped."""
    linear = _FROM_LMS @ (_LAB_TO_LMS @ lab) ** 3
    values = _encoded(np.asarray(np.clip(linear, 0, 1), np.float32))
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def shade(colour: Rgb, lightness: float = 0.0, chroma: float = 1.0) -> Rgb:
    """The colour made lighter (or darker) by that much OKLab lightness, its chroma scaled."""
    lab = lab_of(colour)
    return rgb_of(np.array([np.clip(lab[0] + lightness, 0, 1), lab[1] * chroma, lab[2] * chroma], np.float32))


def blend(first: Rgb, second: Rgb, amount: float) -> Rgb:
    """first at 0, second at 1, an even step between."""
    a, b = lab_of(first), lab_of(second)
    return rgb_of(a + (b - a) * np.float32(amount))


def ramp(colours: Sequence[Rgb], stops: Sequence[float] | None = None, steps: int = 1024) -> Canvas:
    """Colours at even (or given, rising 0-1) stops, interpolated in OKLab: an array of steps x 3."""
    labs = np.stack([lab_of(colour) for colour in colours])
    places = np.linspace(0, 1, len(colours)) if stops is None else np.asarray(stops)
    at = np.linspace(0, 1, steps)
    lab = np.stack([np.interp(at, places, labs[:, channel]) for channel in range(3)], axis=-1)
    return np.asarray(from_lab(lab.astype(np.float32)[None])[0], dtype=np.float32)


def look_up(table: Canvas, value: Plane) -> Canvas:
    """The ramp's colour for each value 0.0-1.0 (clipped)."""
    index = (np.clip(value, 0, 1) * np.float32(len(table) - 1)).astype(np.int32)
    return np.asarray(table[index], dtype=np.float32)


def parse_hex(text: str) -> Rgb:
    """`#RRGGBB` as a colour."""
    red, green, blue = bytes.fromhex(text.lstrip("#"))
    return red / 255, green / 255, blue / 255
