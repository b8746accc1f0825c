"""What the rules need to know about a picture, so that they can be checked without its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ImageFormat = Literal["PNG", "JPEG", "WEBP"]


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """Facts about one encoded picture.

    Attributes:
        width: pixels, after EXIF orientation.
        height: pixels, after EXIF orientation.
        format: container format found in the bytes, never the one a file name claims.
        mode: Pillow's mode (`RGB`, `RGBA`, `L`, `P`, `I;16`, ...).
        size_bytes: length of the encoded bytes (not of their base64 form).
        bits_per_channel: 1, 2, 4, 8 or 16.
        transparent: True if at least one pixel is not fully opaque.
        black_and_white: True if every pixel is exactly (0,0,0) or (255,255,255); None where nobody looked (only at masks).
    """

    width: int
    height: int
    format: ImageFormat
    mode: str
    size_bytes: int
    bits_per_channel: int = 8
    transparent: bool = False
    black_and_white: bool | None = None
