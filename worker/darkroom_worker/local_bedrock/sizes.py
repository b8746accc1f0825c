"""How large pictures become where AWS names no number: aspect ratios and upscales. Both engines go by this."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from darkroom_shared.core.image_facts import ImageFacts

Size = tuple[int, int]
"""Width and height in pixels."""

DEFAULT_SIZE: Size = (1024, 1024)
ASPECT_RATIOS: Mapping[str, Size] = {
    "16:9": (1344, 768),
    "1:1": (1024, 1024),
    "21:9": (1536, 640),
    "2:3": (832, 1216),
    "3:2": (1216, 832),
    "4:5": (896, 1088),
    "5:4": (1088, 896),
    "9:16": (768, 1344),
    "9:21": (640, 1536),
}
"""aspect_ratio -> size: about a megapixel, multiples of 64, 640 to 1536 a side. AWS names the range, not the pairs; these are the
pairs of SDXL and SD3 nearest to each ratio."""

UPSCALE_SIDE = 4096
UPSCALE_PIXELS = 9_437_184
"""Bounds of a conservative or creative upscale: 4K, and no more pixels than the image services take, to which it may go on."""

_TO_4K = frozenset({"CONSERVATIVE_UPSCALE", "CREATIVE_UPSCALE"})


def frame_of(aspect_ratio: object) -> Size:
    """The size for an aspect ratio; the square for one that is absent or not known."""
    return ASPECT_RATIOS.get(aspect_ratio, DEFAULT_SIZE) if isinstance(aspect_ratio, str) else DEFAULT_SIZE


def upscaled_size(width: int, height: int) -> Size:
    """The size of a 4K upscale: as large as both bounds allow in the same proportion, never smaller than the input."""
    factor = max(1.0, min(UPSCALE_SIDE / max(width, height), sqrt(UPSCALE_PIXELS / (width * height))))
    return int(width * factor), int(height * factor)


def native_size(task_type: str, body: Mapping[str, object], facts: Mapping[str, ImageFacts]) -> Size:
    """The size of a native task's picture where the catalogue does not know it."""
    picture = facts.get("/init_image") or facts.get("/image")
    if picture is None or task_type == "STYLE_GUIDE":  # whose picture gives the style, not the size
        return frame_of(body.get("aspect_ratio"))
    size = picture.width, picture.height
    return upscaled_size(*size) if task_type in _TO_4K else size
