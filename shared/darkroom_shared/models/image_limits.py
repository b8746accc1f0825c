"""What a model accepts as pictures, as numbers; the rules that go by them are in `image_rules`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What a family accepts as input pictures. A limit that is None is not documented and not checked.

    Attributes:
        formats: container formats.
        max_bytes: length of the encoded file.
        min_side: pixels of the shorter side.
        max_side: pixels of the longer side.
        min_pixels: width times height.
        max_pixels: width times height.
        max_aspect: longer side over shorter side.
        max_bits: bits per channel.
        opaque: whether every pixel must be opaque.
        strict_masks: whether masks must be pure black and white, opaque, and as large as their picture.
        mask_alpha: whether a strict mask may have an alpha channel at all.
    """

    formats: tuple[str, ...]
    max_bytes: int | None = None
    min_side: int | None = None
    max_side: int | None = None
    min_pixels: int | None = None
    max_pixels: int | None = None
    max_aspect: float | None = None
    max_bits: int | None = 8
    opaque: bool = True
    strict_masks: bool = True
    mask_alpha: bool = True
