"""Is nearly all of the picture of one colour?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageChops

from darkroom_shared.contract.checks import NearUniform
from darkroom_worker.checks.seeing import Given

_ROUNDS: Final = 2


def run(spec: NearUniform, given: Given) -> str | None:
    """What is wrong, or None."""
    share, colour = most_of_one_colour(given.picture.bands, spec.tolerance)
    if share <= spec.most:
        return None
    named = "transparent" if colour[3] == 0 else "nearly of the colour #" + "".join(f"{value:02x}" for value in colour[:3])
    return f"The picture is almost empty: {share:.1%} of it is {named}; at most {spec.most:.1%} may be of one colour."


def most_of_one_colour(bands: Sequence[Image.Image], tolerance: int) -> tuple[float, tuple[int, ...]]:
    """The share of the pixels that are near the most frequent colour, and that colour (its channels multiplied with alpha).

    Where more than half of the pixels are near one colour, the median of each channel is near it as well; from there it is found
    by looking at what is around it alone.
    """
    colour = tuple(_median(band.histogram()) for band in bands)
    for _ in range(_ROUNDS):
        around = _near(bands, colour, 2 * tolerance)
        if around.getbbox() is None:
            break
        colour = tuple(_median(band.histogram(around)) for band in bands)
    near = _near(bands, colour, tolerance)
    return near.histogram()[255] / (near.width * near.height), colour


def _near(bands: Sequence[Image.Image], colour: Sequence[int], tolerance: int) -> Image.Image:
    found: Image.Image | None = None
    for band, middle in zip(bands, colour, strict=True):
        near = band.point([255 if abs(value - middle) <= tolerance else 0 for value in range(256)])
        found = near if found is None else ImageChops.darker(found, near)
    assert found is not None
    return found


def _median(histogram: Sequence[int]) -> int:
    half, count = sum(histogram) / 2, 0
    for value, some in enumerate(histogram):
        count += some
        if count >= half:
            return value
    return len(histogram) - 1
