"""What can be measured in a picture without any model: its size, how bright it is, its colours by name. Pillow alone.

This is what the local endpoint answers questions about pictures from. It sees no things, only how much of a picture is red.
"""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from typing import Final

from PIL import Image

SIDE: Final = 64
"""Colours are counted in the picture at this size."""
_LIKENESS_SIDE: Final = 8
_LEAST_SHARE: Final = 0.02
"""A colour of a smaller part of the picture is not named."""
_HUES: Final = ((15, "red"), (42, "orange"), (70, "yellow"), (165, "green"), (200, "turquoise"), (260, "blue"), (290, "purple"))
COLOURS: Final = ("black", "white", "grey", "red", "orange", "brown", "yellow", "green", "turquoise", "blue", "purple", "pink")
ALSO_CALLED: Final = {
    **{"gray": "grey", "silver": "grey", "violet": "purple", "magenta": "pink", "teal": "turquoise", "cyan": "turquoise"},
    **{"golden": "yellow", "gold": "yellow", "beige": "brown", "navy": "blue", "crimson": "red", "scarlet": "red"},
}
"""Other words for these colours."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What stands out of a picture.

    Attributes:
        share: part of the picture that it fills, 0 to 1.
        place: where its middle is: `in the center`, `at the top left`, ...
    """

    share: float
    place: str


@dataclass(frozen=True, slots=True)
class Look:
    """One picture, measured.

    Attributes:
        width, height: pixels.
        colours: its named colours and their shares, the largest first; transparent pixels count for nothing.
        brightness: 0 black to 1 white, of the whole picture.
        transparent: whether a pixel is not fully opaque.
        subject: None where nothing stands out, or nobody looked.
        grey: brightness of an 8x8 grid, to compare pictures by.
    """

    width: int
    height: int
    colours: tuple[tuple[str, float], ...]
    brightness: float
    transparent: bool
    subject: Subject | None
    grey: tuple[int, ...]


def look(data: bytes, subject: Subject | None = None) -> Look:
    """Measures an encoded picture that was checked before."""
    with Image.open(io.BytesIO(data)) as opened:
        size = opened.size
        opened.draft("RGB", (4 * SIDE, 4 * SIDE))
        layer = opened.convert("RGBA")
    small = layer.resize((SIDE, SIDE), Image.Resampling.BOX)
    raw = small.tobytes()
    named = Counter(_name(*raw[at : at + 3]) for at in range(0, len(raw), 4) if raw[at + 3] >= 128)
    whole = max(1, named.total())
    colours = tuple((name, count / whole) for name, count in named.most_common() if count / whole >= _LEAST_SHARE)
    flat = Image.alpha_composite(Image.new("RGBA", small.size, "white"), small).convert("L")
    grey = tuple(flat.resize((_LIKENESS_SIDE, _LIKENESS_SIDE), Image.Resampling.BOX).tobytes())
    low, _ = layer.getchannel("A").getextrema()
    return Look(*size, colours, sum(grey) / len(grey) / 255, low != 255, subject, grey)


def _name(red: int, green: int, blue: int) -> str:
    high, low = max(red, green, blue), min(red, green, blue)
    if high < 48:
        return "black"
    if high - low < 0.16 * high:
        return "white" if high > 217 else "grey"
    part = (high - low) / 60
    hue = (
        ((green - blue) / part) % 360 if high == red else (blue - red) / part + 120 if high == green else (red - green) / part + 240
    )
    name = next((name for end, name in _HUES if hue < end), "pink" if hue < 345 else "red")
    # What is dark and between red and yellow is called brown, and a dark pink is a purple.
    return "brown" if name in ("orange", "yellow") and high < 150 else "purple" if name == "pink" and high < 110 else name


def likeness(one: Look, other: Look) -> float:
    """How alike two pictures are in layout and light: 1 for equal ones, 0 for the opposite."""
    apart = sum(abs(mine - theirs) for mine, theirs in zip(one.grey, other.grey, strict=True))
    return 1 - apart / (255 * len(one.grey))
