"""What a check sees of a picture: four channels, multiplied with alpha, whole or as a few fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageChops

from darkroom_worker.steps.pixels import opened

TRANSPARENT_BELOW: Final = 128


@dataclass(frozen=True, slots=True)
class Seen:
    """A decoded picture, upright.

    Attributes:
        width: in pixels.
        height: in pixels.
        bands: red, green, blue, each multiplied with alpha, and alpha.
    """

    width: int
    height: int
    bands: tuple[Image.Image, ...]

    @property
    def transparent(self) -> int:
        """How many pixels are."""
        return sum(self.bands[3].histogram()[:TRANSPARENT_BELOW])

    def fields(self, width: int, height: int) -> tuple[Image.Image, ...]:
        """The bands divided into so many fields, each the mean of its pixels."""
        return tuple(band.resize((width, height), Image.Resampling.BOX) for band in self.bands)


@dataclass(frozen=True, slots=True)
class Given:
    """A picture and what it is compared with; the others are still encoded, for most checks look at none of them."""

    picture: Seen
    references: Mapping[str, bytes]
    siblings: Sequence[bytes]


def seen(data: bytes) -> Seen:
    """Decodes a picture. Raises ImageRefused."""
    image = opened(data)
    return Seen(image.width, image.height, image.convert("RGBA").convert("RGBa").split())


def extremes(band: Image.Image) -> tuple[int, int]:
    """The lowest and the highest value of a band of 8 bits."""
    there = [value for value, count in enumerate(band.histogram()) if count]
    return there[0], there[-1]


def difference(first: Sequence[Image.Image], second: Sequence[Image.Image]) -> Image.Image:
    """How much each place differs, 0 to 255, in the band in which it differs most; bands of one size."""
    return lightest(ImageChops.difference(one, other) for one, other in zip(first, second, strict=True))


def lightest(bands: Iterator[Image.Image]) -> Image.Image:
    """For each place the highest value of the bands."""
    found = next(bands)
    for band in bands:
        found = ImageChops.lighter(found, band)
    return found
