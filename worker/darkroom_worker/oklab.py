"""Oklab (Björn Ottosson, 2020): a space where equal steps look alike, and lightness parts from colour.

Plain floats: the steps need some thousands of single colours, not pictures of them, and so no array library. The local endpoint's
engine, which has one, turns whole pictures by the same two matrices.
"""

from __future__ import annotations

from math import cbrt
from typing import Final, TypeAlias

Lab: TypeAlias = tuple[float, float, float]
"""Lightness 0-1, and a (green to red) and b (blue to yellow) of about -0.4 to 0.4."""
Linear: TypeAlias = tuple[float, float, float]
"""Linear light of red, green and blue, 0-1 where sRGB can show it."""
Matrix: TypeAlias = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]

TO_LMS: Final[Matrix] = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
"""From linear light to the responses of the eye's long, middle and short cones, whose cube roots go through the next one."""
LMS_TO_LAB: Final[Matrix] = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)


def linear(value: float) -> float:
    """Linear light of an sRGB value, both 0-1."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def srgb(light: float) -> float:
    """The sRGB value of linear light, clipped to 0-1."""
    light = min(max(light, 0.0), 1.0)
    return light * 12.92 if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


def to_lab(red: float, green: float, blue: float) -> Lab:
    """Oklab of linear light."""
    long, middle, short = _times(TO_LMS, red, green, blue)
    return _times(LMS_TO_LAB, cbrt(long), cbrt(middle), cbrt(short))


def _times(matrix: Matrix, x: float, y: float, z: float) -> tuple[float, float, float]:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    return a * x + b * y + c * z, d * x + e * y + f * z, g * x + h * y + i * z


def from_lab(lightness: float, a: float, b: float) -> Linear:
    """Linear light of Oklab, below 0 or above 1 where sRGB cannot show it."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )


def shown(lightness: float, a: float, b: float) -> Lab:
    """The colour of that lightness and hue with as much of its chroma as sRGB can show."""
    if _fits(from_lab(lightness, a, b)):
        return lightness, a, b
    least, most = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        least, most = (middle, most) if _fits(from_lab(lightness, a * middle, b * middle)) else (least, middle)
    return lightness, a * least, b * least


_HALVINGS = 8
"""Leaves less than half a percent of the chroma unused."""
_TOLERANCE = 1e-4
"""How far linear light may lie outside of 0-1; less than a quarter of the smallest step of 8 bits."""


def _fits(light: Linear) -> bool:
    return min(light) >= -_TOLERANCE and max(light) <= 1 + _TOLERANCE
