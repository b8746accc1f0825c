"""Where clothes sit on a person in a photograph: the subject's outline, skin colour and the proportions of a body.

There is no body model in any installed package, so this is a rule of thumb: good for one upright person, honest about nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkroom_worker.local_bedrock.engine.oklab import to_lab
from darkroom_worker.local_bedrock.engine.raster import (
    Mask,
    Pixels,
    areas,
    bounds,
    close_gaps,
    depth,
    grid,
    grow,
    hsv,
    median,
    open_specks,
    resize,
    resize_pixels,
    ycrcb,
)
from darkroom_worker.local_bedrock.engine.subject import subject_mask

# Band of the body for each kind of garment, in head heights below the chin (a standing adult is about 7.5 heads tall).
_BANDS: dict[str, tuple[float, float]] = {
    "HEAD": (-1.3, 0.0),
    "UPPER_BODY": (0.12, 2.9),
    "LOWER_BODY": (2.4, 6.3),
    "FULL_BODY": (0.12, 6.3),
    "FOOTWEAR": (5.9, 7.0),
}
_CLASSES: dict[str, str] = {
    **dict.fromkeys(("UPPER_BODY", "LONG_SLEEVE_SHIRT", "SHORT_SLEEVE_SHIRT", "NO_SLEEVE_SHIRT", "OTHER_UPPER_BODY"), "UPPER_BODY"),
    **dict.fromkeys(("LOWER_BODY", "LONG_PANTS", "SHORT_PANTS", "OTHER_LOWER_BODY"), "LOWER_BODY"),
    **dict.fromkeys(("FULL_BODY", "LONG_DRESS", "SHORT_DRESS", "FULL_BODY_OUTFIT", "OTHER_FULL_BODY"), "FULL_BODY"),
    **dict.fromkeys(("FOOTWEAR", "SHOES", "BOOTS", "OTHER_FOOTWEAR"), "FOOTWEAR"),
    "HEAD": "HEAD",
}
_OTHER_CLOTH = 0.36
_WORK_SIDE = 512
_SHORTER: dict[str, float] = {"SHORT_PANTS": 4.2, "SHORT_DRESS": 4.4}


@dataclass(frozen=True, slots=True)
class Person:
    """A person found in a photograph.

    Attributes:
        outline: all of the person.
        skin: face, hands and other bare skin.
        face: left, top, right, bottom of the face in pixels.
    """

    outline: Mask
    skin: Mask
    face: tuple[int, int, int, int]


def find_person(pixels: Pixels) -> Person | None:
    """The person a photograph shows; None if no face-like area of skin is found in the upper part of the subject."""
    small, factor = _reduced(pixels)
    person = _person(small, subject_mask(pixels))
    if person is None or factor == 1:
        return person
    left, top, right, bottom = (round(value / factor) for value in person.face)
    return Person(_resized(person.outline, pixels), _resized(person.skin, pixels), (left, top, right, bottom))


def _reduced(pixels: Pixels) -> tuple[Pixels, float]:
    """The photograph at no more than the working size, and the factor that took it there."""
    height, width = pixels.shape[:2]
    factor = min(1.0, _WORK_SIDE / max(height, width))
    return resize_pixels(pixels, round(width * factor), round(height * factor)), factor


def _resized(mask: Mask, pixels: Pixels) -> Mask:
    height, width = pixels.shape[:2]
    return resize(mask.astype(np.float32), width, height, "linear") > 0.5


def _person(pixels: Pixels, subject: Mask) -> Person | None:
    """The person in a reduced photograph; the subject may still be of the full size."""
    outline = _resized(subject, pixels)
    box = bounds(outline)
    if box is None:
        return None
    skin = _skin(pixels) & grow(outline, 2)
    face = _face(skin, box)
    return None if face is None else Person(outline, skin, face)


def _skin(pixels: Pixels) -> Mask:
    planes = ycrcb(pixels)
    red, blue = planes[..., 1], planes[..., 2]
    # Chai and Ngan, 1999: skin of all tones lies in this range of chroma. Luma only drops black.
    skin = (red >= 136) & (red <= 175) & (blue >= 77) & (blue <= 127) & (planes[..., 0] > 50)
    # Orange and red cloth shares that chroma range but is far more saturated than skin.
    skin &= hsv(pixels)[..., 1] < 170
    side = min(pixels.shape[:2])
    return open_specks(close_gaps(np.asarray(skin, np.bool_), side // 130), side // 130)


def _face(skin: Mask, box: tuple[int, int, int, int]) -> tuple[int, int, int, int] | None:
    """The best face among areas of skin: large, high up, roughly as wide as tall."""
    left, top, right, bottom = box
    _, facts = areas(skin)
    best: tuple[float, tuple[int, int, int, int]] | None = None
    for x, y, wide, tall, count in (tuple(int(value) for value in row) for row in facts[1:]):
        ratio = tall / max(wide, 1)
        if count < 0.003 * (right - left) * (bottom - top) or not 0.6 < ratio < 2.6 or count < 0.3 * wide * tall:
            continue
        height_share = (y + tall / 2 - top) / max(bottom - top, 1)
        score = count * max(0.0, 1 - 1.5 * height_share)
        if score > 0 and (best is None or score > best[0]):
            # A neck belongs to the same area: a face is at most 1.35 times as tall as wide.
            best = score, (x, y, x + wide, y + min(tall, round(wide * 1.35)))
    return best[1] if best else None


def garment_group(garment: str) -> str:
    """The part of the body that a garment class covers: UPPER_BODY, LOWER_BODY, FULL_BODY, FOOTWEAR or HEAD."""
    return _CLASSES.get(garment, "UPPER_BODY")


def body_area(pixels: Pixels, garment: str, *, bare: bool = False) -> Mask | None:
    """Where a garment of that class sits; None if no person was found.

    Args:
        garment: one of Nova Canvas's garment classes, or HEAD.
        bare: True counts skin inside the band too (arms under a long sleeve).
    """
    small, _ = _reduced(pixels)
    person = _person(small, subject_mask(pixels))
    if person is None:
        return None
    area = _largest_parts(_dressed(small, person, garment, bare=bare))
    return _resized(area, pixels)


def _dressed(pixels: Pixels, person: Person, garment: str, *, bare: bool) -> Mask:
    group = garment_group(garment)
    start, end = _BANDS[group]
    end = _SHORTER.get(garment, end)
    left, top, right, bottom = person.face
    # Hair of a warm tone counts as skin here, so the box is nearly the whole head.
    head = (bottom - top) * 1.08
    height, width = person.outline.shape
    x, y = grid(width, height)
    band = (y > bottom + start * head) & (y < bottom + end * head)
    reach = np.abs(x - (left + right) / 2) < head * 1.4
    area = person.outline & band & reach
    if group != "HEAD" and not bare:
        # Small spots are buttons and badges, not hands.
        area &= ~grow(open_specks(person.skin, max(1, round(head * 0.09))), max(1, round(head * 0.02)))
        area = _of_one_cloth(pixels, np.asarray(area, np.bool_), head)
    return _without_holes(
        close_gaps(open_specks(np.asarray(area, np.bool_), max(1, round(head * 0.05))), max(1, round(head * 0.06)))
    )


def _of_one_cloth(pixels: Pixels, area: Mask, head: float) -> Mask:
    """The area without large things of quite another colour: a helmet, a bag or a bare table in front of the body."""
    if not area.any():
        return area
    lab = to_lab(median(pixels, 5))
    typical = np.median(lab[area], axis=0)
    other = area & (np.linalg.norm((lab - typical) * np.array([0.8, 2, 2], np.float32), axis=2) > _OTHER_CLOTH)
    large = open_specks(close_gaps(other, max(1, round(head * 0.06))), max(1, round(head * 0.11)))
    large = grow(large, max(1, round(head * 0.1))) & area & (other | (depth(~large) < head * 0.1))
    return area & ~large if large.sum() < 0.5 * area.sum() else area


def _largest_parts(area: Mask) -> Mask:
    """The area without parts below a twentieth of its largest one."""
    labels, facts = areas(area)
    if len(facts) < 2:
        return area
    small = np.flatnonzero(facts[:, 4] < 0.05 * facts[1:, 4].max())
    return area & ~np.isin(labels, small)


def _without_holes(area: Mask) -> Mask:
    """The area with everything it encloses on all sides."""
    labels, _ = areas(np.pad(~area, 1, constant_values=True))
    return np.asarray((labels != labels[0, 0])[1:-1, 1:-1], dtype=np.bool_)
