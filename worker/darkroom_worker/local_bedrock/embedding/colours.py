"""Which of the twelve colours a colour is: that of the nearest known shade in OKLab."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from darkroom_worker.local_bedrock.embedding.space import COLOURS
from darkroom_worker.local_bedrock.engine.lexicon import COLOURS as SHADES
from darkroom_worker.local_bedrock.engine.oklab import to_lab
from darkroom_worker.local_bedrock.engine.raster import Rgb

_NAMED: Final = {
    "red": "red crimson scarlet maroon burgundy",
    "orange": "orange amber coral",
    "yellow": "yellow gold golden mustard",
    "green": "green lime olive emerald sage",
    "teal": "teal turquoise cyan aqua mint",
    "blue": "blue navy azure",
    "purple": "indigo purple violet lavender lilac plum",
    "pink": "pink magenta rose peach",
    "brown": "tan brown bronze copper chocolate",
    "black": "black charcoal",
    "grey": "silver grey gray",
    "white": "white ivory cream beige",
}
SHADE_OF: Final = {shade: colour for colour, shades in _NAMED.items() for shade in shades.split()}
"""The colour that each shade of the painter's lexicon counts as."""


@cache
def _known() -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The shades in OKLab, K x 3, and the place of each one's colour among the twelve; pure screen colours among them."""
    pure = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0), "teal": (0, 1, 1), "pink": (1, 0, 1)}
    colours = [
        *((SHADE_OF[shade], rgb) for shade, rgb in SHADES.items()),
        *pure.items(),
        ("black", (0, 0, 0)),
        ("white", (1, 1, 1)),
    ]
    pixels = np.round(np.array([[rgb for _, rgb in colours]]) * 255).astype(np.uint8)
    return to_lab(pixels)[0], np.array([COLOURS.index(name) for name, _ in colours])


def nearest(lab: NDArray[np.float32]) -> NDArray[np.intp]:
    """For each of N x 3 OKLab values the place of its colour among the twelve."""
    shades, names = _known()
    # The square of the distance without the part that is the same for all shades.
    far = (shades * shades).sum(axis=1) - 2 * lab @ shades.T
    return np.asarray(names[far.argmin(axis=1)], np.intp)


def name_of(rgb: Rgb) -> str:
    """The colour that one colour counts as."""
    pixel = np.round(np.array([[rgb]]) * 255).astype(np.uint8)
    return COLOURS[int(nearest(to_lab(pixel)[0])[0])]
