"""Which pixels an edit may change: mask pictures with Bedrock's polarity, and mask prompts read by simple rules.

Polarity (Titan and Nova Canvas): INPAINTING and VIRTUAL_TRY_ON change black and keep white; OUTPAINTING keeps black and changes
white. A mask prompt names the black area in each case: what inpainting replaces, what outpainting keeps.
"""

from __future__ import annotations

import numpy as np

from darkroom_worker.local_bedrock.engine.encode import decode
from darkroom_worker.local_bedrock.engine.garments import body_area
from darkroom_worker.local_bedrock.engine.lexicon import COLOURS
from darkroom_worker.local_bedrock.engine.order import Order
from darkroom_worker.local_bedrock.engine.raster import (
    Mask,
    Pixels,
    areas,
    blur,
    close_gaps,
    edges,
    grid,
    grow,
    hsv,
    open_specks,
    resize_pixels,
)
from darkroom_worker.local_bedrock.engine.subject import subject_mask
from darkroom_worker.local_bedrock.engine.vision import words_of

_BACKGROUND = frozenset(["background", "backdrop", "surroundings", "scenery", "everything", "behind"])
_SKY = frozenset(["sky", "clouds", "cloud", "heaven"])
_GROUND = frozenset(
    ["ground", "floor", "grass", "table", "desk", "road", "sand", "street", "lawn", "water", "sea", "field", "foreground"]
)
_GARMENT_WORDS: dict[str, str] = {
    "UPPER_BODY": "shirt blouse jacket coat sweater jumper top hoodie suit spacesuit uniform vest clothes clothing outfit",
    "LOWER_BODY": "pants trousers jeans skirt shorts leggings",
    "FULL_BODY": "dress gown robe jumpsuit",
    "FOOTWEAR": "shoe shoes boots sneakers sandals footwear",
    "HEAD": "face head",
}
_GARMENTS = {word: garment for garment, words in _GARMENT_WORDS.items() for word in words.split()}
_SMALLEST_SHARE = 0.003


def black_area(data: bytes, width: int, height: int) -> Mask:
    """True where a mask picture is black (darker than half: JPEG masks are not perfectly pure)."""
    pixels = decode(data)
    if pixels.shape[:2] != (height, width):
        pixels = resize_pixels(pixels, width, height, "nearest")
    return np.asarray(pixels.mean(axis=2) < 127.5, dtype=np.bool_)


def named_area(order: Order, pixels: Pixels) -> Mask:
    """The black area of an INPAINTING or OUTPAINTING order: from its mask picture, else from its mask prompt."""
    height, width = pixels.shape[:2]
    data = order.picture("maskImage")
    if data is not None:
        return black_area(data, width, height)
    return prompted_area(pixels, str(order.params.get("maskPrompt") or ""))


def prompted_area(pixels: Pixels, prompt: str) -> Mask:
    """The area a mask prompt names, a little wider than found: an edge left behind looks worse than a pixel too many."""
    area = found_area(pixels, prompt)
    return area if set(words_of(prompt)) & _BACKGROUND else grow(area, max(2, round(min(pixels.shape[:2]) * 0.01)))


def found_area(pixels: Pixels, prompt: str) -> Mask:
    """The area a prompt names, tightly; the subject where no rule knows the words.

    Rules, the first that fits: background words, sky, ground, garments and body parts (people), a colour. Never empty.
    """
    area = _by_rules(pixels, words_of(prompt))
    if area is None or area.mean() < _SMALLEST_SHARE or area.mean() > 0.995:
        return _subject_or_middle(pixels)
    return area


def _by_rules(pixels: Pixels, words: tuple[str, ...]) -> Mask | None:
    known = set(words)
    if known & _BACKGROUND:
        return np.logical_not(grow(_subject_or_middle(pixels), max(1, min(pixels.shape[:2]) // 250)))
    if known & _SKY:
        return _sky(pixels)
    garment = next((_GARMENTS[word] for word in words if word in _GARMENTS), None)
    if garment is not None:
        return body_area(pixels, garment)
    if known & _GROUND:
        return _ground(pixels)
    colour = next((word for word in words if word in COLOURS), None)
    return None if colour is None else _coloured(pixels, colour)


def _subject_or_middle(pixels: Pixels) -> Mask:
    mask = subject_mask(pixels)
    if mask.mean() > _SMALLEST_SHARE:
        return mask
    height, width = pixels.shape[:2]
    x, y = grid(width, height)
    return np.asarray(((x / width - 0.5) / 0.28) ** 2 + ((y / height - 0.5) / 0.34) ** 2 < 1, dtype=np.bool_)


def _sky(pixels: Pixels) -> Mask:
    """Smooth pixels connected to the top edge."""
    smooth = _smooth(pixels) & ~subject_mask(pixels)
    labels, _ = areas(smooth)
    touching = np.unique(labels[: max(1, pixels.shape[0] // 50)])
    return close_gaps(np.isin(labels, touching[touching > 0]), max(2, min(pixels.shape[:2]) // 60))


def _smooth(pixels: Pixels) -> Mask:
    rough = blur(edges(pixels, 30, 80), min(pixels.shape[:2]) * 0.006)
    return np.asarray(rough < 0.04, dtype=np.bool_)


def _ground(pixels: Pixels) -> Mask:
    """Everything but the subject below a line at the subject's lower third, or the lower 40 %."""
    height, width = pixels.shape[:2]
    subject = subject_mask(pixels)
    rows = np.flatnonzero(subject.any(axis=1))
    line = rows[0] + (rows[-1] - rows[0]) * 0.66 if rows.size and rows[-1] < 0.97 * height else 0.6 * height
    _, y = grid(width, height)
    return np.asarray(np.broadcast_to(y > line, subject.shape) & ~subject, dtype=np.bool_)


def _coloured(pixels: Pixels, name: str) -> Mask:
    """Pixels of about that colour, the largest areas of them."""
    height, width = pixels.shape[:2]
    sample = np.round(np.asarray(COLOURS[name])[None, None] * 255).astype(np.uint8)
    hue, saturation, value = (int(part) for part in hsv(sample)[0, 0])
    planes = hsv(pixels).astype(np.int16)
    if saturation < 45:
        near = (planes[..., 1] < 60) & (np.abs(planes[..., 2] - value) < 55)
    else:
        turn = np.abs(planes[..., 0] - hue)
        near = (np.minimum(turn, 180 - turn) < 12) & (planes[..., 1] > 70) & (planes[..., 2] > 40)
    area = open_specks(close_gaps(np.asarray(near, np.bool_), max(2, min(height, width) // 90)), max(1, min(height, width) // 150))
    labels, facts = areas(area)
    order = np.argsort(-facts[1:, 4], kind="stable")[:3] + 1
    return np.isin(labels, order)
