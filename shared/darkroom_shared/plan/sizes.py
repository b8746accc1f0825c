"""Turns a width and a height into one of the nine aspect ratios that the Stability models take, and back by a free step."""

from __future__ import annotations

import math
from typing import Final

from darkroom_shared.contract.steps import Cover
from darkroom_shared.plan.route import Finish

RATIOS: Final = {
    text: int(text.split(":")[0]) / int(text.split(":")[1])
    for text in ("16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
}
MADE_PIXELS: Final = 1024 * 1024
"""About what these models make, whatever the ratio."""
MOST_ENLARGED: Final = 1.5
"""Enlarged by more than this a side, a picture shows it."""


def nearest_ratio(width: int, height: int) -> str:
    """The aspect ratio that is nearest, measured as a factor."""
    return min(RATIOS, key=lambda text: abs(math.log(RATIOS[text] / (width / height))))


def brought_to(width: int, height: int) -> Finish:
    """Makes each picture so many pixels wide and high: scaled to cover, what sticks out cut off evenly."""
    return Finish(Cover(width=width, height=height))


def size_losses(width: int, height: int, ratio: str) -> tuple[list[str], bool]:
    """What making a picture of this ratio this large takes from it, in sentences, and whether that is more than a trim."""
    lost: list[str] = []
    off = abs(math.log(RATIOS[ratio] / (width / height)))
    if off > 0.01:
        part = round((1 - math.exp(-off)) * 100)
        lost.append(f"{width}x{height} is cut out of a picture of {ratio}; about {part} % of it falls away.")
    enlarged = math.sqrt(width * height / MADE_PIXELS)
    if enlarged > MOST_ENLARGED:
        lost.append(f"{width}x{height} is enlarged from about one megapixel.")
    return lost, enlarged > MOST_ENLARGED or off > math.log(1.6)
